using System.Globalization;
using Grid.Client.Contracts.Operator;

namespace Grid.Silo.Events;

/// <summary>
/// What fails again and again until it works, as two events: that it began, and that it is over. What comes and goes is told of twice a minute at most, so that
/// one trouble does not push everything else out of the ring.
/// </summary>
/// <remarks>Thread-safe. Bounded: the caller's subjects are few.</remarks>
internal sealed class Troubles(EventRing events, TimeProvider time)
{
    /// <summary>A trouble that begins sooner after the last one of its subject was told is not told.</summary>
    public static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Trouble> _troubles = new(StringComparer.Ordinal);

    /// <summary>How many subjects fail: what works looks no further while none does.</summary>
    private int _failing;

    /// <summary>A subject failed.</summary>
    /// <param name="subject">What failed; its next success ends the trouble.</param>
    /// <param name="severity">How much it matters.</param>
    /// <param name="shard">The shard that it is about; null where it is about none.</param>
    /// <param name="text">What failed and why.</param>
    /// <param name="about">The other silo that it is about.</param>
    public void Failed(string subject, EventSeverity severity, int? shard, string text, string about = "")
    {
        lock (_gate)
        {
            if (!_troubles.TryGetValue(subject, out Trouble? trouble))
                _troubles.Add(subject, trouble = new Trouble());
            trouble.Failures++;
            if (trouble.Failures > 1)
                return;
            _failing++;
            trouble.Since = time.GetTimestamp();
            trouble.IsTold = trouble.ToldAt is not { } told || time.GetElapsedTime(told) >= QuietTime;
            if (!trouble.IsTold)
                return;
            trouble.ToldAt = trouble.Since;
            Add(severity, shard, text, about);
        }
    }

    /// <summary>Whether a subject failed the last time.</summary>
    public bool IsFailing(string subject)
    {
        lock (_gate)
            return _troubles.TryGetValue(subject, out Trouble? trouble) && trouble.Failures > 0;
    }

    /// <summary>A subject works; if it failed before, that is over.</summary>
    /// <param name="subject">What works.</param>
    /// <param name="shard">The shard that it is about.</param>
    /// <param name="text">What works again, to which is added after what time and how many failures.</param>
    public void Works(string subject, int? shard, string text)
    {
        if (Volatile.Read(ref _failing) == 0)
            return;
        lock (_gate)
        {
            if (!_troubles.TryGetValue(subject, out Trouble? trouble) || trouble.Failures == 0)
                return;
            _failing--;
            if (trouble.IsTold)
            {
                string spent = time.GetElapsedTime(trouble.Since).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
                Add(EventSeverity.Info, shard, $"{text}, after {spent} s and {trouble.Failures.ToString("N0", CultureInfo.InvariantCulture)} failures", "");
            }

            trouble.Failures = 0;
        }
    }

    private void Add(EventSeverity severity, int? shard, string text, string about)
    {
        if (shard is { } number)
            events.Add(EventKind.Failure, severity, number, 0, text, about);
        else
            events.Add(EventKind.Failure, severity, text, about);
    }

    private sealed class Trouble
    {
        public long Failures { get; set; }

        public long Since { get; set; }

        public long? ToldAt { get; set; }

        public bool IsTold { get; set; }
    }
}
