using System.Text.Json;
using Grid.Cluster.Tests.Server;
using Grid.Server.Chaos.Faults;
using Xunit;

namespace Grid.Cluster.Tests.Chaos;

/// <summary>The promise, with real processes in network namespaces: <c>grid chaos</c>, in short, in rounds on one cluster.</summary>
[Collection(Processes.Name)]
public sealed class ChaosTests(ChaosRounds rounds) : IClassFixture<ChaosRounds>
{
    /// <summary>
    /// A primary that is cut off acknowledges by itself what nobody else has, for as long as its lease lasts. A checker that finds nothing proves nothing.
    /// With the seed of this round both silos are away for more than 4 s, so that they are surely declared dead, and what they acknowledged is gone.
    /// </summary>
    [Fact]
    public void Writes_that_only_the_primary_has_are_lost_and_the_checker_finds_it() => Assert.True(rounds.Of(ChaosRounds.Mistake).GetProperty("violated").GetInt32() > 0);

    /// <summary>Each half would declare the other one dead, if two votes were enough: the larger one may, and the shards have their third copy there.</summary>
    [Fact]
    public void A_cluster_that_is_cut_in_two_loses_no_more_than_its_smaller_side() => Held(rounds.Of(ChaosRounds.Split));

    [Fact]
    public void Overlapping_faults_cost_answers_but_give_no_wrong_ones() => Held(rounds.Of(ChaosRounds.Overlap));

    [Fact]
    public void Through_faults_of_every_kind_all_histories_are_linearizable_and_all_copies_end_equal()
    {
        for (int round = ChaosRounds.AllKinds; round < rounds.Count; round++)
            Held(rounds.Of(round));
    }

    [Fact]
    public void The_same_seed_gives_the_same_faults()
    {
        FaultKind[] kinds = Enum.GetValues<FaultKind>();
        string[] one = Faults(5), again = Faults(5), other = Faults(6);
        Assert.Equal(one, again);
        Assert.NotEqual(one, other);

        string[] Faults(int seed)
        {
            FaultPlan plan = new(seed, silos: 5, kinds);
            return [.. Enumerable.Range(0, 50).Select(_ => plan.Next().ToString())];
        }
    }

    /// <summary>Faults were carried out under a load that was served.</summary>
    private static void Held(JsonElement report)
    {
        Assert.True(report.GetProperty("isGood").GetBoolean(), $"{report}");
        Assert.Equal((0, 0, 0), (report.GetProperty("violated").GetInt32(), report.GetProperty("gaveUp").GetInt32(), report.GetProperty("differing").GetInt32()));
        Assert.NotEmpty(report.GetProperty("faults").EnumerateArray());
        Assert.True(report.GetProperty("outcomes").GetProperty("ok").GetInt32() > 1000, $"{report}");
    }
}
