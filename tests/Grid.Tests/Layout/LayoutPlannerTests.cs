using CsCheck;
using Grid.Replication.Layout;
using Xunit;

namespace Grid.Tests.Layout;

/// <summary>Layouts for clusters of any shape: even, spread over zones, steady, with little movement.</summary>
public sealed class LayoutPlannerTests
{
    private const int Rounds = 300;
    private static readonly int[] Weights = [100, 100, 50, 200];

    private static readonly Gen<(int Shards, int Replicas, LayoutSilo[] Silos, ulong Seed)> Clusters =
        from shards in Gen.Int[1, 40]
        from replicas in Gen.Int[0, 3]
        from count in Gen.Int[1, 7]
        from zones in Gen.Int[0, 3]
        from silos in Gen.Select(Gen.Int[0, Math.Max(0, zones - 1)], Gen.Int[0, 3].Select(i => Weights[i])).Array[count]
        from seed in Gen.ULong
        select (shards, replicas, silos.Select((silo, i) => new LayoutSilo($"s{i}", zones == 0 ? "" : $"z{silo.Item1}", silo.Item2, Draining: false)).ToArray(), seed);

    [Fact]
    public void Every_shard_has_its_primary_among_as_many_copies_as_are_wanted_or_can_be() => Clusters.Sample(
        cluster =>
        {
            ShardPlaces[] plan = LayoutPlanner.Plan(Disorder(cluster), cluster.Replicas, cluster.Silos);
            Assert.Equal(cluster.Shards, plan.Length);
            Assert.All(plan, shard =>
            {
                Assert.Equal(Math.Min(cluster.Replicas + 1, cluster.Silos.Length), shard.Copies.Distinct().Count());
                Assert.Equal(shard.Copies.Count, shard.Copies.Distinct().Count());
                Assert.Contains(shard.Primary, shard.Copies);
            });
        },
        iter: Rounds);

    [Fact]
    public void Copies_are_in_as_many_zones_as_can_be() => Clusters.Sample(
        cluster =>
        {
            Dictionary<string, string> zoneOf = cluster.Silos.ToDictionary(silo => silo.Silo, silo => silo.Zone.Length == 0 ? silo.Silo : silo.Zone);
            int zones = zoneOf.Values.Distinct().Count();
            ShardPlaces[] plan = LayoutPlanner.Plan(Disorder(cluster), cluster.Replicas, cluster.Silos);
            Assert.All(plan, shard => Assert.Equal(Math.Min(shard.Copies.Count, zones), shard.Copies.Select(silo => zoneOf[silo]).Distinct().Count()));
        },
        iter: Rounds);

    [Fact]
    public void A_layout_that_is_right_stays_as_it_is_and_is_the_same_on_every_silo() => Clusters.Sample(
        cluster =>
        {
            ShardPlaces[] disorder = Disorder(cluster);
            ShardPlaces[] plan = LayoutPlanner.Plan(disorder, cluster.Replicas, cluster.Silos);
            Same(plan, LayoutPlanner.Plan(plan, cluster.Replicas, cluster.Silos));
            Same(plan, LayoutPlanner.Plan(disorder, cluster.Replicas, [.. cluster.Silos.Reverse()]));
        },
        iter: Rounds);

    [Fact]
    public void Silos_of_one_weight_and_no_zones_differ_by_one_at_most() => Clusters.Sample(
        cluster =>
        {
            LayoutSilo[] alike = [.. cluster.Silos.Select(silo => silo with { Zone = "", Weight = 100 })];
            ShardPlaces[] plan = LayoutPlanner.Plan(Disorder(cluster), cluster.Replicas, alike);
            int[] copies = [.. alike.Select(silo => plan.Count(shard => shard.Copies.Contains(silo.Silo)))];
            int[] primaries = [.. alike.Select(silo => plan.Count(shard => shard.Primary == silo.Silo))];
            Assert.True(copies.Max() - copies.Min() <= 1, $"copies: {string.Join(", ", copies)}");
            Assert.True(primaries.Max() - primaries.Min() <= 1, $"primaries: {string.Join(", ", primaries)}");
        },
        iter: Rounds);

    [Fact]
    public void A_silo_that_joins_gets_its_share_and_nothing_else_moves() => Clusters.Sample(
        cluster =>
        {
            LayoutSilo[] alike = [.. cluster.Silos.Select(silo => silo with { Zone = "", Weight = 100 })];
            ShardPlaces[] before = LayoutPlanner.Plan(Disorder(cluster), cluster.Replicas, alike);
            ShardPlaces[] after = LayoutPlanner.Plan(before, cluster.Replicas, [.. alike, new LayoutSilo("new", "", 100, Draining: false)]);
            for (int shard = 0; shard < before.Length; shard++)
                Assert.Empty(after[shard].Copies.Except(before[shard].Copies).Except(["new"]));
            int share = after.Count(shard => shard.Copies.Contains("new"));
            int added = after.Zip(before).Sum(pair => pair.First.Copies.Except(pair.Second.Copies).Count());
            Assert.Equal(share, added);
        },
        iter: Rounds);

