using Grid.Formats.Operations;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>The in-sync set changes by compare-and-set only, and all that the record may hold must acknowledge.</summary>
public sealed class PrimaryInSyncTests
{
    [Fact]
    public void A_member_that_joins_is_required_from_the_proposal_on()
    {
        PrimaryRig rig = new();
        rig.Attach("b");
        rig.Acknowledge("b");
        Assert.NotNull(rig.Writing);
        Ticket write = rig.Do(Op.Set("k"));
        Assert.True(write.IsWaiting);
        rig.Acknowledge("b");
        Assert.False(write.IsWaiting);
    }

    [Fact]
    public void A_member_that_leaves_is_required_until_the_record_is_known_to_have_let_it_go()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        rig.SilosAre("a");
        Assert.Empty(rig.Writing!.Members);
        Ticket write = rig.Do(Op.Set("k"));
        Assert.True(write.IsWaiting);
        rig.RecordLands();
        Assert.False(write.IsWaiting);
    }

    [Fact]
    public void A_replica_joins_only_once_it_has_all_that_is_committed_and_the_reigns_beginning()
    {
        PrimaryRig rig = new();
        rig.Do(Op.Set("k"));
        rig.Attach("b", change: request => request with { LogEnd = 1, Applied = 1 });
        rig.Acknowledge("b", rig.Core.Committed - 1);
        Assert.Null(rig.Writing);
        rig.Acknowledge("b", rig.Core.Committed);
        Assert.NotNull(rig.Writing);
    }

    [Fact]
    public void Only_one_change_of_the_record_is_under_way_at_a_time()
    {
        PrimaryRig rig = new();
        rig.Attach("b");
        rig.Acknowledge("b");
        ShardRecord first = rig.Writing!;
        rig.Attach("c");
        rig.Acknowledge("c");
        Assert.Same(first, rig.Writing);
        rig.RecordLands();
        Assert.Equal(2, rig.Writing!.Members.Count());
    }

    [Fact]
    public void A_silo_that_hears_too_few_others_leaves_out_nobody_but_the_dead()
    {
        PrimaryRig rig = new PrimaryRig().With("b", "c");
        rig.InTouch = false;
        rig.Wait(60_000);
        Assert.Null(rig.Writing);
        Assert.True(rig.Do(Op.Set("k")).IsWaiting);
        rig.SilosAre("a", "b");
        Assert.Equal(["b"], rig.Writing!.Members.Select(member => member.Silo));
    }

    [Fact]
    public void Once_it_hears_most_others_again_the_silent_have_their_time_anew()
    {
        PrimaryRig rig = new PrimaryRig().With("b", "c");
        rig.InTouch = false;
        rig.Wait(60_000, "c");
        Assert.Null(rig.Writing);
        rig.InTouch = true;
        rig.Wait(rig.Options.ReplicaTimeoutMs - 50, "c");
        Assert.Null(rig.Writing);
        rig.Wait(100, "c");
        Assert.Equal(["c"], rig.Writing!.Members.Select(member => member.Silo));
    }

    [Fact]
    public void A_silo_that_hears_too_few_others_moves_no_copy_away_but_takes_new_ones()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 1 }).With("b");
        rig.InTouch = false;
        rig.Core.Want(["c"], rig.Now);
        rig.With("c");
        rig.Wait(5000, "b", "c");
        Assert.Null(rig.Writing);
        Assert.Equal(["b", "c"], rig.Core.Record.Members.Select(member => member.Silo).Order());
        rig.InTouch = true;
        rig.Wait(rig.Options.ReplicaTimeoutMs + 50, "b", "c");
        Assert.Equal(["c"], rig.Writing!.Members.Select(member => member.Silo));
    }

    [Fact]
    public void A_record_of_a_higher_epoch_ends_the_reign()
    {
        PrimaryRig rig = new();
        rig.Attach("b");
        rig.Acknowledge("b");
        rig.RecordIs(rig.Core.Record.WithPrimary(new CopyName("b", Guid.NewGuid()), 2, [], Guid.NewGuid()));
        Assert.NotNull(rig.SteppedDown);
    }

    [Fact]
    public void A_record_of_ones_own_epoch_that_was_not_expected_is_taken_as_it_is_and_the_change_tried_again()
    {
        PrimaryRig rig = new();
        rig.Attach("b");
        rig.Acknowledge("b");
        Guid proposed = rig.Writing!.Nonce;
        CopyName other = new("c", Guid.NewGuid());
        rig.RecordIs(rig.Core.Record.WithInSync([.. rig.Core.Record.InSync, other], Guid.NewGuid()));
        Assert.Null(rig.SteppedDown);
        Assert.Contains(other, rig.Core.RequiredMembers());
        Assert.Contains(rig.CopyOn("b"), rig.Writing!.InSync);
        Assert.NotEqual(proposed, rig.Writing.Nonce);
    }

    [Fact]
    public void A_member_on_a_silo_that_lives_is_waited_for_as_long_as_the_time_out()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        rig.Core.OnLinkFailed("b", rig.Request("b").Attach, "broken", rig.Now);
        rig.Wait(1900);
        Assert.Null(rig.Writing);
        rig.Wait(150);
        Assert.Empty(rig.Writing!.Members);
    }

    [Fact]
    public void A_member_that_attaches_time_and_again_but_never_acknowledges_leaves_the_set()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        Ticket write = rig.Do(Op.Set("k"));
        for (int i = 0; i < 12; i++)
        {
            rig.Attach("b", change: request => request with { LogEnd = 1 });
            rig.Wait(100);
            rig.Core.OnLinkFailed("b", rig.Request("b").Attach, "broken again", rig.Now);
            rig.Wait(100);
        }

        Assert.Empty(rig.Writing!.Members);
        rig.RecordLands();
        Assert.False(write.IsWaiting);
    }

    [Fact]
    public void A_member_gets_a_full_sync_only_after_the_record_has_let_it_go()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        CopyName old = rig.CopyOn("b");
        Assert.Equal(AttachAnswer.Accepted, rig.AttachEmpty("b"));
        rig.Wait(400, "b");
        Assert.Null(rig.Snapshot);
        Assert.DoesNotContain(old, rig.Writing!.Members);
        rig.RecordLands();
        rig.Wait(200, "b");
        Assert.Single(rig.Snapshot!.Members);
    }

    [Fact]
    public void A_set_does_not_grow_beyond_the_copies_wanted()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 1 });
        rig.Attach("b");
        rig.Attach("c");
        rig.Acknowledge("b");
        rig.Acknowledge("c");
        Assert.Single(rig.Writing!.Members);
        rig.RecordLands();
        Assert.Null(rig.Writing);
        rig.Wait(50, "b", "c");
        Assert.Equal(["b"], rig.Core.Links.Select(link => link.Silo));
    }

    [Fact]
    public void Members_sure_are_those_that_every_possible_set_names()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 2, MinInSync = 1 });
        rig.Attach("b");
        rig.Acknowledge("b");
        Assert.Equal(OperationStatus.NotEnoughReplicas, rig.Do(Op.Set("k")).Done.Only.Status);
        rig.RecordLands();
        Assert.True(rig.Do(Op.Set("k")).IsWaiting);
    }

    [Fact]
    public void Nothing_that_a_required_member_lacks_leaves_the_log()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 1, BacklogBytesMax = 1000 }).With("b");
        long held = rig.Core.LogEnd;
        for (int i = 0; i < 100; i++)
            rig.Do(Op.Set($"k{i}", new string('v', 2000)));
        rig.Wait(100, "b");
        Assert.True(rig.Copy.Log.FirstOffset <= held + 1);
        rig.Acknowledge("b");
        rig.Wait(50, "b");
        Assert.True(rig.Copy.Log.FirstOffset > held + 1);
    }
}
