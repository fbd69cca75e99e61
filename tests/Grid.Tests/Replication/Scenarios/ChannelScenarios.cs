using Grid.Formats.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>Either channel dies at either end, before, during and after a sync.</summary>
public sealed class ChannelScenarios
{
    /// <summary>The sender sees its stream fail: the link ends, and the replica comes again.</summary>
    [Theory]
    [InlineData("commands", false)]
    [InlineData("snapshots", true)]
    [InlineData("single", false, false)]
    public void A_channel_killed_at_the_primary_in_mid_sync(string variant, bool snapshots, bool dualChannel = true)
    {
        using Stage stage = Loading(out StageSilo b, dualChannel);
        (snapshots ? b.Snapshots : b.Commands).Break();
        stage.Set("meanwhile");
        stage.UntilInSync("b");
        Assert.Equal((2, 1), (stage.Rounds, b.Loads));
        stage.Ends(variant);
    }

    /// <summary>The receiver is cut off without a word: nothing more arrives on one channel, and its own time-out tells it.</summary>
    [Theory]
    [InlineData("commands", false)]
    [InlineData("snapshots", true)]
    [InlineData("single", false, false)]
    public void A_channel_killed_at_the_replica_in_mid_sync(string variant, bool snapshots, bool dualChannel = true)
    {
        using Stage stage = Loading(out StageSilo b, dualChannel);
        StageWire wire = snapshots ? b.Snapshots : b.Commands;
        wire.Hold();
        stage.Set("meanwhile");
        stage.Until("the link has ended", () => stage.Events.Exists(e => e.What == PrimaryEvent.LinkEnded));
        wire.Resume();
        stage.UntilInSync("b");
        stage.Ends(variant);
    }

    /// <summary>What it had loaded goes with it; it begins anew from the copy that its silo had before.</summary>
    [Theory]
    [InlineData("dual", true)]
    [InlineData("single", false)]
    public void A_replica_that_ends_in_mid_sync_on_either_kind_of_channel_begins_anew(string variant, bool dualChannel)
    {
        using Stage stage = new(new StageSettings { PieceBytes = 120 });
        stage.Write(30);
        StageSilo b = stage.Join("b", dualChannel: dualChannel);
        stage.UntilLoading("b", wireBytes: 200);
        stage.StopReplica("b");
        stage.Set("meanwhile");
        stage.Until("the link has ended", () => stage.Events.Exists(e => e.What == PrimaryEvent.LinkEnded));
        Assert.Equal(0, b.Copy.Store.Entries);
        stage.RestartReplica("b");
        stage.UntilInSync("b");
        Assert.Equal((2, 1), (stage.Rounds, b.Loads));
        stage.Ends(variant);
    }

    [Theory]
    [InlineData("dual", true)]
    [InlineData("single", false)]
    public void A_replicas_silo_killed_in_mid_sync_on_either_kind_of_channel_leaves_the_other_member_its_snapshot(string variant, bool dualChannel)
    {
        using Stage stage = new(new StageSettings { PieceBytes = 120 });
        stage.Write(30);
        StageSilo b = stage.Join("b", dualChannel: dualChannel);
        stage.Join("c", dualChannel: dualChannel);
        stage.UntilLoading("c", wireBytes: 200);
        stage.Set("meanwhile");
        stage.Kill("c");
        stage.UntilInSync("b");
        Assert.Equal((1, 1), (stage.Rounds, b.Loads));
        stage.Ends(variant);
    }

    /// <summary>
    /// The primary dies with one channel unfinished: the only one, the snapshot's, or the commands', by which time the load is whole. Another in-sync
    /// copy takes over, with all that was acknowledged, and brings the replica up.
    /// </summary>
    [Theory]
    [InlineData("single", false, false, 1)]
    [InlineData("dual-snapshots", true, true, 1)]
    [InlineData("dual-commands", true, false, 0)]
    public void A_primary_killed_in_mid_sync_on_either_kind_of_channel_leaves_the_sync_to_its_successor(string variant, bool dualChannel, bool snapshots, int failed)
    {
        using Stage stage = SecondLoads(out StageSilo c, dualChannel);
        if (dualChannel)
            (snapshots ? c.Snapshots : c.Commands).Hold();
        stage.Set("during");
        if (failed == 0)
            stage.Until("everything but the commands has come", () => c.Loads == 1);
        stage.Kill("a");
        if (dualChannel)
            (snapshots ? c.Snapshots : c.Commands).Resume();
        stage.TakeOver();
        stage.UntilInSync("c");
        Assert.Equal(("b", failed, 1), (stage.Primary.Silo, c.FailedLoads.Count(), c.Loads));
        stage.Ends(variant);
    }

    /// <summary>The shard changes hands while a replica loads, and nobody dies: that replica is synced by the new primary, the old one follows it.</summary>
    [Theory]
    [InlineData("single", false)]
    [InlineData("dual", true)]
    public void A_promotion_during_a_sync_on_either_kind_of_channel_leaves_the_sync_to_the_new_primary(string variant, bool dualChannel)
    {
        using Stage stage = SecondLoads(out StageSilo c, dualChannel);
        stage.Set("during");
        stage.HandOver("b");
        stage.Until("the shard is surrendered", () => stage.Silo("a").Surrendered is not null);
        stage.TakeOver();
        stage.Set("after");
        stage.UntilInSync("a", "c");
        Assert.Equal(("b", 1), (stage.Primary.Silo, c.Loads));
        stage.Ends(variant);
    }

