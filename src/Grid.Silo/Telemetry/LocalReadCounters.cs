namespace Grid.Silo.Telemetry;

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

/// <summary>Counts local reads: too many for an instrument to be told of each.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class LocalReadCounters
{
    private const int Stripes = 16;

    /// <summary>Two cache lines, so that no two threads' counts share one.</summary>
    private const int StrideLongs = 16;

    private readonly long[] _counts = new long[Stripes * StrideLongs];

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
}
