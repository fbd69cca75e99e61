using System.Globalization;

namespace Grid.Server.Chaos.Histories;

/// <summary>Gives each value of a key a number.</summary>
internal sealed class Values
{
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<(string Text, long? Counter)> _values = [];

    private readonly Dictionary<int, long> _lastShownUs = [];
    private readonly Dictionary<int, int> _writers = [];
    private readonly HashSet<ulong> _given = [];
    private readonly Dictionary<ulong, int> _valueOf = [];
    private bool _counts;

    /// <summary>
    /// False for a search that is to end no earlier than where a reader sees why: what somebody will be shown only later tells nothing then.
    /// </summary>
    public bool Foresees { get; init; } = true;

    /// <summary>True for a counter that nobody takes anything from and nobody resets.</summary>
    public bool OnlyGrows { get; private set; }

    public int NumberOf(string value)
    {
        if (!_numbers.TryGetValue(value, out int number))
        {
            _numbers.Add(value, number = _values.Count);
            bool counts = long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long counter);
            _values.Add((value, counts ? counter : null));
        }

        return number;
    }

    public int NumberOf(long counter) => NumberOf(counter.ToString(CultureInfo.InvariantCulture));

    public string TextOf(int number) => _values[number].Text;

    /// <summary>The value as a counter; null if it is no number.</summary>
    public long? CounterOf(int number) => _values[number].Counter;

    /// <summary>Takes note of who wrote what, and when it was shown.</summary>
    public void Know(IReadOnlyList<RegisterStep> steps)
    {
        OnlyGrows = steps.All(step => step.Observes || step is { Action: HistoryAction.Increment, Source: { Delta: > 0, TimeToLiveMs: 0 } });
        foreach (RegisterStep step in steps)
        {
            _counts |= step.Action == HistoryAction.Increment;
            if (step.IsVersioned)
                _given.Add(step.Version);
            if (step.Version != 0 && (step.IsVersioned ? step.Value : step.Found) is var value && value != RegisterState.Absent)
                _valueOf[step.Version] = _valueOf.GetValueOrDefault(step.Version, value) == value ? value : RegisterState.Absent;
            if (step.Value != RegisterState.Absent)
                _writers[step.Value] = _writers.GetValueOrDefault(step.Value) + 1;
            if (step.Found != RegisterState.Absent)
                _lastShownUs[step.Found] = Math.Max(_lastShownUs.GetValueOrDefault(step.Found, long.MinValue), step.IsSure ? step.Source.CallUs : long.MinValue);
        }
    }

    /// <summary>True for a version that a write was told to have given: no other write has given it.</summary>
    public bool IsGiven(ulong version) => _given.Contains(version);

    /// <summary>The value of the entry with a version, if it was ever told; otherwise <see cref="RegisterState.Absent"/>.</summary>
    public int ValueOf(ulong version) => _valueOf.GetValueOrDefault(version, RegisterState.Absent);

    /// <summary>True for a set of a value that nobody was ever shown: where there is an entry for ever anyway, it explains nothing.</summary>
    public bool IsHidden(RegisterStep step) =>
        !_counts && step is { Action: HistoryAction.Set, Source: { TimeToLiveMs: 0, KeepsExpiry: false } } && !_lastShownUs.ContainsKey(step.Value);

    /// <summary>When somebody last began what showed a value that has only one writer; otherwise long ago.</summary>
    public long LastShownUs(int value) =>
        Foresees && !_counts && _writers.GetValueOrDefault(value) == 1 ? _lastShownUs.GetValueOrDefault(value, long.MinValue) : long.MinValue;
}
