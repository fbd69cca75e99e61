using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Records;
using Grid.Silo;
using Grid.Streams;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>What only a real cluster shows of syncs that are disturbed: silos killed in the middle, activations that end, many at once.</summary>
public sealed class SyncTroubleTests
{
    /// <summary>
    /// The replica's load cannot end, since the last item of one channel is lost: so the primary surely dies in mid-sync,
    /// with this channel unfinished.
    /// </summary>
    [Theory]
    [InlineData(GridConstants.SnapshotStreams, LinkItemKind.SnapshotEnd)]
    [InlineData(GridConstants.CommandStreams, LinkItemKind.FullSync)]
    public async Task A_primarys_silo_killed_in_mid_sync_on_either_channel_leaves_all_that_was_acknowledged(string streams, LinkItemKind lost)
    {
        StreamFaults faults = new(seed: 1);
        await using GridCluster cluster = await GridCluster.StartAsync(3, options => Configure(options, shards: 1, replicas: 2), faults);
        await cluster.UntilWholeAsync(copies: 3);
        await LoadAsync(cluster, keys: 200);
        await using NumberWriters writers = new(cluster, keys: 4);
        await Until.TrueAsync("writes are acknowledged", () => writers.Acknowledged > 20);

        InProcessSiloHandle primary = cluster.PrimaryOf(0), loading = cluster.ReplicasOf(0)[0];
        Task inMidSync = faults.Trap(streams, lost, GridStreamFaultKind.Drop, key: loading.SiloAddress.ToParsableString(), times: 1000);
        await cluster.DropReplicaAsync(0, loading);
        await Until.OverAsync("an item of the sync is lost", inMidSync);
        await cluster.KillAsync(primary);
        faults.Stop();

        await cluster.UntilWholeAsync(copies: 2);
        await writers.StopAndFindAllAsync();
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    [Fact]
    public async Task A_replicas_silo_killed_in_mid_sync_leaves_the_other_member_its_snapshot()
    {
        StreamFaults faults = new(seed: 1);
        await using GridCluster cluster = await GridCluster.StartAsync(3, options => Configure(options, shards: 1, replicas: 2, windowMs: 1000), faults);
        await cluster.UntilWholeAsync(copies: 3);
        await LoadAsync(cluster, keys: 200);

        InProcessSiloHandle dying = cluster.ReplicasOf(0)[0], surviving = cluster.ReplicasOf(0)[1];
        long rounds = cluster.Counters.Rounds, completed = cluster.Counters.Syncs("full", "completed");
        Task inMidSync = faults.Trap(GridConstants.SnapshotStreams, LinkItemKind.SnapshotEnd, GridStreamFaultKind.Drop, key: dying.SiloAddress.ToParsableString(), times: 1000);
        await Task.WhenAll(cluster.DropReplicaAsync(0, dying), cluster.DropReplicaAsync(0, surviving));
        await Until.OverAsync("an item of the sync is lost", inMidSync);
        await cluster.KillAsync(dying);

        await cluster.UntilWholeAsync(copies: 2);
        Assert.Equal((rounds + 1, completed + 1), (cluster.Counters.Rounds, cluster.Counters.Syncs("full", "completed")));
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    [Fact]
    public async Task A_replica_whose_activation_ends_goes_on_from_its_copy_by_partial_resync()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(2, options => Configure(options, shards: 2, replicas: 1));
        await cluster.UntilWholeAsync(copies: 2);
        await LoadAsync(cluster, keys: 50);
        InProcessSiloHandle replica = Assert.Single(cluster.ReplicasOf(0));
        long full = cluster.Counters.Syncs("full", "completed"), partial = cluster.Counters.Syncs("partial", "completed");
        CopyName before = cluster.CopyOn(0, replica).Name;

        await cluster.DeactivateReplicaAsync(0, replica);
        await LoadAsync(cluster, keys: 50);
        await Until.TrueAsync("it goes on by partial resync", () => cluster.Counters.Syncs("partial", "completed") > partial);
        await cluster.UntilWholeAsync(copies: 2);
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
        Assert.Equal((full, before), (cluster.Counters.Syncs("full", "completed"), cluster.CopyOn(0, replica).Name));
    }

    [Fact]
    public async Task Many_replicas_that_come_back_at_once_share_one_snapshot_per_shard()
    {
        const int Shards = 6;
        await using GridCluster cluster = await GridCluster.StartAsync(4, options => Configure(options, Shards, replicas: 3, windowMs: 3000));
        await cluster.UntilWholeAsync(copies: 4);
        await LoadAsync(cluster, keys: 120);
        long rounds = cluster.Counters.Rounds, completed = cluster.Counters.Syncs("full", "completed");

        await Task.WhenAll(
            from shard in Enumerable.Range(0, Shards)
            from silo in cluster.ReplicasOf(shard)
            select cluster.DropReplicaAsync(shard, silo));
        await Until.TrueAsync(
            () => cluster.Counters.Syncs("full", "completed") >= completed + (3 * Shards),
            () => $"not all have come back\n{cluster.Counters}");
        await cluster.UntilWholeAsync(copies: 4);
        Assert.Equal((rounds + Shards, completed + (3 * Shards)), (cluster.Counters.Rounds, cluster.Counters.Syncs("full", "completed")));
        await cluster.UntilDigestsAreEqualAsync(copies: 4);
    }

    /// <summary>They come within one window while clients write on and on: one snapshot for the three, and each of them has what was written meanwhile.</summary>
    [Fact]
    public async Task Three_replicas_that_attach_together_under_writes_share_a_snapshot_and_end_equal()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(4, options => Configure(options, shards: 1, replicas: 3, windowMs: 2000));
        await cluster.UntilWholeAsync(copies: 4);
        await LoadAsync(cluster, keys: 400);
        await using NumberWriters writers = new(cluster, keys: 16);
        await Until.TrueAsync("writes are acknowledged", () => writers.Acknowledged > 20);
        long rounds = cluster.Counters.Rounds, completed = cluster.Counters.Syncs("full", "completed"), before = writers.Acknowledged;

        await Task.WhenAll(cluster.ReplicasOf(0).Select(silo => cluster.DropReplicaAsync(0, silo)));
        await Until.TrueAsync(() => cluster.Counters.Syncs("full", "completed") >= completed + 3, () => $"not all have come\n{cluster.Counters}");
        await cluster.UntilWholeAsync(copies: 4);
        Assert.Equal((rounds + 1, completed + 3), (cluster.Counters.Rounds, cluster.Counters.Syncs("full", "completed")));
        Assert.True(writers.Acknowledged > before, "Nobody wrote meanwhile.");
        await writers.StopAndFindAllAsync();
        await cluster.UntilDigestsAreEqualAsync(copies: 4);
    }

