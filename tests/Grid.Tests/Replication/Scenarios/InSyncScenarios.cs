using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>The in-sync set shrinks and grows by compare-and-set only, and whatever the record may hold must acknowledge.</summary>
public sealed class InSyncScenarios
{
    [Theory]
    [InlineData("answer-lost")]
    [InlineData("write-lost")]
    [InlineData("write-late")]
    public void A_shrink_whose_outcome_is_not_known_counts_only_once_it_is(string variant)
    {
        using Stage stage = InSync("b");
        Spoil(stage, variant);
        stage.Kill("b");
        StageCall write = stage.Set("k");
        stage.Run(290);
        Assert.Null(write.Answer);
        Assert.Equal(["b"], stage.Primary.Core.RequiredMembers().Select(member => member.Silo));
        stage.Until("the write is answered", () => write.Answer is not null);
        Assert.Equal(BatchStatus.Ok, write.Answer!.Status);
        Assert.Single(stage.Store.Current.InSync);
        stage.Run(50);
        stage.Ends(variant);
    }

    [Fact]
    public void A_shrink_that_comes_behind_a_takeover_ends_the_reign()
    {
        using Stage stage = InSync("b");
        StagePrimary former = stage.Primary;
        stage.CutOff("a");
        stage.Store.DelayNextWrite(400);
        StageCall write = stage.SetAt("a", "k", "at the old primary");
        stage.Until("a wants b out of the set", () => former.Core.ProposedRecord is not null);
        stage.DeclareDead("a");
        stage.TakeOver();
        stage.Until("a has stepped down", () => former.IsGone);
        Assert.Equal(BatchStatus.Indeterminate, write.Answer!.Status);
        Assert.Equal("b", stage.Store.Current.Primary!.Value.Silo);
        stage.Get("k");
        stage.Run(150);
        stage.Ends();
    }

    [Fact]
    public void A_replica_that_has_loaded_grows_the_set_once_it_has_granted_a_lease()
    {
        using Stage stage = new(new StageSettings { ShowsLeases = true });
        stage.Write(6);
        stage.Join("b");
        stage.UntilInSync("b");
        stage.Set("needs b from now on");
        stage.Ends();
    }

    [Theory]
    [InlineData("answer-lost")]
    [InlineData("write-lost")]
    public void A_growth_whose_outcome_is_not_known_already_needs_the_new_member(string variant)
    {
        using Stage stage = new();
        stage.Write(6);
        StageSilo b = stage.Join("b");
        stage.UntilLoading("b");
        Spoil(stage, variant);
        stage.Until("a wants b in the set", () => stage.Primary.Core.ProposedRecord is not null);
        b.Commands.Hold();
        StageCall write = stage.Set("k");
        stage.Run(100);
        Assert.Null(write.Answer);
        Assert.Single(stage.Primary.Core.Record.InSync);
        b.Commands.Resume();
        stage.Run(Stage.StepMs);
        Assert.NotNull(write.Answer);
        stage.UntilInSync("b");
        stage.Ends(variant);
    }

    [Fact]
    public void A_move_grows_the_set_before_it_shrinks_it()
    {
        using Stage stage = InSync("b");
        stage.Join("c");
        stage.Want("c");
        stage.Until("b has left", () => !stage.Store.Current.InSync.Any(copy => copy.Silo == "b"));
        Assert.Equal(["a", "c"], stage.Store.Current.InSync.Select(copy => copy.Silo));
        Assert.DoesNotContain(stage.Events, e => e.What == PrimaryEvent.InSyncChanged && e.Details.EndsWith("in-sync [a]", StringComparison.Ordinal));
        stage.Run(200);
        stage.Ends();
    }

    private static void Spoil(Stage stage, string variant)
    {
        switch (variant)
        {
            case "answer-lost":
                stage.Store.LoseNextAnswer();
                break;
            case "write-lost":
                stage.Store.LoseNextWrite();
                break;
            default:
                stage.Store.DelayNextWrite(320);
                break;
        }
    }

    private static Stage InSync(params string[] members)
    {
        Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = members.Length, ReplicaTimeoutMs = 1000, HeartbeatMs = 200 } });
        stage.Write(6);
        foreach (string member in members)
            stage.Join(member);
        stage.UntilInSync(members);
        stage.Settle();
        return stage;
    }
}
