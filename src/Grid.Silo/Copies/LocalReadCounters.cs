using System.Diagnostics.Metrics;

namespace Grid.Silo.Copies;

/// <summary>How a local read ended.</summary>
internal enum LocalReadOutcome
{
    /// <summary>This silo's copy answered.</summary>
    Answered,

    /// <summary>This silo has no copy of the shard.</summary>
    NoCopy,

    /// <summary>The copy is not known to be fresh enough, or is being loaded or replaced.</summary>
    Stale,

    /// <summary>The primary's copy shows what is not committed yet.</summary>
    Uncommitted,

    /// <summary>The copy's writer was in the way every time.</summary>
    Busy,
}

/// <summary>Counts local reads, on the meter "Grid": too many for an instrument to be told of each.</summary>
internal sealed class LocalReadCounters : IDisposable
{
    private const int Outcomes = 5;
    private const int Stripes = 16;

    /// <summary>Two cache lines, so that no two threads' counts share one.</summary>
    private const int StrideLongs = 16;

    private readonly long[] _counts = new long[Stripes * StrideLongs];
    private readonly Meter _meter = new("Grid");

    public LocalReadCounters()
    {
        _meter.CreateObservableCounter("grid.local.hits", () => Of(LocalReadOutcome.Answered), "{read}", "Local reads that a copy on this silo answered.");
        _meter.CreateObservableCounter("grid.local.fallbacks", Fallbacks, "{read}", "Local reads that went to the primary, by reason.");
    }

    /// <summary>Counts one.</summary>
    public void Count(LocalReadOutcome outcome) =>
        Interlocked.Increment(ref _counts[(Environment.CurrentManagedThreadId % Stripes * StrideLongs) + (int)outcome]);

    /// <summary>How many ended so.</summary>
    public long Of(LocalReadOutcome outcome)
    {
        long sum = 0;
        for (int stripe = 0; stripe < Stripes; stripe++)
            sum += Volatile.Read(ref _counts[(stripe * StrideLongs) + (int)outcome]);
        return sum;
    }

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Fallbacks()
    {
        for (LocalReadOutcome outcome = LocalReadOutcome.NoCopy; (int)outcome < Outcomes; outcome++)
            yield return new Measurement<long>(Of(outcome), new KeyValuePair<string, object?>("reason", outcome.ToString()));
    }
}
