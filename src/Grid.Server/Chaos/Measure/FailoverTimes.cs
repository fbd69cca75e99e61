using System.Globalization;
using Grid.Client.Contracts.Operator;

namespace Grid.Server.Chaos.Measure;

/// <summary>What a probe saw of one fault.</summary>
internal sealed record FailoverTimes
{
    /// <summary>What was done.</summary>
    public required string What { get; init; }

    /// <summary>Milliseconds from the fault until every key was written again.</summary>
    public double EveryKeyWritableMs { get; init; }

    /// <summary>The same of the key that was first among those that had to wait for a change of primary.</summary>
    public double FirstShardBackMs { get; init; }

    /// <summary>Writes that failed, on any shard.</summary>
    public int Failed { get; init; }

    /// <summary>The longest write, in milliseconds.</summary>
    public double LongestMs { get; init; }

    /// <summary>When that one was begun, in milliseconds after the fault.</summary>
    public double LongestAtMs { get; init; }

    /// <summary>Shards of which the silo held no copy.</summary>
    public int UntouchedShards { get; init; }

    /// <summary>Writes to them that failed.</summary>
    public int UntouchedFailed { get; init; }

    /// <summary>The longest write to one of them.</summary>
    public double UntouchedLongestMs { get; init; }

    /// <summary>The longest write to a shard of which the silo held a replica.</summary>
    public double ReplicaLongestMs { get; init; }

    /// <summary>Acknowledged writes that are not there.</summary>
    public int Lost { get; init; }

    /// <summary>Some failures.</summary>
    public IReadOnlyList<string> Failures { get; init; } = [];

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{What}: every key writable after {EveryKeyWritableMs:0} ms (first shard {FirstShardBackMs:0}), longest write {LongestMs:0} ms (begun at {LongestAtMs:0}; where it held a replica {ReplicaLongestMs:0}, of {UntouchedShards} untouched shards {UntouchedLongestMs:0}), failed {Failed} (untouched {UntouchedFailed}), lost {Lost}");

    /// <summary>Reckons it from all writes.</summary>
    /// <param name="what">What was done.</param>
    /// <param name="writes">The writes.</param>
    /// <param name="faultUs">When it was done.</param>
    /// <param name="before">The status before; null when no silo is concerned.</param>
    /// <param name="silo">The silo's address.</param>
    public static FailoverTimes Of(string what, IReadOnlyList<ProbedWrite> writes, long faultUs, ClusterStatus before, string? silo)
    {
        HashSet<int> touched = [.. before.Shards.Where(shard => silo is null || shard.Copies.Any(copy => copy.Silo == silo)).Select(static shard => shard.Shard)];
        HashSet<int> reigned = [.. before.Shards.Where(shard => shard.Primary == silo).Select(static shard => shard.Shard)];
        ProbedWrite[] after = [.. writes.Where(write => write.ReturnUs > faultUs)];
        ProbedWrite[] first = [.. after.Where(write => write.Failure is null && write.CallUs > faultUs).GroupBy(static write => write.Key).Select(static key => key.MinBy(static write => write.CallUs))];
        ProbedWrite[] untouched = [.. after.Where(write => !touched.Contains(write.Shard))];
        ProbedWrite[] failed = [.. after.Where(static write => write.Failure is not null)];
        int keys = writes.Select(static write => write.Key).Distinct().Count();
        return new FailoverTimes
        {
            What = what,
            EveryKeyWritableMs = first.Length < keys ? double.PositiveInfinity : first.Max(write => write.ReturnUs - faultUs) / 1000.0,
            FirstShardBackMs = first.Where(write => reigned.Contains(write.Shard)).Select(write => (write.ReturnUs - faultUs) / 1000.0).DefaultIfEmpty().Min(),
            Failed = failed.Length,
            LongestMs = Longest(after),
            LongestAtMs = after.Length == 0 ? 0 : (after.MaxBy(static write => write.Ms).CallUs - faultUs) / 1000.0,
            UntouchedShards = before.Shards.Count - touched.Count,
            UntouchedFailed = untouched.Count(static write => write.Failure is not null),
            UntouchedLongestMs = Longest(untouched),
            ReplicaLongestMs = Longest(after.Where(write => touched.Contains(write.Shard) && !reigned.Contains(write.Shard))),
            Failures = [.. failed.Select(static write => write.Failure!).Distinct().Take(5)],
        };
    }

    private static double Longest(IEnumerable<ProbedWrite> writes) => writes.Select(static write => write.Ms).DefaultIfEmpty().Max();
}
