using Grid.Replication.Records;

namespace Grid.Replication.Primary;

/// <summary>A primary asks copies for a lease; the answer is <see cref="ShardPrimary.OnGranted"/>.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Epoch">The reign.</param>
/// <param name="Number">Which request this is.</param>
/// <param name="LeaseMs">How long a grant lasts from its receipt on, in milliseconds.</param>
/// <param name="RecordVersion">The version of the record as the primary knows it.</param>
public readonly record struct LeaseRequest(int Shard, long Epoch, long Number, int LeaseMs, long RecordVersion);

/// <summary>
/// Who has granted the reign how much time. A grant lasts for the copy that gave it from the moment when it got the request;
/// for the primary it ends earlier, as long after it sent the request as it asked for in it, less a margin for clocks that do not run alike.
/// </summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class Lease
{
    private const int Remembered = 32;

    private readonly long[] _endsAtMs = new long[Remembered];
    private readonly Dictionary<CopyName, long> _grantedUntilMs = [];
    private long _number;

    /// <summary>When all copies were last asked.</summary>
    public long AskedAtMs { get; set; } = long.MinValue / 2;

    /// <summary>Copies are asked now for so much time; gives the number of the request.</summary>
    public long Ask(long nowMs, int leaseMs)
    {
        _endsAtMs[++_number % Remembered] = nowMs + leaseMs - Margin(leaseMs);
        return _number;
    }

    /// <summary>A copy has granted what it was asked with a number; answers to requests long past count for nothing.</summary>
    public void Grant(CopyName copy, long number)
    {
        if (number <= _number - Remembered || number > _number || number < 1)
            return;
        _grantedUntilMs[copy] = Math.Max(_grantedUntilMs.GetValueOrDefault(copy, long.MinValue), _endsAtMs[number % Remembered]);
    }

    /// <summary>True while the copy's newest grant lasts.</summary>
    public bool HasGrant(CopyName copy, long nowMs) => nowMs < EndsAtMs([copy]);

    /// <summary>When the first of the grants of <paramref name="copies"/> ends for the primary; never, where nobody has to grant.</summary>
    public long EndsAtMs(ReadOnlySpan<CopyName> copies)
    {
        long ends = long.MaxValue;
        foreach (CopyName copy in copies)
            ends = Math.Min(ends, _grantedUntilMs.GetValueOrDefault(copy, long.MinValue));
        return ends;
    }

    /// <summary>Only copies that are asked need to be remembered.</summary>
    public void Keep(IReadOnlyCollection<CopyName> asked)
    {
        foreach (CopyName copy in _grantedUntilMs.Keys.Where(copy => !asked.Contains(copy)).ToArray())
            _grantedUntilMs.Remove(copy);
    }

    private static int Margin(int leaseMs) => Math.Max(1, leaseMs / 20);
}
