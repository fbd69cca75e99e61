using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Grid.Storage;

namespace Grid.Silo.Telemetry;

/// <summary>What there is to measure of one copy at one moment.</summary>
internal sealed record CopyLook
{
    public const string Primary = "primary";
    public const string Replica = "replica";

    public required int Shard { get; init; }

    public required string Role { get; init; }

    public required CopyState State { get; init; }

    public required string Phase { get; init; }

    public required long Epoch { get; init; }

    public required long LogEnd { get; init; }

    public required long Applied { get; init; }

    public required long Committed { get; init; }

    public required long BacklogBytes { get; init; }

    /// <summary>How old the state may be that the copy holds, in seconds; null while nothing can be said, and at a primary.</summary>
    public required double? LagSeconds { get; init; }

    /// <summary>Members of the in-sync set, the primary included; 0 at a replica.</summary>
    public required int InSync { get; init; }

    public required bool Faulted { get; init; }

    public required IReadOnlyList<LinkView> Links { get; init; }

    public required IReadOnlyList<(string Keyspace, KeyspaceStatistics Statistics)> Keyspaces { get; init; }

    /// <summary>Looks at every copy of the silo, each under its gate.</summary>
    public static CopyLook[] All(CopyHost host)
    {
        List<CopyLook> looks = [];
        foreach (HostedCopy hosted in host.All)
        {
            if (hosted.Use(copy => hosted.IsFreed ? null : Of(hosted, copy)) is { } look)
                looks.Add(look);
        }

        return [.. looks];
    }

    private static CopyLook Of(HostedCopy hosted, ShardCopy copy)
    {
        ShardPrimary? primary = hosted.Primary is { IsDown: false } reigning ? reigning : null;
        ReplicaPhase phase = hosted.Replica?.Phase ?? ReplicaPhase.Detached;
        long freshAtMs = copy.FreshAtMs;
        return new CopyLook
        {
            Shard = copy.Shard,
            Role = primary is null ? Replica : Primary,
            State = copy.State,
            Phase = primary is null ? phase.ToString() : "Reigning",
            Epoch = primary?.Epoch ?? copy.EpochSeen,
            LogEnd = copy.Log.EndOffset,
            Applied = copy.Applied,
            Committed = primary?.Committed ?? copy.CommittedSeen,
            BacklogBytes = copy.Log.Bytes,
            LagSeconds = primary is not null || freshAtMs == long.MinValue ? null : Math.Max(0, SiloClock.Now.MonotonicMs - freshAtMs) / 1000.0,
            InSync = primary is null ? 0 : primary.Record.InSync.Length,
            Faulted = hosted.Replica?.IsFaulted ?? false,
            Links = primary?.ViewLinks() ?? [],
            Keyspaces = [.. copy.Store.Keyspaces.Select(static keyspace => (keyspace.Name, keyspace.Statistics))],
        };
    }
}
