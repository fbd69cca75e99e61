using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>A planned end of a reign: sealed, surrendered, taken over without a wait; or given up half-way as if nothing had been.</summary>
public sealed class HandOverScenarios
{
    [Fact]
    public void A_surrendered_shard_is_taken_over_by_its_receiver_without_a_wait()
    {
        using Stage stage = InSync();
        stage.Silo("b").Commands.Hold();
        StageCall before = stage.Set("before the seal");
        stage.HandOver("b");
        StageCall held = stage.Set("behind the seal");
        stage.Run(50);
        Assert.True(stage.Primary.Core.IsSealed);
        Assert.Null(before.Answer);
        stage.Silo("b").Commands.Resume();
        stage.Run(Stage.StepMs);
        Assert.Equal((BatchStatus.Ok, BatchStatus.NotPrimary), (before.Answer!.Status, held.Answer!.Status));
        long surrendered = stage.Ms;
        stage.TakeOver();
        Assert.Equal(("b", surrendered + Stage.StepMs + Stage.StepMs), (stage.Primary.Silo, stage.Ms));
        stage.Set("behind the seal");
        stage.UntilInSync("a", "c");
        stage.Ends();
    }

    [Fact]
    public void A_hand_over_whose_receiver_stands_still_is_given_up_and_what_was_held_is_executed_in_order()
    {
        using Stage stage = InSync();
        stage.Silo("b").Commands.Hold();
        StageCall before = stage.Set("k", "1");
        stage.HandOver("b");
        StageCall second = stage.Set("k", "22"), third = stage.Set("k", "333");
        stage.Until("the hand-over is given up", () => !stage.Primary.Core.IsSealed);
        stage.Silo("b").Commands.Resume();
        stage.Until("all is answered", () => before.Answer is not null && second.Answer is not null && third.Answer is not null);
        StageCall read = stage.Get("k");
        Assert.Equal(("333", "a"), (read.Answer!.Only.Value, stage.Primary.Silo));
        stage.Ends();
    }

    [Fact]
    public void A_hand_over_whose_receiver_dies_when_the_shard_is_sealed_goes_back()
    {
        using Stage stage = InSync();
        stage.Silo("b").Commands.Hold();
        stage.Set("before the seal");
        stage.HandOver("b");
        StageCall held = stage.Set("behind the seal");
        stage.Kill("b");
        stage.Until("what was held is answered", () => held.Answer is not null);
        Assert.Equal((BatchStatus.Ok, "a"), (held.Answer!.Status, stage.Primary.Silo));
        stage.Ends();
    }

    [Fact]
    public void A_receiver_that_dies_after_the_surrender_leaves_the_shard_to_another_member()
    {
        using Stage stage = InSync();
        stage.HandOver("b");
        stage.Kill("b");
        stage.TakeOver();
        Assert.Contains(stage.Primary.Silo, new[] { "a", "c" });
        stage.Set("after");
        stage.Ends();
    }

    [Fact]
    public void A_word_of_surrender_that_is_lost_costs_the_wait_and_nothing_else()
    {
        using Stage stage = InSync();
        stage.Set("before");
        stage.HandOver("b");
        stage.CutOff("a");
        stage.DeclareDead("a");
        stage.TakeOver();
        Assert.Contains(stage.Primary.Silo, new[] { "b", "c" });
        stage.Get("before");
        stage.Ends();
    }

    [Fact]
    public void Who_is_not_in_sync_cannot_receive_the_shard()
    {
        using Stage stage = InSync();
        stage.Join("d");
        stage.HandOver("d");
        Assert.Equal("a", stage.Primary.Silo);
        stage.Set("after");
        stage.Ends();
    }

    private static Stage InSync()
    {
        Stage stage = new(new StageSettings
        {
            Primary = new PrimaryOptions { Replicas = 2, ReplicaTimeoutMs = 5000, HeartbeatMs = 500 },
            Replica = new Grid.Replication.Replica.ReplicaOptions { ReplicaTimeoutMs = 5000 },
        });
        stage.Write(3);
        stage.Join("b");
        stage.Join("c");
        stage.UntilInSync("b", "c");
        stage.Settle();
        return stage;
    }
}
