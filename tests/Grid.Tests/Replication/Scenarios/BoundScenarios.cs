using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>Bounds are reached: what then waits, what ends, and that it ends once and not in a loop.</summary>
public sealed class BoundScenarios
{
    [Fact]
    public void At_the_bound_on_kept_mutations_the_replica_is_sent_no_more_until_it_is_loaded()
    {
        using Stage stage = new();
        stage.Write(30);
        StageSilo b = stage.Join("b", change: options => options with { KeptBytesMax = 1000 });
        stage.UntilLoading("b");
        b.Snapshots.Hold();
        stage.Write(20, "during", bytes: 300);
        stage.Until("the bound is reached", () => stage.Events.Exists(e => e.What == PrimaryEvent.KeptFull));
        stage.Run(600);
        LinkView link = Assert.Single(stage.Primary.Core.ViewLinks());
        Assert.InRange(link.KeptBytes, 600, 1000);
        Assert.Equal(0, b.Commands.Waiting);
        Assert.DoesNotContain(stage.Events, e => e.What == PrimaryEvent.LinkEnded);
        b.Snapshots.Resume();
        stage.UntilInSync("b");
        Assert.Equal((1, 1), (stage.Rounds, b.Loads));
        Assert.Single(stage.Events, e => e.What == PrimaryEvent.KeptFull);
        stage.Ends();
    }

    [Fact]
    public void A_load_at_that_bound_may_take_any_time_as_long_as_its_pieces_come()
    {
        using Stage stage = new(new StageSettings { ShowsCommands = false, PieceBytes = 100 });
        stage.Write(30, bytes: 60, compressible: false);
        StageSilo b = stage.Join("b", change: options => options with { KeptBytesMax = 1000 });
        stage.UntilLoading("b");
        stage.Write(20, "during", bytes: 300);
        while (b.Loads == 0)
        {
            b.Snapshots.Hold();
            stage.Run(800);
            b.Snapshots.Resume();
            b.Snapshots.TryDeliver();
        }

        stage.UntilInSync("b");
        Assert.True(stage.Ms > 10 * stage.Settings.Primary.ReplicaTimeoutMs, "the load takes many time-outs");
        Assert.DoesNotContain(stage.Events, e => e.What == PrimaryEvent.LinkEnded);
        Assert.Equal((1, 1), (stage.Rounds, b.Loads));
        stage.Ends();
    }

    [Fact]
    public void A_backlog_overrun_before_the_load_costs_one_full_sync_and_no_loop()
    {
        using Stage stage = new(new StageSettings { Primary = Small });
        stage.Write(4);
        StageSilo b = stage.Join("b");
        stage.UntilInSync("b");
        stage.StopReplica("b");
        stage.Until("b is out of the set", () => stage.Primary.Core.Record.InSync.Length == 1);
        stage.Write(60, "beyond", bytes: 2000);
        stage.Run(Stage.TickMs);
        stage.RestartReplica("b");
        stage.UntilInSync("b");
        stage.Set("after");
        Assert.Equal((2, 2), (stage.Rounds, b.Loads));
        stage.Ends();
    }

    [Fact]
    public void A_backlog_overrun_during_the_load_ends_the_laggard_and_not_the_clients()
    {
        using Stage stage = new(new StageSettings { Primary = Small });
        stage.Write(30);
        StageSilo b = stage.Join("b", change: options => options with { KeptBytesMax = 10_000 });
        stage.UntilLoading("b");
        b.Snapshots.Hold();
        IReadOnlyList<StageCall> writes = stage.Write(150, "beyond", bytes: 2000);
        Assert.All(writes, write => Assert.Equal(Grid.Formats.Operations.BatchStatus.Ok, write.Answer!.Status));
        Assert.Contains(stage.Events, e => e.What == PrimaryEvent.LinkEnded && e.Details.Contains("pins more log", StringComparison.Ordinal));
        b.Snapshots.Resume();
        stage.UntilInSync("b");
        Assert.Equal((2, 1), (stage.Rounds, b.Loads));
        stage.Ends();
    }

    [Fact]
    public void A_snapshot_that_keeps_too_much_of_what_is_overwritten_is_given_up_and_tried_again()
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 1, SnapshotKeptBytesMax = 2000 }, ShowsCommands = false });
        stage.Write(40, bytes: 500);
        StageSilo b = stage.Join("b");
        stage.Until("the snapshot has begun", () => stage.Primary.Snapshot is not null);
        stage.Write(40, bytes: 510);
        stage.UntilInSync("b");
        Assert.Contains(stage.Events, e => e.What == PrimaryEvent.SnapshotGivenUp);
        Assert.Equal((2, 1), (stage.Rounds, b.Loads));
        stage.Ends();
    }

    [Fact]
    public void Who_overruns_its_budget_gets_twice_as_much_and_at_the_cap_is_told_that_it_cannot_keep_up()
    {
        using Stage stage = new(new StageSettings { Primary = Small with { SyncPinBytesMax = 200_000 }, ShowsCommands = false, PieceBytes = 2000 });
        stage.Write(30);
        StageSilo b = stage.Join("b", change: options => options with { KeptBytesMax = 5_000 });
        for (int attempt = 1; attempt <= 2; attempt++)
        {
            int ended = attempt;
            stage.Until($"attempt {attempt} has begun", () => b.LastAttach == ended);
            stage.UntilLoading("b");
            b.Snapshots.Hold();
            stage.Write(140, $"attempt{attempt}-", bytes: 2000);
            stage.Until($"attempt {attempt} has ended", () => stage.Events.Count(e => e.What == PrimaryEvent.LinkEnded) == ended);
            b.Snapshots.Resume();
        }

        stage.UntilInSync("b");
        Assert.Equal([PrimaryEvent.PinOverrun, PrimaryEvent.CannotKeepUp], stage.Events.Select(e => e.What).Where(what => what is PrimaryEvent.PinOverrun or PrimaryEvent.CannotKeepUp));
        Assert.Equal((3, 1), (stage.Rounds, b.Loads));
        stage.Ends();
    }

    [Fact]
    public void A_required_member_that_stands_still_leaves_the_set_and_the_writes_go_on()
    {
        using Stage stage = new();
        stage.Write(4);
        StageSilo b = stage.Join("b");
        stage.UntilInSync("b");
        b.Commands.Hold();
        StageCall write = stage.Set("waits");
        stage.Run(500);
        Assert.Null(write.Answer);
        stage.Until("the write is answered", () => write.Answer is not null);
        b.Commands.Resume();
        stage.UntilInSync("b");
        Assert.Equal(1, b.Loads);
        Assert.Contains(b.Events, e => e.What == ReplicaEvent.PartialResync);
        stage.Ends();
    }

    private static PrimaryOptions Small => new()
    {
        Replicas = 1,
        ReplicaTimeoutMs = 1000,
        HeartbeatMs = 200,
        BacklogBytesMax = 20_000,
        UncommittedBytesMax = 100_000,
        SyncPinBytes = 100_000,
        ItemBytesMax = 20_000,
    };
}
