using Grid.Client.Contracts.Operator;
using Grid.Cluster.Tests.Replication;
using Grid.Replication.Copies;
using Grid.Silo;
using Grid.Silo.Copies;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Elastic;

/// <summary>Silos join, drain and go, in this process, while clients write: everything ends up where it belongs, and nothing is lost.</summary>
public sealed class RebalanceTests
{
    private const int Shards = 12;
    private const int Keys = 48;

    private static void Configure(GridOptions options)
    {
        options.ShardCount = Shards;
        options.Replicas = 1;
        options.MinInSync = 1;
        options.SyncWindowMs = 20;
        options.Rebalance = true;
        options.RebalanceDelayMs = 200;
        options.MovesMax = 4;
    }

    [Fact]
    public async Task Primaries_and_copies_that_piled_up_spread_over_the_silos_that_join_while_clients_write()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(1, options =>
        {
            Configure(options);
            options.MinInSync = 0;
        });
        await cluster.UntilWholeAsync(copies: 1);
        await using NumberWriters writers = new(cluster, Keys, padding: 500);
        await cluster.StartSiloAsync();
        await cluster.StartSiloAsync();

        await UntilEvenAsync(cluster, cluster.Silos, copies: 8, primaries: 4);
        await writers.StopAndFindAllAsync();
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
        ClusterStatus status = await OperatorOf(cluster).GetStatusAsync();
        Assert.Equal(0, status.Rebalance?.Left);
    }

    [Fact]
    public async Task A_silo_that_drains_is_emptied_and_takes_part_again_when_that_is_taken_back()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, Configure);
        await cluster.UntilWholeAsync(copies: 2);
        await using NumberWriters writers = new(cluster, Keys, padding: 500);
        await UntilEvenAsync(cluster, cluster.Silos, copies: 8, primaries: 4);
        InProcessSiloHandle drained = cluster.Silos[1];
        IGridOperatorGrain grid = OperatorOf(cluster);
        await Until.TrueAsync("the silo is ready", () => cluster.ServicesOf(drained).GetRequiredService<GridHealth>().Obstacles().Count == 0);

        Assert.Null(await grid.SetDrainingAsync(drained.SiloAddress.ToParsableString(), draining: true));
        await Until.TrueAsync(() => Held(cluster, drained) == 0 && cluster.IsWhole(2, out _), () => $"{Held(cluster, drained)} copies are left");
        Assert.Contains("drains", Assert.Single(cluster.ServicesOf(drained).GetRequiredService<GridHealth>().Obstacles()));
        Assert.True((await grid.GetStatusAsync()).Silos.Single(silo => silo.Address == drained.SiloAddress.ToParsableString()).Draining);

        Assert.Null(await grid.SetDrainingAsync(drained.SiloAddress.ToParsableString(), draining: false));
        await UntilEvenAsync(cluster, cluster.Silos, copies: 8, primaries: 4);
        Assert.Empty(cluster.ServicesOf(drained).GetRequiredService<GridHealth>().Obstacles());
        await writers.StopAndFindAllAsync();
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    [Fact]
    public async Task A_silo_that_stops_hands_over_first_so_that_no_shard_is_ever_without_its_copies()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, options =>
        {
            Configure(options);
            options.DrainMs = 30_000;
        });
        await cluster.UntilWholeAsync(copies: 2);
        await UntilEvenAsync(cluster, cluster.Silos, copies: 8, primaries: 4);
        await using NumberWriters writers = new(cluster, Keys, padding: 500);
        InProcessSiloHandle leaver = cluster.Silos[2];
        await cluster.StopAsync(leaver);
        long syncs = cluster.Counters.Syncs("full", "completed");
        await UntilEvenAsync(cluster, cluster.Silos, copies: 12, primaries: 6);

        // All that the silo had was elsewhere when it was gone: primaries moved since, but no copy had to be made.
        Assert.Equal(syncs, cluster.Counters.Syncs("full", "completed"));
        await writers.StopAndFindAllAsync();
    }

    [Fact]
    public async Task An_operator_moves_a_shard_to_a_silo_that_has_no_copy_of_it_yet()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, options =>
        {
            Configure(options);
            options.Rebalance = false;

            // Were the other replica taken for silent on a busy machine before the move begins, the old primary's copy would be the one to stay.
            options.ReplicaTimeoutMs = 5000;
        });
        await cluster.UntilWholeAsync(copies: 2);
        await using NumberWriters writers = new(cluster, Keys);
        IGridOperatorGrain grid = OperatorOf(cluster);
        string before = "", target = "";
        bool sawHandOver = false;

        // Whoever was not told of the hand-over in time does not know whose copy is the one too many: then once more.
        for (int attempt = 0; attempt < 5 && !sawHandOver; attempt++)
        {
            target = cluster.Silos.Single(silo => cluster.ServicesOf(silo).GetRequiredService<CopyHost>().Find(0) is null).SiloAddress.ToParsableString();
            before = cluster.PrimaryOf(0).SiloAddress.ToParsableString();
            MoveProgress progress;
            do
            {
                progress = await grid.MoveShardAsync(0, target);
                Assert.Null(progress.Problem);
                sawHandOver |= progress.Phase == "the primary was handed over";
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
            while (!progress.Done);

            await cluster.UntilWholeAsync(copies: 2);
            Assert.Equal(target, cluster.PrimaryOf(0).SiloAddress.ToParsableString());
            await Until.TrueAsync(() => cluster.CopiesOf(0).Count() == 2, () => cluster.Describe(0));
        }

        Assert.True(sawHandOver, "No move told of its hand-over.");
        await Until.TrueAsync(
            () => cluster.CopiesOf(0).Count() == 2 && cluster.CopiesOf(0).All(copy => copy.Copy.Name.Silo != before),
            () => $"shard 0 moved from {before} to {target}; {cluster.Describe(0)}");
        await writers.StopAndFindAllAsync();
        Assert.Contains("no silo", (await grid.MoveShardAsync(0, "127.0.0.1:1@1")).Problem);
    }

    [Fact]
    public async Task Shards_moved_by_hand_stay_and_the_others_make_room_until_they_are_released()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, Configure);
        await cluster.UntilWholeAsync(copies: 2);
        await UntilEvenAsync(cluster, cluster.Silos, copies: 8, primaries: 4);
        await using NumberWriters writers = new(cluster, Keys);
        IGridOperatorGrain grid = OperatorOf(cluster);
        InProcessSiloHandle target = cluster.Silos[1];
        string address = target.SiloAddress.ToParsableString();
        int[] moved = [.. Enumerable.Range(0, Shards).Where(shard => cluster.PrimaryOf(shard) != target).Take(3)];
        foreach (int shard in moved)
        {
            MoveProgress progress;
            do
            {
                progress = await grid.MoveShardAsync(shard, address);
                Assert.Null(progress.Problem);
            }
            while (!progress.Done);
        }

        await UntilEvenAsync(cluster, cluster.Silos, copies: 8, primaries: 4);
        Assert.All(moved, shard => Assert.Equal(target, cluster.PrimaryOf(shard)));
        Assert.Equal(moved, (await grid.GetStatusAsync()).Shards.Where(shard => shard.Pinned).Select(shard => shard.Shard));
        Assert.Null(await grid.ReleaseShardAsync(moved[0]));
        Assert.Equal(moved[1..], (await grid.GetStatusAsync()).Shards.Where(shard => shard.Pinned).Select(shard => shard.Shard));

        // A silo that is to hold nothing does not keep them either.
        Assert.Null(await grid.SetDrainingAsync(address, draining: true));
        await Until.TrueAsync(() => Held(cluster, target) == 0 && cluster.IsWhole(2, out _), () => $"{Held(cluster, target)} copies are left");
        Assert.DoesNotContain((await grid.GetStatusAsync()).Shards, shard => shard.Pinned);
        await writers.StopAndFindAllAsync();
    }

    [Fact]
    public async Task A_shard_whose_only_copy_died_goes_on_empty_on_an_operators_word_and_not_without_it()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, options =>
        {
            Configure(options);
            options.Replicas = options.MinInSync = 0;
            options.Rebalance = false;
        });
        await cluster.UntilWholeAsync(copies: 1);
        RawClient client = new(cluster.Client, Shards);
        for (int key = 0; key < Shards; key++)
            await client.SetAsync(key, "kept");
        IGridOperatorGrain grid = OperatorOf(cluster);
        int lost = Enumerable.Range(0, Shards).First(shard => cluster.PrimaryOf(shard) != cluster.Silos[0]);
        Guid lineage = cluster.CopyOn(lost, cluster.PrimaryOf(lost)).Lineage;
        Assert.Contains("can take over", (await grid.AcceptLossAsync(lost)).Obstacle);
        await cluster.KillAsync(cluster.PrimaryOf(lost));
        await Until.TrueAsync(() => grid.PlanLossAsync(lost).Result.Obstacle is null, () => $"the loss cannot be accepted: {grid.PlanLossAsync(lost).Result.Obstacle}");
        ClusterStatus status = await grid.GetStatusAsync();
        Assert.Contains(status.Warnings, warning => warning.StartsWith($"Shard {lost} has no primary", StringComparison.Ordinal));

        LossReport report = await grid.AcceptLossAsync(lost);
        Assert.Equal((null, true), (report.Obstacle, report.Empty));
        await Until.TrueAsync("the shard has a primary again", () => cluster.CopiesOf(lost).Any(copy => copy.Primary is { IsDown: false }));
        ShardCopy copy = cluster.CopyOn(lost, cluster.PrimaryOf(lost));
        Assert.NotEqual(lineage, copy.Lineage);
        Assert.Equal(0, copy.Store.Entries);
        for (int key = 0; key < Shards; key++)
        {
            if (cluster.CopiesOf(key).Any() && key != lost)
                Assert.Equal("kept", await client.GetAsync(key));
        }
    }

    private static IGridOperatorGrain OperatorOf(GridCluster cluster) => cluster.Client.GetGrain<IGridOperatorGrain>(0);

    private static int Held(GridCluster cluster, InProcessSiloHandle silo) => cluster.ServicesOf(silo).GetRequiredService<CopyHost>().All.Count();

    private static async Task UntilEvenAsync(GridCluster cluster, IReadOnlyList<InProcessSiloHandle> silos, int copies, int primaries)
    {
        string State() => string.Join("; ", silos.Select(silo => $"{Primaries(cluster, silo)} primaries, {Held(cluster, silo)} copies"));
        await Until.TrueAsync(
            () => cluster.IsWhole(2, out _) && silos.All(silo => Held(cluster, silo) == copies && Primaries(cluster, silo) == primaries),
            () => $"{State()} instead of {primaries} and {copies} each");
    }

    private static int Primaries(GridCluster cluster, InProcessSiloHandle silo) =>
        cluster.ServicesOf(silo).GetRequiredService<CopyHost>().All.Count(copy => copy.Primary is { IsDown: false });
}
