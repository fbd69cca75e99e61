using Grid.Replication.Layout;
using Grid.Silo.Elastic;
using Xunit;

namespace Grid.Tests.Layout;

/// <summary>The steps by which a cluster comes to its layout, against primaries that do what they are told in the order that the rules say.</summary>
public sealed class RebalancePlanTests
{
    private static readonly LayoutSilo[] Four = [.. Enumerable.Range(0, 4).Select(i => new LayoutSilo($"s{i}", "", 100, false))];

    [Fact]
    public void A_copy_is_grown_before_one_is_dropped_and_a_primary_moves_to_a_copy_in_sync()
    {
        ShardPlaces target = new("c", ["c", "b"]);
        ShardPresent start = new(0, "a", ["a", "b"], ["b"], null, 10);
        Assert.Equal("b c / ", Step(start, target));

        ShardPresent told = start with { Wanted = ["b", "c"], Linked = ["b", "c"] };
        Assert.Equal(" / ", Step(told, target));

        ShardPresent grown = told with { InSync = ["a", "b", "c"] };
        Assert.Equal(" / c", Step(grown, target));

        ShardPresent moved = grown with { Primary = "c", Wanted = null, Linked = ["a", "b"] };
        Assert.Equal("b / ", Step(moved, target));
        Assert.False(moved.IsAt(target));
        Assert.True((moved with { InSync = ["b", "c"] }).IsAt(target));
    }

    [Fact]
    public void Everything_arrives_with_no_more_moves_at_a_time_than_allowed_and_never_with_fewer_copies_than_before()
    {
        World world = new(shards: 32, replicas: 1, on: ["s0", "s1"]);
        RebalancePlan plan = new();
        world.Run(plan, Four, movesMax: 3);
        Assert.All(Four, silo => Assert.Equal(8, world.Shards.Count(shard => shard.Primary == silo.Silo)));
        Assert.All(Four, silo => Assert.Equal(16, world.Shards.Count(shard => shard.InSync.Contains(silo.Silo))));
        Assert.Equal(0, plan.Left);
    }

    [Fact]
    public void A_silo_that_drains_is_emptied_also_while_the_rebalance_is_paused_and_nothing_else_moves()
    {
        World world = new(shards: 12, replicas: 1, on: ["s0", "s1"]);
        LayoutSilo[] draining = [Four[0] with { Draining = true }, .. Four[1..]];
        world.Run(new RebalancePlan(), draining, movesMax: 4, balance: false);
        Assert.All(world.Shards, shard => Assert.DoesNotContain("s0", shard.InSync));
        Assert.All(world.Shards, shard => Assert.Contains("s1", shard.InSync));
    }

    [Fact]
    public void Primaries_that_an_operator_placed_stay_and_the_others_are_evened_out_around_them()
    {
        World world = new(shards: 12, replicas: 1, on: ["s0", "s1"]);
        for (int shard = 0; shard < 5; shard++)
            world.Shards[shard] = world.Shards[shard] with { Pinned = true };
        world.Run(new RebalancePlan(), Four, movesMax: 3);
        Assert.All(world.Shards[..5], shard => Assert.Equal("s0", shard.Primary));
        Assert.Equal([2, 2, 3, 5], Four.Select(silo => world.Shards.Count(shard => shard.Primary == silo.Silo)).Order());
        Assert.All(Four, silo => Assert.Equal(6, world.Shards.Count(shard => shard.InSync.Contains(silo.Silo))));
    }

    [Fact]
    public void A_move_under_way_is_given_up_when_an_operator_places_the_primary_elsewhere_and_a_silo_that_drains_holds_none()
    {
        World world = new(shards: 4, replicas: 0, on: ["s0"]);
        RebalancePlan plan = new();
        (ShardPresent moving, _) = plan.Next(world.Present, 0, Four, balance: true, 8, nowMs: 0)[0];
        world.Shards[moving.Shard] = moving with { Pinned = true };
        world.Run(plan, Four, movesMax: 8);
        Assert.Equal("s0", world.Shards[moving.Shard].Primary);

        world.Run(plan, [Four[0] with { Draining = true }, .. Four[1..]], movesMax: 8);
        Assert.DoesNotContain(world.Shards, shard => shard.Primary == "s0");
    }

    [Fact]
    public void While_paused_nothing_moves()
    {
        World world = new(shards: 8, replicas: 1, on: ["s0", "s1"]);
        RebalancePlan plan = new();
        Assert.Empty(plan.Next(world.Present, 1, Four, balance: false, 8, nowMs: 0));
        Assert.Equal(0, plan.Left);
    }