    /// <summary>
    /// The load takes longer than a stream may hold a delivery, since it is held to a slow pace, and the replica is full of mutations from early on: its
    /// command stream must not be taken for one whose consumer hangs.
    /// </summary>
    [Fact]
    public async Task A_replica_that_keeps_as_much_as_it_may_during_a_long_load_is_synced_once()
    {
        const int ValueBytes = 64 << 10, Entries = 200, Meanwhile = 40;
        await using GridCluster cluster = await GridCluster.StartAsync(2, options =>
        {
            Configure(options, shards: 1, replicas: 1);
            options.Compression = ReplicationCompression.None;
            options.KeptBytesMax = 1 << 20;
            options.SyncBytesPerSecondMax = 1 << 20;
        });
        await cluster.UntilWholeAsync(copies: 2);
        RawClient client = new(cluster.Client, cluster.Shards);
        for (int key = 0; key < Entries; key++)
            Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), await client.SetAsync(key, new string((char)('a' + (key % 26)), ValueBytes)));

        InProcessSiloHandle replica = Assert.Single(cluster.ReplicasOf(0));
        long rounds = cluster.Counters.Rounds, completed = cluster.Counters.Syncs("full", "completed");
        await cluster.DropReplicaAsync(0, replica);
        await Until.TrueAsync("the replica loads", () => cluster.Counters.Rounds > rounds);
        for (int key = 0; key < Meanwhile; key++)
            Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), await client.SetAsync(1000 + key, new string('z', ValueBytes)));

        await cluster.UntilWholeAsync(copies: 2);
        Assert.Equal((rounds + 1, completed + 1), (cluster.Counters.Rounds, cluster.Counters.Syncs("full", "completed")));
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    private static void Configure(GridOptions options, int shards, int replicas, int windowMs = 20)
    {
        options.ShardCount = shards;
        options.Replicas = replicas;
        options.SyncWindowMs = windowMs;
        options.ReplicaTimeoutMs = 3000;
    }

    private static async Task LoadAsync(GridCluster cluster, int keys)
    {
        RawClient client = new(cluster.Client, cluster.Shards);
        for (int key = 0; key < keys; key++)
            Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), await client.SetAsync(1000 + key, new string((char)('a' + (key % 26)), 1000)));
    }
}
