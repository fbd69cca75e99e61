using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Silo;
using Grid.Silo.Copies;
using Grid.Silo.Snapshots;
using Grid.Streams;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>What only a real cluster shows of syncs that are disturbed: silos killed in the middle, activations that end, many at once.</summary>
public sealed class SyncTroubleTests
{
    private const int ValueBytes = 64 << 10;

    /// <summary>
    /// The replica's load cannot end, since the last item of one channel is lost: so the primary surely dies in mid-sync,
    /// with this channel unfinished. It dies when the other replica has not got its last writes: who acknowledged them would lose them.
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

        InProcessSiloHandle primary = cluster.PrimaryOf(0), loading = cluster.ReplicasOf(0)[0], following = cluster.ReplicasOf(0)[1];
        Task inMidSync = faults.Trap(streams, lost, GridStreamFaultKind.Drop, key: loading.SiloAddress.ToParsableString(), times: 1000);
        await cluster.DropReplicaAsync(0, loading);
        await Until.OverAsync("an item of the sync is lost", inMidSync);
        await Until.OverAsync("a write does not reach the other replica", faults.Trap(GridConstants.CommandStreams, LinkItemKind.Mutations, GridStreamFaultKind.Drop, key: following.SiloAddress.ToParsableString(), times: 1000));
        await cluster.KillAsync(primary);
        faults.Stop();

        await cluster.UntilWholeAsync(copies: 2);
        await writers.StopAndFindAllAsync();
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    /// <summary>
    /// The pace is so slow that the survivor has not got everything when the primary lets the dead member go: otherwise nothing that became of the
    /// snapshot then could touch it.
    /// </summary>
    [Fact]
    public async Task A_replicas_silo_killed_in_mid_sync_leaves_the_other_member_its_snapshot()
    {
        StreamFaults faults = new(seed: 1);
        await using GridCluster cluster = await GridCluster.StartAsync(
            3,
            options =>
            {
                Configure(options, shards: 1, replicas: 2, windowMs: 1000);
                SlowDown(options);
            },
            faults);
        await cluster.UntilWholeAsync(copies: 3);
        await LoadAsync(cluster, keys: 200, bytes: ValueBytes);

        InProcessSiloHandle primary = cluster.PrimaryOf(0), dying = cluster.ReplicasOf(0)[0], surviving = cluster.ReplicasOf(0)[1];
        string dead = dying.SiloAddress.ToParsableString();
        long rounds = cluster.Counters.Rounds, completed = cluster.Counters.Syncs("full", "completed");
        Task inMidSync = faults.Trap(GridConstants.SnapshotStreams, LinkItemKind.SnapshotChunk, GridStreamFaultKind.None, key: dead);
        await Task.WhenAll(cluster.DropReplicaAsync(0, dying), cluster.DropReplicaAsync(0, surviving));
        await Until.OverAsync("a piece is sent to the one that dies", inMidSync);
        await cluster.KillAsync(dying);
        HostedCopy copy = cluster.ServicesOf(primary).GetRequiredService<CopyHost>().Find(0)!;
        await Until.TrueAsync("the primary has let the dead one go", () => copy.Use(_ => copy.Primary!.ViewLinks().All(link => link.Silo != dead)));
        Assert.Equal(completed, cluster.Counters.Syncs("full", "completed"));
        Assert.Empty(cluster.ServicesOf(primary).GetRequiredService<GridSettings>().Change(static options => options.SyncBytesPerSecondMax = 0));

        await cluster.UntilWholeAsync(copies: 2);
        Assert.Equal((rounds + 1, completed + 1), (cluster.Counters.Rounds, cluster.Counters.Syncs("full", "completed")));
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    /// <summary>
    /// The other one takes nothing from the time on at which it is in the cohort, so that the snapshot is still on its way to it when it ends: it is cancelled then,
    /// since nobody needs it any more.
    /// </summary>
    [Fact]
    public async Task A_member_that_ends_while_the_other_is_online_already_costs_that_one_nothing()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, options =>
        {
            Configure(options, shards: 1, replicas: 2, windowMs: 1000);
            options.ReplicaTimeoutMs = 20_000;
        });
        await cluster.UntilWholeAsync(copies: 3);
        await LoadAsync(cluster, keys: 200);

