using Grid.Client.Contracts.Operator;
using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Replica;
using Grid.Silo;
using Grid.Silo.Copies;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>A running cluster in which something damages payloads where the checksums of items do not show it: memory, or a codec.</summary>
public sealed class FaultedReplicaTests
{
    [Fact]
    public async Task After_three_corrupt_snapshots_plaintext_is_asked_for_and_the_replica_shows_as_faulted_until_an_operator_has_it_try_anew()
    {
        StreamFaults faults = new(seed: 1);
        await using GridCluster cluster = await GridCluster.StartAsync(2, GridCluster.Small(shards: 1), faults);
        await cluster.UntilWholeAsync(copies: 2);
        await LoadAsync(cluster);
        InProcessSiloHandle replica = Assert.Single(cluster.ReplicasOf(0));
        Counters counters = cluster.Counters;
        long packedRounds = counters["grid.replication.rounds", "lz4", "every_member_decodes"];
        StreamFaults.Spoiling spoiling = faults.Spoil(GridConstants.SnapshotStreams, IsCompressedSnapshot, FlipInTheMiddle);
        Assert.Equal(0, await GaugeAsync(cluster, 0));

        await cluster.DropReplicaAsync(0, replica);
        await cluster.UntilWholeAsync(copies: 2);
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
        Assert.True(spoiling.Count == 3, $"{spoiling.Count} payloads were damaged\n{counters}");
        Assert.Equal(3, counters.Errors("corrupt"));
        Assert.Equal([new("corrupt", 3)], counters.ErrorsByType);
        Assert.Equal(1, counters["grid.replication.faulted"]);
        Assert.Equal(packedRounds + 3, counters["grid.replication.rounds", "lz4", "every_member_decodes"]);
        Assert.Equal(1, counters["grid.replication.rounds", "none", "member_cannot_decode"]);

        // The data are there and nothing is wrong with the sync any more; what damages payloads is, and shows.
        Assert.Equal(1, await GaugeAsync(cluster, 1));
        ClusterStatus status = await cluster.Client.GetGrain<IGridOperatorGrain>(0).GetStatusAsync();
        CopyStatus copy = Assert.Single(status.Shards[0].Copies, copy => copy.Faulted);
        Assert.Equal((replica.SiloAddress.ToParsableString(), "Following"), (copy.Silo, copy.Phase));
        Assert.Contains("checksum differs", copy.Fault, StringComparison.Ordinal);
        Assert.Contains(status.Warnings, warning => warning.Contains("three damaged payloads in a row", StringComparison.Ordinal));
        Assert.Equal(("none", "member_cannot_decode"), (status.Shards[0].Window?.Codec, status.Shards[0].Window?.Reason));
        Assert.Equal([replica.SiloAddress.ToParsableString()], status.Shards[0].Window?.CannotDecode);

        faults.Stop();
        GridSettings settings = cluster.ServicesOf(replica).GetRequiredService<GridSettings>();
        foreach (ReplicationCompression compression in (ReplicationCompression[])[ReplicationCompression.None, ReplicationCompression.Lz4])
            Assert.Empty(settings.Change(options => options.Compression = compression));
        await Until.TrueAsync(() => Replica(cluster, replica) is { IsFaulted: false, Phase: ReplicaPhase.Following } core && core.Traits.HasFlag(LinkTraits.PackedCommands), () => $"{Replica(cluster, replica)?.Phase}\n{counters}");
        Assert.Equal(0, await GaugeAsync(cluster, 0));
        await LoadAsync(cluster);
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
        Assert.Equal([new("corrupt", 3)], counters.ErrorsByType);
    }

    private static bool IsCompressedSnapshot(in LinkItem item, ReadOnlySpan<byte> body) =>
        item.Kind == LinkItemKind.SnapshotChunk && body.StartsWith("VCS"u8);

    private static int FlipInTheMiddle(Span<byte> body)
    {
        body[body.Length / 2] ^= 0x20;
        return body.Length;
    }

    private static ShardReplica? Replica(GridCluster cluster, InProcessSiloHandle silo) => cluster.ServicesOf(silo).GetRequiredService<CopyHost>().Find(0)?.Replica;

    /// <summary>The gauge once it shows what is expected; what is shown is a look that is good for a moment.</summary>
    private static async Task<long?> GaugeAsync(GridCluster cluster, long expected)
    {
        long? shown = null;
        await Until.TrueAsync(() => (shown = cluster.Counters.Gauge("grid.copy.faulted", "0")) == expected, () => $"grid.copy.faulted is {shown}");
        return shown;
    }

    private static async Task LoadAsync(GridCluster cluster)
    {
        RawClient client = new(cluster.Client, cluster.Shards);
        for (int key = 0; key < 50; key++)
            Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), await client.SetAsync(key, new string((char)('a' + (key % 26)), 1000)));
    }
}
