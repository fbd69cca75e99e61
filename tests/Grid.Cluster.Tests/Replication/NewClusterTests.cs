using Grid.Client.Contracts.Operator;
using Grid.Formats.Operations;
using Grid.Silo;
using Grid.Silo.Events;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>A shard without a record: of a cluster that is still to be made, or lost.</summary>
public sealed class NewClusterTests
{
    private const int Shards = 4;

    private static readonly Action<GridOptions> Small = GridCluster.Small(Shards);

    [Fact]
    public async Task A_new_cluster_says_how_many_silos_it_waits_for_and_that_nothing_is_wrong()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(1, static options =>
        {
            Small(options);
            options.BootstrapSilos = 2;
        });
        IGridOperatorGrain grid = cluster.Client.GetGrain<IGridOperatorGrain>(0);
        ClusterStatus waiting = await grid.GetStatusAsync();
        Assert.All(waiting.Shards, static shard => Assert.Equal("the new cluster waits for 2 silos (Grid:BootstrapSilos), 1 so far", shard.Problem));
        Assert.Equal(BatchStatus.Unavailable, (await new RawClient(cluster.Client, Shards).TryGetAsync(1)).Batch);

        await cluster.StartSiloAsync();
        await cluster.UntilWholeAsync(copies: 2);
        foreach (InProcessSiloHandle silo in cluster.Silos)
            Assert.DoesNotContain(cluster.ServicesOf(silo).GetRequiredService<EventRing>().Get(new EventQuery()), static one => one.Kind == EventKind.Failure);
    }

    [Fact]
    public async Task A_record_that_is_lost_makes_no_new_shard_out_of_one_that_has_data()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(2, Small);
        await cluster.UntilWholeAsync(copies: 2);
        ((TestRecordStorage)cluster.ServicesOf(cluster.Silos[0]).GetRequiredKeyedService<IGrainStorage>(GridConstants.RecordStorage)).LoseAllBut("cluster");
        InProcessSiloHandle survivor = Assert.Single(cluster.ReplicasOf(0));
        await cluster.KillAsync(cluster.PrimaryOf(0));

        IGridOperatorGrain grid = cluster.ServicesOf(survivor).GetRequiredService<IGrainFactory>().GetGrain<IGridOperatorGrain>(0);
        await Until.AnswersAsync("its record is missed", async () => (await grid.GetStatusAsync()).Shards[0].Problem == "Shard 0 has no record in the record storage. It was made when the cluster was bootstrapped; restore the storage.");
        Assert.Null((await grid.GetStatusAsync()).Shards[0].Primary);
    }
}