    [Fact]
    public void A_move_whose_target_dies_is_given_up_and_another_one_is_found()
    {
        World world = new(shards: 4, replicas: 0, on: ["s0"]);
        RebalancePlan plan = new();
        Assert.NotEmpty(plan.Next(world.Present, 0, Four, balance: true, 8, nowMs: 0));
        world.Run(plan, Four[..2], movesMax: 8);
        Assert.Equal(2, world.Shards.Count(shard => shard.Primary == "s1"));
    }

    [Fact]
    public void The_time_that_is_left_is_reckoned_by_what_was_copied()
    {
        World world = new(shards: 16, replicas: 0, on: ["s0"]);
        RebalancePlan plan = new();
        plan.Next(world.Present, 0, Four, balance: true, 4, nowMs: 1000);
        Assert.Null(plan.ToStatus("s0", "Moving", 1000).RemainingMs);
        Assert.Equal(12 * World.Bytes, plan.ToStatus("s0", "Moving", 1000).BytesLeft);
        for (int i = 0; i < 8 && plan.ToStatus("s0", "Moving", 1000).BytesLeft > 6 * World.Bytes; i++)
            world.Step(plan.Next(world.Present, 0, Four, balance: true, 2, nowMs: 2000), 0);
        Assert.InRange(plan.ToStatus("s0", "Moving", 3000).RemainingMs!.Value, 1, 5000);
    }

    private static string Step(ShardPresent present, ShardPlaces target)
    {
        ShardStep step = ShardStep.Next(present, target);
        return $"{string.Join(" ", step.Want ?? [])} / {step.HandOverTo}";
    }

    /// <summary>Primaries as they are: one copy more a step, none fewer before the wanted ones are in sync.</summary>
    private sealed class World
    {
        public const long Bytes = 1000;

        private readonly int _least;

        public World(int shards, int replicas, string[] on)
        {
            _least = Math.Min(replicas + 1, on.Length);
            Replicas = replicas;
            Shards = [.. Enumerable.Range(0, shards).Select(shard => new ShardPresent(shard, on[0], [.. on.Take(replicas + 1)], [], null, Bytes))];
        }

        public int Replicas { get; }

        public ShardPresent[] Shards { get; }

        public ShardPresent[] Present => [.. Shards];

        public void Run(RebalancePlan plan, LayoutSilo[] silos, int movesMax, bool balance = true)
        {
            for (int round = 0; round < 1000; round++)
            {
                var steps = plan.Next(Present, Replicas, silos, balance, movesMax, round);
                if (plan.Left == 0)
                    return;
                Assert.True(plan.ToStatus("", "", round).Moving <= movesMax);
                Step(steps, Replicas);
            }

            Assert.Fail($"{plan.Left} shards have not arrived: {string.Join("; ", Shards.Select(shard => $"{shard.Shard}: {shard.Primary} [{string.Join(" ", shard.InSync)}]"))}");
        }

        public void Step(IReadOnlyList<(ShardPresent Shard, ShardStep Step)> steps, int replicas)
        {
            foreach ((ShardPresent present, ShardStep step) in steps)
            {
                ShardPresent shard = Shards[present.Shard];
                if (step.HandOverTo is { } to)
                {
                    Assert.Contains(to, shard.InSync);
                    shard = shard with { Primary = to, Wanted = null };
                }
                else if (step.Want is { } want)
                {
                    shard = shard with { Wanted = [.. want], Linked = [.. want] };
                }

                Shards[present.Shard] = shard;
            }

            for (int i = 0; i < Shards.Length; i++)
                Shards[i] = Progress(Shards[i], replicas);
            Assert.All(Shards, shard => Assert.True(shard.InSync.Count >= _least));
        }

        private static ShardPresent Progress(ShardPresent shard, int replicas)
        {
            if (shard.Wanted is not { } wanted)
                return shard;
            string? next = wanted.FirstOrDefault(silo => !shard.InSync.Contains(silo));
            if (next is not null)
                return shard with { InSync = [.. shard.InSync, next] };
            string? surplus = shard.InSync.FirstOrDefault(silo => silo != shard.Primary && !wanted.Contains(silo));
            return surplus is null || shard.InSync.Count - 2 < replicas ? shard : shard with { InSync = [.. shard.InSync.Where(silo => silo != surplus)] };
        }
    }
}
