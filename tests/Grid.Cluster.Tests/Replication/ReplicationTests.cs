using Grid.Client.Contracts.Operator;
using Grid.Formats.Operations;
using Grid.Silo;
using Grid.Silo.Copies;
using Grid.Silo.Events;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>The runtime around the state machines, in silos of this process.</summary>
public sealed class ReplicationTests
{
    private const int Shards = 8;
    private const int Keys = 2000;

    private static void Small(GridOptions options)
    {
        options.ShardCount = Shards;
        options.Replicas = 1;
        options.SyncWindowMs = 20;
        options.ReplicaTimeoutMs = 1000;
    }

    [Fact]
    public async Task Every_shard_gets_a_primary_and_a_replica_on_another_silo_and_their_contents_are_equal()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, Small);
        await cluster.UntilWholeAsync(copies: 2);
        await WriteAsync(cluster, "first");

        for (int shard = 0; shard < Shards; shard++)
            Assert.Equal(2, cluster.CopiesOf(shard).Select(copy => copy.Copy.Name.Silo).Distinct().Count());
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    [Fact]
    public async Task When_a_silo_dies_its_shards_come_back_on_their_replicas_with_all_that_was_acknowledged()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, Small);
        await cluster.UntilWholeAsync(copies: 2);
        await WriteAsync(cluster, "before");

        InProcessSiloHandle victim = cluster.Silos[1];
        await cluster.KillAsync(victim);

        RawClient client = new(cluster.Client, Shards);
        for (int key = 0; key < Keys; key += 7)
            Assert.Equal($"before-{key}", await PatientlyAsync(() => client.GetAsync(key)));
        await cluster.UntilWholeAsync(copies: 2);
        await WriteAsync(cluster, "after");
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    /// <summary>
    /// The copy has granted the dead primary a lease, and waits until it ends; meanwhile that primary's word to follow it comes, late, and a replica takes
    /// the copy. The reign of that epoch does not begin, and nobody is told that it did; the one that begins after it is the only one that is told of.
    /// </summary>
    [Fact]
    public async Task A_reign_whose_copy_was_taken_while_it_waited_is_not_told_of()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, static options =>
        {
            options.ShardCount = 1;
            options.Replicas = 1;
            options.SyncWindowMs = 20;
            options.ReplicaTimeoutMs = 1000;
            options.LeaseMs = 6000;
        });
        await cluster.UntilWholeAsync(copies: 2);
        InProcessSiloHandle primary = cluster.PrimaryOf(0), survivor = Assert.Single(cluster.ReplicasOf(0));
        EventRing events = cluster.ServicesOf(survivor).GetRequiredService<EventRing>();
        long epoch = cluster.CopyOn(0, survivor).EpochSeen;
        await cluster.KillAsync(primary);
        await Until.TrueAsync("the copy is taken for another reign", () => cluster.CopyOn(0, survivor).EpochSeen > epoch);
        await cluster.FollowAsync(0, survivor, epoch);

        await cluster.UntilWholeAsync(copies: 2);
        Assert.Equal(survivor, cluster.PrimaryOf(0));
        long reigns = cluster.ServicesOf(survivor).GetRequiredService<CopyHost>().Find(0)!.Use(copy => copy.History.EpochAt(copy.Log.EndOffset));
        ClusterEvent told = Assert.Single(events.Get(new EventQuery { Shard = 0, Kinds = [EventKind.Failover] }));
        Assert.Equal(reigns, told.Epoch);
        Assert.Equal(epoch + 2, reigns);
    }

    [Fact]
    public async Task A_silo_that_joins_brings_missing_replicas_up_by_full_sync_while_writes_go_on()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(2, options =>
        {
            Small(options);
            options.Replicas = 2;
        });
        await cluster.UntilWholeAsync(copies: 2);
        await WriteAsync(cluster, "early");

        Task<InProcessSiloHandle> joining = cluster.StartSiloAsync();
        for (int round = 0; !cluster.IsWhole(3, out _); round++)
            await WriteAsync(cluster, $"round{round}");
        await joining;

        await cluster.UntilWholeAsync(copies: 3);
        await cluster.UntilDigestsAreEqualAsync(copies: 3);
    }

    private static async Task WriteAsync(GridCluster cluster, string prefix)
    {
        RawClient client = new(cluster.Client, Shards);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Keys),
            new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = TestContext.Current.CancellationToken },
            async (key, _) =>
            {
                (BatchStatus batch, OperationStatus status) = await client.SetAsync(key, $"{prefix}-{key}");
                Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), (batch, status));
            });
    }

    /// <summary>Reads again while the shard is being taken over.</summary>
    private static async Task<T> PatientlyAsync<T>(Func<Task<T>> call)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(20);
        while (true)
        {
            try
            {
                return await call();
            }
            catch (Exception failure) when (failure is OrleansException or InvalidOperationException or TimeoutException && DateTime.UtcNow < end)
            {
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
        }
    }
}
