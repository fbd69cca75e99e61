using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>All in-sync copies are lost: the shard is unavailable until an operator says with what it goes on.</summary>
public sealed class LossScenarios
{
    [Fact]
    public void After_a_loss_the_best_copy_that_is_left_goes_on_in_a_new_line_of_data()
    {
        using Stage stage = InSync("b", "c", "d");
        stage.Set("k", "old");
        stage.Silo("d").Commands.Hold();
        StageCall middle = stage.Set("k", "middle");
        stage.Until("d has left the set", () => middle.Answer is not null);
        stage.Silo("c").Commands.Hold();
        StageCall last = stage.Set("k", "lost");
        stage.Until("c has left the set", () => last.Answer is not null);
        stage.Kill("a");
        stage.CutOff("b");
        stage.StaysUnavailable();
        Assert.False(stage.AcceptLoss());
        stage.Kill("b");
        stage.StaysUnavailable();
        stage.Silo("c").Commands.Resume();
        stage.Silo("d").Commands.Resume();
        Guid lineage = stage.Store.Current.Lineage;
        Assert.True(stage.AcceptLoss());
        Assert.Equal(("c", false), (stage.Primary.Silo, lineage == stage.Store.Current.Lineage));
        Assert.Equal("middle", stage.Get("k").Answer!.Only.Value);
        stage.UntilInSync("d");
        Assert.Contains(stage.Events, e => e.What == PrimaryEvent.FullSyncNeeded && e.Silo == "d" && e.Details.Contains("another line of data", StringComparison.Ordinal));
        stage.Ends();
    }

    [Fact]
    public void After_a_loss_of_everything_the_shard_begins_anew_and_empty()
    {
        using Stage stage = InSync("b");
        stage.Set("k", "gone for good");
        stage.Add("c");
        stage.Kill("a");
        stage.Kill("b");
        stage.StaysUnavailable();
        Assert.True(stage.AcceptLoss(emptyOn: "c"));
        Assert.Equal(OperationStatus.NotFound, stage.Get("k").Answer!.Only.Status);
        stage.Join("d");
        stage.UntilInSync("d");
        stage.Set("k", "anew");
        stage.Ends();
    }

    [Fact]
    public void While_an_in_sync_copy_answers_there_is_no_loss_to_accept()
    {
        using Stage stage = InSync("b", "c");
        stage.Kill("a");
        Assert.False(stage.AcceptLoss());
        stage.TakeOver();
        stage.UntilInSync("b", "c");
        Assert.False(stage.AcceptLoss());
        stage.Ends();
    }

    private static Stage InSync(params string[] members)
    {
        Stage stage = new(new StageSettings
        {
            Primary = new PrimaryOptions { Replicas = members.Length, ReplicaTimeoutMs = 1000, HeartbeatMs = 500 },
            Replica = new ReplicaOptions { ReplicaTimeoutMs = 60_000 },
        });
        stage.Write(3);
        foreach (string member in members)
            stage.Join(member);
        stage.UntilInSync(members);
        stage.Settle();
        return stage;
    }
}