    [Fact]
    public void A_command_stream_that_breaks_while_it_follows_ends_in_a_partial_resync()
    {
        using Stage stage = InSync(out StageSilo b);
        b.Commands.Break();
        stage.Set("meanwhile");
        stage.UntilInSync("b");
        stage.Settle();
        Assert.Equal(1, stage.Rounds);
        Assert.Contains(b.Events, e => e.What == ReplicaEvent.PartialResync);
        stage.Ends();
    }

    [Theory]
    [InlineData("lost", Fate.Lost)]
    [InlineData("flipped", Fate.Flipped)]
    [InlineData("cut", Fate.Cut)]
    public void A_command_item_that_does_not_arrive_whole_ends_in_a_partial_resync(string variant, object fate)
    {
        using Stage stage = InSync(out StageSilo b);
        b.Commands.Next(LinkItemKind.Mutations, (Fate)fate);
        stage.Set("spoilt");
        stage.Set("next");
        stage.Settle();
        Assert.Equal(1, stage.Rounds);
        Assert.Contains(b.Events, e => e.What == ((Fate)fate == Fate.Lost ? ReplicaEvent.Gap : ReplicaEvent.CommandDamaged));
        Assert.Contains(b.Events, e => e.What == ReplicaEvent.PartialResync);
        stage.Ends(variant);
    }

    [Fact]
    public void A_command_item_that_comes_twice_is_taken_once()
    {
        using Stage stage = InSync(out StageSilo b);
        b.Commands.Next(LinkItemKind.Mutations, Fate.Repeated);
        stage.Set("twice");
        stage.Settle();
        Assert.DoesNotContain(b.Events, e => e.What == ReplicaEvent.Gap);
        stage.Ends();
    }

    [Fact]
    public void A_replica_that_starts_anew_from_its_copy_gets_a_partial_resync()
    {
        using Stage stage = InSync(out StageSilo b);
        stage.RestartReplica("b");
        stage.Set("after");
        stage.Settle();
        Assert.Equal((1, 1), (stage.Rounds, b.Loads));
        stage.Ends();
    }

    [Theory]
    [InlineData("one-replica", 1)]
    [InlineData("two-wanted", 2)]
    public void A_dropped_copy_gets_a_full_sync_once_the_record_has_let_it_go(string variant, int replicas)
    {
        using Stage stage = InSync(out StageSilo b, replicas);
        stage.DropCopy("b");
        StageCall write = stage.Set("does not wait for the copy that is gone");
        stage.Run(Stage.TickMs);
        Assert.NotNull(write.Answer);
        stage.UntilInSync("b");
        Assert.Equal(2, b.Loads);
        stage.Ends(variant);
    }

    [Fact]
    public void After_a_change_of_primary_a_replica_goes_on_from_its_own_log()
    {
        using Stage stage = InSync(out _);
        stage.Join("c");
        stage.UntilInSync("b", "c");
        stage.Set("last words");
        stage.Kill("a");
        stage.TakeOver();
        stage.Set("new reign");
        stage.UntilInSync("b", "c");
        Assert.Equal(2, stage.Rounds);
        stage.Ends();
    }

    [Theory]
    [InlineData("kept", "c", false)]
    [InlineData("cut", "b", true)]
    public void An_uncommitted_tail_is_kept_when_its_copy_takes_over_and_cut_when_another_one_does(string variant, string lacks, bool cut)
    {
        using Stage stage = InSync(out _);
        stage.Join("c");
        stage.UntilInSync("b", "c");
        stage.Silo(lacks).Commands.Next(LinkItemKind.Mutations, Fate.Lost);
        StageCall write = stage.Set("uncommitted");
        Assert.Null(write.Answer);
        stage.Kill("a");
        stage.TakeOver(silent: cut ? ["c"] : []);
        Assert.Equal("b", stage.Primary.Silo);
        stage.UntilInSync("b", "c");
        Assert.Equal(cut, stage.Silo("c").Events.Exists(e => e.What == ReplicaEvent.TailCut));
        Assert.Equal(2, stage.Rounds);
        stage.Ends(variant);
    }

    private static Stage Loading(out StageSilo b, bool dualChannel = true)
    {
        Stage stage = new();
        stage.Write(30);
        b = stage.Join("b", dualChannel: dualChannel);
        stage.UntilLoading("b");
        return stage;
    }

    /// <summary>b is in sync, c loads.</summary>
    private static Stage SecondLoads(out StageSilo c, bool dualChannel)
    {
        Stage stage = new(new StageSettings { PieceBytes = 120 });
        stage.Write(30);
        stage.Join("b");
        stage.UntilInSync("b");
        c = stage.Join("c", dualChannel: dualChannel);
        stage.UntilLoading("c", wireBytes: 200);
        return stage;
    }

    private static Stage InSync(out StageSilo b, int replicas = 2)
    {
        Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = replicas, ReplicaTimeoutMs = 1000, HeartbeatMs = 200 } });
        stage.Write(8);
        b = stage.Join("b");
        stage.UntilInSync("b");
        stage.Settle();
        return stage;
    }
}
