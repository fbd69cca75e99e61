using Grid.Formats.Operations;

namespace Grid.Silo.Telemetry;

/// <summary>Operations on one keyspace at this silo's primaries, by kind and outcome.</summary>
/// <remarks>Thread-safe. Striped, so that primaries seldom count in the same cache line.</remarks>
internal sealed class OperationTally(string keyspace)
{
    /// <summary>Kinds of operations, 0 included.</summary>
    public const int Kinds = 10;

    /// <summary>Outcomes, rounded up to whole cache lines.</summary>
    public const int Statuses = 16;

    private const int Stripes = 8;
    private const int Cells = Kinds * Statuses;

    private readonly long[] _counts = new long[Stripes * Cells];
    private long _expired;

    /// <summary>The keyspace's name, or the one that stands for the rest.</summary>
    public string Keyspace { get; } = keyspace;

    /// <summary>Entries that expired.</summary>
    public long Expired => Volatile.Read(ref _expired);

    /// <summary>Counts operations.</summary>
    public void Add(OperationKind kind, OperationStatus status, int count, int stripe) =>
        Interlocked.Add(ref _counts[((stripe & (Stripes - 1)) * Cells) + ((int)kind * Statuses) + (int)status], count);

    /// <summary>Counts an entry that expired.</summary>
    public void AddExpired() => Interlocked.Increment(ref _expired);

    /// <summary>How many of a kind ended so.</summary>
    public long Of(OperationKind kind, OperationStatus status)
    {
        long sum = 0;
        for (int at = ((int)kind * Statuses) + (int)status; at < _counts.Length; at += Cells)
            sum += Volatile.Read(ref _counts[at]);
        return sum;
    }

    /// <summary>Adds all counts to <paramref name="cells"/>.</summary>
    public void AddTo(long[] cells)
    {
        for (int i = 0; i < _counts.Length; i++)
            cells[i % Cells] += Volatile.Read(ref _counts[i]);
    }

    /// <summary>Room for <see cref="AddTo"/>.</summary>
    public static long[] NewCells() => new long[Cells];
}