        InProcessSiloHandle primary = cluster.PrimaryOf(0), ending = cluster.ReplicasOf(0)[0], online = cluster.ReplicasOf(0)[1];
        long rounds = cluster.Counters.Rounds, partial = cluster.Counters.Syncs("partial", "completed"), silent = LinksEnded(cluster, "silent");
        long failed = LinksEnded(cluster, "stream_failed") + LinksEnded(cluster, "snapshot_lost");
        await Task.WhenAll(cluster.DropReplicaAsync(0, ending), cluster.DropReplicaAsync(0, online));
        await Until.TrueAsync("both wait in the window", () => PhasesAt(cluster, primary) is [LinkPhase.Waiting, LinkPhase.Waiting]);
        using (new HeldGate(cluster.CopyOn(0, ending)))
        {
            await cluster.UntilWholeAsync(copies: 2);
            Assert.Equal(rounds + 1, cluster.Counters.Rounds);
            Assert.Empty(cluster.ServicesOf(primary).GetRequiredService<GridSettings>().Change(options => options.ReplicaTimeoutMs = 1500));
            await Until.TrueAsync("its link has ended", () => LinksEnded(cluster, "silent") > silent);
            await Until.TrueAsync("its snapshot has ended", () => cluster.ServicesOf(primary).GetRequiredService<SyncPlaces>().Held == 0);
            Assert.Equal([LinkPhase.Online], PhasesAt(cluster, primary));
            Assert.Equal(failed, LinksEnded(cluster, "stream_failed") + LinksEnded(cluster, "snapshot_lost"));
        }

        await cluster.UntilWholeAsync(copies: 3);
        Assert.Equal((rounds + 2, partial), (cluster.Counters.Rounds, cluster.Counters.Syncs("partial", "completed")));
        await cluster.UntilDigestsAreEqualAsync(copies: 3);
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
        const int Entries = 200, Meanwhile = 40;
        await using GridCluster cluster = await GridCluster.StartAsync(2, options =>
        {
            Configure(options, shards: 1, replicas: 1);
            SlowDown(options);
            options.KeptBytesMax = 1 << 20;
        });
        await cluster.UntilWholeAsync(copies: 2);
        await LoadAsync(cluster, Entries, ValueBytes);

        InProcessSiloHandle replica = Assert.Single(cluster.ReplicasOf(0));
        long rounds = cluster.Counters.Rounds, completed = cluster.Counters.Syncs("full", "completed");
        await cluster.DropReplicaAsync(0, replica);
        await Until.TrueAsync("the replica loads", () => cluster.Counters.Rounds > rounds);
        await LoadAsync(cluster, Meanwhile, ValueBytes);

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

    /// <summary>The slowest pace that can be set.</summary>
    private static void SlowDown(GridOptions options)
    {
        options.Compression = ReplicationCompression.None;
        options.SyncBytesPerSecondMax = 1 << 20;
    }

    private static long LinksEnded(GridCluster cluster, string reason) => cluster.Counters["grid.replication.links.ended", reason];

    private static LinkPhase[] PhasesAt(GridCluster cluster, InProcessSiloHandle primary)
    {
        HostedCopy hosted = cluster.ServicesOf(primary).GetRequiredService<CopyHost>().Find(0)!;
        return hosted.Use(_ => hosted.Primary!.ViewLinks().Select(static link => link.Phase).ToArray());
    }

    private static async Task LoadAsync(GridCluster cluster, int keys, int bytes = 1000)
    {
        RawClient client = new(cluster.Client, cluster.Shards);
        for (int key = 0; key < keys; key++)
            Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), await client.SetAsync(1000 + key, new string((char)('a' + (key % 26)), bytes)));
    }

    /// <summary>Keeps everybody from a copy: whoever works on it stands still.</summary>
    private sealed class HeldGate : IDisposable
    {
        private readonly ManualResetEventSlim _release = new();
        private readonly Thread _holder;

        public HeldGate(ShardCopy copy)
        {
            using ManualResetEventSlim held = new();
            _holder = new Thread(() =>
            {
                lock (copy.Gate)
                {
                    held.Set();
                    _release.Wait();
                }
            });
            _holder.Start();
            held.Wait();
        }

        public void Dispose()
        {
            _release.Set();
            _holder.Join();
            _release.Dispose();
        }
    }
}
