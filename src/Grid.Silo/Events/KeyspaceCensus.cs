using Grid.Client.Contracts.Operator;
using Grid.Formats.Operations;
using Grid.Silo.Copies;
using Grid.Silo.Telemetry;
using Grid.Storage;

namespace Grid.Silo.Events;

/// <summary>What the keyspaces hold, at one silo and all together.</summary>
internal static class KeyspaceCensus
{
    /// <summary>What this silo's copies have.</summary>
    public static List<KeyspaceReport> Of(CopyHost host, OperationMeter operations, string? name)
    {
        Dictionary<string, KeyspaceReport> found = new(StringComparer.Ordinal);
        foreach (HostedCopy hosted in host.All)
        {
            bool reigns = hosted.Primary is { IsDown: false };
            (string Name, KeyspaceStatistics Statistics)[] there = hosted.Use(copy => hosted.IsFreed
                ? []
                : copy.Store.Keyspaces.Where(keyspace => name is null || keyspace.Name == name).Select(static keyspace => (keyspace.Name, keyspace.Statistics)).ToArray());
            foreach ((string keyspace, KeyspaceStatistics statistics) in there)
            {
                KeyspaceReport report = found.GetValueOrDefault(keyspace) ?? new KeyspaceReport { Name = keyspace };
                found[keyspace] = !reigns
                    ? report with { ReplicaMemoryBytes = report.ReplicaMemoryBytes + statistics.MemoryBytes }
                    : report with
                    {
                        Entries = report.Entries + statistics.Entries,
                        DataBytes = report.DataBytes + statistics.KeyBytes + statistics.ValueBytes,
                        MemoryBytes = report.MemoryBytes + statistics.MemoryBytes,
                        Shares = name is null ? [] : [.. report.Shares, new KeyspaceShare(hosted.Shard, host.Silo, statistics.Entries, statistics.MemoryBytes)],
                    };
            }
        }

        return [.. found.Values.Select(report => WithOperations(report, operations.TallyOf(report.Name)))];
    }

    /// <summary>All silos' answers together, by name.</summary>
    public static List<KeyspaceReport> Merge(IEnumerable<KeyspaceReport> reports) =>
        [.. reports.GroupBy(static report => report.Name, StringComparer.Ordinal).Select(static parts => parts.Aggregate(Sum)).OrderBy(static report => report.Name, StringComparer.Ordinal)];

    private static KeyspaceReport Sum(KeyspaceReport one, KeyspaceReport other) => new()
    {
        Name = one.Name,
        Entries = one.Entries + other.Entries,
        DataBytes = one.DataBytes + other.DataBytes,
        MemoryBytes = one.MemoryBytes + other.MemoryBytes,
        ReplicaMemoryBytes = one.ReplicaMemoryBytes + other.ReplicaMemoryBytes,
        Reads = one.Reads + other.Reads,
        Writes = one.Writes + other.Writes,
        Hits = one.Hits + other.Hits,
        Misses = one.Misses + other.Misses,
        Expired = one.Expired + other.Expired,
        Failed = one.Failed + other.Failed,
        Shares = [.. one.Shares.Concat(other.Shares).OrderBy(static share => share.Shard)],
    };

    /// <summary>Keyspaces beyond the number that is counted by name have no operations of their own.</summary>
    private static KeyspaceReport WithOperations(KeyspaceReport report, OperationTally tally)
    {
        if (tally.Keyspace != report.Name)
            return report;
        long reads = 0;
        long all = 0;
        long failed = 0;
        foreach (OperationKind kind in Enum.GetValues<OperationKind>())
        {
            long ofKind = Enum.GetValues<OperationStatus>().Sum(status => tally.Of(kind, status));
            all += ofKind;
            failed += Enum.GetValues<OperationStatus>().Where(static status => status > OperationStatus.ConditionFailed).Sum(status => tally.Of(kind, status));
            if (kind is OperationKind.Get or OperationKind.Peek or OperationKind.Scan or OperationKind.Statistics)
                reads += ofKind;
        }

        return report with
        {
            Reads = reads,
            Writes = all - reads,
            Hits = tally.Of(OperationKind.Get, OperationStatus.Ok) + tally.Of(OperationKind.Peek, OperationStatus.Ok),
            Misses = tally.Of(OperationKind.Get, OperationStatus.NotFound) + tally.Of(OperationKind.Peek, OperationStatus.NotFound),
            Expired = tally.Expired,
            Failed = failed,
        };
    }
}
