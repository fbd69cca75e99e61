using Grid.Formats.Operations;

namespace Grid.Server.Chaos.Histories;

/// <summary>An operation of a history, made ready for the search: values are numbers, times are on the clock of expiries too.</summary>
internal sealed class RegisterStep
{
    public RegisterStep(HistoryOperation source, int index, Values values, long originUnixMs)
    {
        Source = source;
        Index = index;
        Value = source.Action == HistoryAction.Set ? values.NumberOf(source.Value) : RegisterState.Absent;
        Found = source.Found is null ? RegisterState.Absent : values.NumberOf(source.Found);
        IsSure = source.IsSure;
        ReturnUs = source.ReturnUs ?? long.MaxValue;
        CallMs = originUnixMs + FloorMs(source.CallUs);
        ReturnMs = IsSure ? originUnixMs + FloorMs(ReturnUs) + 1 : RegisterState.Never;
        Observes = source.ChangesNothing;
        Carries = source.Outcome is HistoryOutcome.Done or HistoryOutcome.Unknown && source.Action switch
        {
            HistoryAction.Expire => true,
            HistoryAction.Increment => source.Number is null || (source.KeepsExpiry && source.ExpiresAtMs is null),
            HistoryAction.Set => source.KeepsExpiry && source.TimeToLiveMs == 0 && source.ExpiresAtMs is null,
            _ => false,
        };
    }

    public HistoryOperation Source { get; }

    public int Index { get; }

    public HistoryAction Action => Source.Action;

    public HistoryOutcome Outcome => Source.Outcome;

    public WriteCondition Condition => Source.Condition;

    public ulong Version => Source.Version;

    /// <summary>Number of the value that a set writes.</summary>
    public int Value { get; }

    /// <summary>Number of the value that was shown; <see cref="RegisterState.Absent"/> if none was.</summary>
    public int Found { get; }

    /// <summary>True when it took place, and before its return.</summary>
    public bool IsSure { get; }

    public long ReturnUs { get; }

    public long CallMs { get; }

    public long ReturnMs { get; }

    /// <summary>True for one that only looks.</summary>
    public bool Observes { get; }

    /// <summary>True when what it leaves behind depends on more of what it found than it was shown.</summary>
    public bool Carries { get; }


    /// <summary>Number of what was asked and shown, the same for all that are alike; -1 where time matters.</summary>
    public int Shape { get; set; } = -1;

    /// <summary>True for a write that must come behind all those with lower versions.</summary>
    public bool IsVersioned => Version != 0 && !Observes;

    private static long FloorMs(long us) => (long)Math.Floor(us / 1000.0);
}