    [Fact]
    public void A_silo_that_drains_gets_nothing_and_only_its_copies_move() => Clusters.Sample(
        cluster =>
        {
            ShardPlaces[] before = LayoutPlanner.Plan(Disorder(cluster), cluster.Replicas, cluster.Silos);
            LayoutSilo[] silos = [.. cluster.Silos.Select((silo, i) => silo with { Draining = i == 0 })];
            ShardPlaces[] after = LayoutPlanner.Plan(before, cluster.Replicas, silos, balance: false);
            if (silos.Length == 1)
            {
                Same(before, after);
                return;
            }

            for (int shard = 0; shard < before.Length; shard++)
            {
                Assert.DoesNotContain("s0", after[shard].Copies);
                Assert.Empty(before[shard].Copies.Except(["s0"]).Except(after[shard].Copies));
                if (before[shard].Primary != "s0")
                    Assert.Equal(before[shard].Primary, after[shard].Primary);
                else if (before[shard].Copies.Count > 1)
                    Assert.Contains(after[shard].Primary, before[shard].Copies);
            }
        },
        iter: Rounds);

    [Fact]
    public void A_primary_that_an_operator_placed_stays_on_a_silo_that_may_hold_it() => Clusters.Sample(
        cluster =>
        {
            ShardPlaces[] placed = [.. Disorder(cluster).Select((shard, i) => shard with { Pinned = i % 3 == 0 })];
            ShardPlaces[] plan = LayoutPlanner.Plan(placed, cluster.Replicas, cluster.Silos);
            for (int shard = 0; shard < plan.Length; shard++)
            {
                Assert.Equal(Math.Min(cluster.Replicas + 1, cluster.Silos.Length), plan[shard].Copies.Count);
                if (placed[shard].Pinned && cluster.Silos.Any(silo => silo.Silo == placed[shard].Primary))
                    Assert.Equal(placed[shard].Primary, plan[shard].Primary);
            }
        },
        iter: Rounds);

    [Fact]
    public void Primaries_that_piled_up_on_the_first_silo_are_spread()
    {
        ShardPlaces[] piled = [.. Enumerable.Range(0, 64).Select(_ => new ShardPlaces("s0", ["s0"]))];
        LayoutSilo[] silos = [.. Enumerable.Range(0, 4).Select(i => new LayoutSilo($"s{i}", "", 100, false))];
        ShardPlaces[] plan = LayoutPlanner.Plan(piled, 1, silos);
        Assert.All(silos, silo => Assert.Equal(16, plan.Count(shard => shard.Primary == silo.Silo)));
        Assert.All(silos, silo => Assert.Equal(32, plan.Count(shard => shard.Copies.Contains(silo.Silo))));
    }

    [Fact]
    public void A_silos_shards_have_their_other_copies_on_all_others()
    {
        LayoutSilo[] silos = [.. Enumerable.Range(0, 4).Select(i => new LayoutSilo($"s{i}", "", 100, false))];
        ShardPlaces[] plan = LayoutPlanner.Plan([.. Enumerable.Range(0, 96).Select(_ => new ShardPlaces("s0", ["s0"]))], 1, silos);
        foreach (LayoutSilo silo in silos)
        {
            int[] partners = [.. silos.Where(other => other != silo).Select(other => plan.Count(shard => shard.Primary == silo.Silo && shard.Copies.Contains(other.Silo)))];
            Assert.True(partners.Max() <= 16, $"{silo.Silo}: {string.Join(", ", partners)} of 24");
        }
    }

    [Fact]
    public void Weights_are_shares()
    {
        LayoutSilo[] silos = [new("big", "", 300, false), new("small", "", 100, false), new("medium", "", 200, false)];
        ShardPlaces[] plan = LayoutPlanner.Plan([.. Enumerable.Range(0, 60).Select(_ => new ShardPlaces("", []))], 0, silos);
        Assert.Equal([30, 10, 20], silos.Select(silo => plan.Count(shard => shard.Primary == silo.Silo)));
    }

    [Fact]
    public void A_zone_with_one_silo_takes_a_copy_of_everything_and_the_others_share_the_rest()
    {
        LayoutSilo[] silos = [new("a", "one", 100, false), new("b", "two", 100, false), new("c", "two", 100, false), new("d", "two", 100, false)];
        ShardPlaces[] plan = LayoutPlanner.Plan([.. Enumerable.Range(0, 30).Select(_ => new ShardPlaces("b", ["b", "c"]))], 1, silos);
        Assert.Equal([30, 10, 10, 10], silos.Select(silo => plan.Count(shard => shard.Copies.Contains(silo.Silo))));
    }

    [Fact]
    public void Without_a_silo_to_go_to_everything_stays()
    {
        ShardPlaces[] present = [new("a", ["a", "b"])];
        Assert.Equal(present, LayoutPlanner.Plan(present, 1, [new("a", "", 100, true), new("b", "", 100, true)]));
    }

    private static void Same(ShardPlaces[] expected, ShardPlaces[] actual)
    {
        for (int shard = 0; shard < expected.Length; shard++)
        {
            Assert.Equal(expected[shard].Primary, actual[shard].Primary);
            Assert.Equal(expected[shard].Copies.Order(), actual[shard].Copies.Order());
        }
    }

    /// <summary>Copies anywhere, too few and too many, some of them on silos that are no more; shards without a primary.</summary>
    private static ShardPlaces[] Disorder((int Shards, int Replicas, LayoutSilo[] Silos, ulong Seed) cluster)
    {
        Random random = new((int)cluster.Seed);
        string[] names = [.. cluster.Silos.Select(silo => silo.Silo), "gone"];
        return [.. Enumerable.Range(0, cluster.Shards).Select(_ =>
        {
            string[] copies = [.. names.OrderBy(_ => random.Next()).Take(random.Next(0, Math.Min(names.Length, cluster.Replicas + 3)))];
            return new ShardPlaces(copies.Length == 0 || random.Next(5) == 0 ? "" : copies[0], copies);
        })];
    }
}
