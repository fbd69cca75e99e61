using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>A primary is gone, or is believed to be: what its lease lets it answer, who takes over, and from when on.</summary>
public sealed class TakeoverScenarios
{
    [Fact]
    public void A_takeover_waits_until_what_its_copy_granted_has_ended()
    {
        using Stage stage = Led(by: new PrimaryOptions { Replicas = 2, ReplicaTimeoutMs = 5000, HeartbeatMs = 500 });
        stage.Set("k", "old");
        stage.CutOff("a");
        stage.DeclareDead("a");
        stage.BeginTakeOver();
        stage.Run(500);
        StageCall underLease = stage.Get("k", at: "a");
        Assert.Equal("old", underLease.Answer!.Only.Value);
        stage.UntilReigns();
        StageCall late = stage.Get("k", at: "a");
        Assert.Null(late.Answer);
        stage.Set("k", "new");
        stage.Get("k");
        stage.CompareWithRecord("a");
        Assert.Equal(BatchStatus.NotPrimary, late.Answer!.Status);
        stage.Ends();
    }

    [Fact]
    public void A_grant_that_has_ended_is_not_waited_for()
    {
        using Stage stage = Led(by: new PrimaryOptions { Replicas = 2, ReplicaTimeoutMs = 5000, HeartbeatMs = 500 });
        stage.Kill("a");
        stage.Run(1500);
        long before = stage.Ms;
        stage.TakeOver();
        Assert.Equal(before + Stage.StepMs + Stage.StepMs, stage.Ms);
        stage.Ends();
    }

    [Fact]
    public void A_lease_that_runs_out_holds_reads_back_until_it_is_granted_again()
    {
        using Stage stage = Led(by: new PrimaryOptions { Replicas = 2, ReplicaTimeoutMs = 5000, HeartbeatMs = 500 });
        stage.Set("k", "v");
        stage.CutOff("c");
        stage.Run(900);
        Assert.NotNull(stage.Get("k").Answer);
        stage.Until("the lease has run out", () => !stage.Primary.Core.HoldsLease(stage.Now));
        StageCall read = stage.Get("k");
        stage.Run(500);
        Assert.Null(read.Answer);
        stage.Heal("c");
        stage.Until("the read is answered", () => read.Answer is not null);
        Assert.Equal("v", read.Answer!.Only.Value);
        stage.Ends();
    }

    [Fact]
    public void A_primary_whose_lease_has_run_out_steps_down_when_the_record_names_another_one()
    {
        using Stage stage = Led(by: new PrimaryOptions { Replicas = 2, ReplicaTimeoutMs = 1500, HeartbeatMs = 500 });
        stage.Set("k", "before");
        StagePrimary former = stage.Primary;
        stage.CutOff("a");
        stage.DeclareDead("a");
        StageCall write = stage.SetAt("a", "k", "nobody has this");
        stage.Until("the lease of a has run out", () => !former.Core.HoldsLease(stage.Now));
        StageCall read = stage.Get("k", at: "a");
        stage.TakeOver();
        stage.Set("k", "after");
        stage.Until("a has stepped down", () => former.IsGone);
        Assert.Equal((BatchStatus.Indeterminate, BatchStatus.NotPrimary), (write.Answer!.Status, read.Answer!.Status));
        stage.Get("k");
        stage.Ends();
    }

    [Fact]
    public void The_copy_with_the_highest_offset_is_adopted_and_the_others_go_on_from_its_log()
    {
        using Stage stage = Led(by: new PrimaryOptions { Replicas = 3, ReplicaTimeoutMs = 5000, HeartbeatMs = 500 }, "d");
        stage.Silo("b").Commands.Next(LinkItemKind.Mutations, Fate.Lost, count: 3);
        stage.Set("k1");
        stage.Silo("d").Commands.Next(LinkItemKind.Mutations, Fate.Lost, count: 2);
        stage.Set("k2");
        StageCall last = stage.Set("k3");
        Assert.Null(last.Answer);
        stage.Kill("a");
        stage.TakeOver();
        Assert.Equal("c", stage.Primary.Silo);
        stage.Get("k3");
        stage.UntilInSync("b", "c", "d");
        Assert.All(new[] { "b", "d" }, silo => Assert.Contains(stage.Silo(silo).Events, e => e.What == ReplicaEvent.PartialResync));
        Assert.Equal(3, stage.Rounds);
        stage.Ends();
    }

    [Fact]
    public void A_primary_that_lives_but_does_not_answer_is_not_taken_over_from()
    {
        using Stage stage = Led(by: new PrimaryOptions { Replicas = 2, ReplicaTimeoutMs = 5000, HeartbeatMs = 500 });
        stage.CutOff("a");
        stage.StaysUnavailable();
        stage.DeclareDead("a");
        stage.TakeOver(silent: "b");
        Assert.Equal("c", stage.Primary.Silo);
        Assert.Contains(stage.Silo("b").Copy.Name, stage.Store.Current.InSync);
        stage.UntilInSync("b", "c");
        Assert.Equal(2, stage.Rounds);
        stage.CompareWithRecord("a");
        stage.Ends();
    }

    /// <summary>A shard on a, with two members or more that have everything.</summary>
    private static Stage Led(PrimaryOptions by, params string[] others)
    {
        Stage stage = new(new StageSettings { Primary = by, Replica = new ReplicaOptions { ReplicaTimeoutMs = by.ReplicaTimeoutMs }, ShowsLeases = true });
        stage.Write(3);
        string[] members = ["b", "c", .. others];
        foreach (string member in members)
        {
            stage.Join(member);
            stage.UntilInSync(member);
        }

        stage.Settle();
        return stage;
    }
}
