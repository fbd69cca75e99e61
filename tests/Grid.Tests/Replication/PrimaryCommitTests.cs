using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>When a write is committed, and what its reply waits for.</summary>
public sealed class PrimaryCommitTests
{
    [Fact]
    public void Alone_in_the_set_a_primary_commits_at_once()
    {
        PrimaryRig rig = new();
        Answer answer = rig.Do(Op.Set("k")).Done;
        Assert.Equal(BatchStatus.Ok, answer.Status);
        Assert.Equal(rig.Core.LogEnd, rig.Core.Committed);
    }

    [Fact]
    public void A_replicated_write_waits_for_every_required_member()
    {
        PrimaryRig rig = new PrimaryRig().With("b", "c");
        Ticket write = rig.Do(Op.Set("k"));
        Assert.True(write.IsWaiting);
        rig.Acknowledge("b");
        Assert.True(write.IsWaiting);
        rig.Acknowledge("c");
        Assert.Equal(OperationStatus.Ok, write.Done.Only.Status);
    }

    [Fact]
    public void A_write_with_primary_durability_does_not_wait_for_its_own_commit()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        Assert.Equal(OperationStatus.Ok, rig.Do(WriteDurability.Primary, Op.Set("k")).Done.Only.Status);
        Assert.True(rig.Core.Committed < rig.Core.LogEnd);
    }

    [Fact]
    public void What_a_primary_durability_batch_saw_it_still_waits_for()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        rig.Do(WriteDurability.Primary, Op.Set("k"));
        Ticket add = rig.Do(WriteDurability.Primary, Op.Get("k"), Op.Set("other"));
        Assert.True(add.IsWaiting);
        rig.Acknowledge("b");
        Assert.False(add.IsWaiting);
    }

    [Fact]
    public void An_acknowledgement_of_another_attach_epoch_or_copy_counts_for_nothing()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        Ticket write = rig.Do(Op.Set("k"));
        rig.Acknowledge("b", attach: rig.Request("b").Attach - 1);
        rig.Acknowledge("b", epoch: 7);
        rig.Acknowledge("b", copy: new CopyName("b", Guid.NewGuid()));
        Assert.True(write.IsWaiting);
        rig.Acknowledge("b");
        Assert.False(write.IsWaiting);
    }

    [Fact]
    public void An_acknowledgement_of_what_was_never_sent_ends_the_link()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        rig.Acknowledge("b", rig.Core.LogEnd + 5);
        Assert.Contains("b", rig.Abandoned);
        Assert.Empty(rig.Core.Links);
    }

    [Fact]
    public void An_older_acknowledgement_that_comes_late_changes_nothing()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        rig.Do(Op.Set("k"));
        long end = rig.Core.LogEnd;
        rig.Acknowledge("b", end);
        rig.Acknowledge("b", end - 1);
        Assert.Equal(end, rig.Core.Committed);
    }

    [Fact]
    public void The_committed_offset_rides_on_batches_and_follows_by_heartbeat()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        rig.Do(Op.Set("k"));
        rig.Acknowledge("b");
        rig.Sent.Clear();
        rig.Wait(50);
        SentItem heartbeat = rig.To("b", LinkItemKind.Heartbeat).Single();
        Assert.Equal(rig.Core.LogEnd, heartbeat.Head.Committed);
        rig.Do(Op.Set("l"));
        Assert.Equal(rig.Core.Committed, rig.To("b", LinkItemKind.Mutations).Single().Head.Committed);
    }

    [Fact]
    public void Too_few_members_refuse_a_replicated_write_before_anything_changes()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 2, MinInSync = 1 });
        long end = rig.Core.LogEnd;
        Assert.Equal(OperationStatus.NotEnoughReplicas, rig.Do(Op.Set("k")).Done.Only.Status);
        Assert.Equal(end, rig.Core.LogEnd);
        Assert.Equal(OperationStatus.Ok, rig.Do(WriteDurability.Primary, Op.Set("k")).Done.Only.Status);
        rig.With("b");
        Ticket write = rig.Do(Op.Set("k"));
        rig.Acknowledge("b");
        Assert.Equal(OperationStatus.Ok, write.Done.Only.Status);
    }

    [Fact]
    public void A_write_whose_set_shrinks_below_the_minimum_meanwhile_is_indeterminate()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 2, MinInSync = 1 }).With("b");
        Ticket write = rig.Do(Op.Set("k"));
        rig.SilosAre("a");
        Assert.True(write.IsWaiting);
        rig.RecordLands();
        Assert.Equal(BatchStatus.Indeterminate, write.Done.Status);
    }

    [Fact]
    public void Stepping_down_leaves_writes_indeterminate_and_reads_refused()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        Ticket write = rig.Do(Op.Set("k")), read = rig.Do(Op.Get("k"));
        rig.Core.StepDown("test");
        Assert.Equal(BatchStatus.Indeterminate, write.Done.Status);
        Assert.Equal(BatchStatus.NotPrimary, read.Done.Status);
        Assert.Equal(BatchStatus.NotPrimary, rig.Do(Op.Get("k")).Done.Status);
        Assert.Equal("test", rig.SteppedDown);
    }

    [Fact]
    public void Stepping_down_leaves_a_write_in_vain_indeterminate_since_sent_again_it_might_succeed_behind_later_ones()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        rig.Do(Op.Set("k"));
        rig.Do(Op.Delete("k"));
        Ticket vain = rig.Do(Op.Delete("k"));
        Assert.True(vain.IsWaiting);
        rig.Core.StepDown("test");
        Assert.Equal(BatchStatus.Indeterminate, vain.Done.Status);
    }

    [Fact]
    public void A_primary_whose_copy_was_taken_answers_nothing_more()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        Ticket write = rig.Do(Op.Set("k"));
        rig.Copy.TakeOwnership();
        rig.Acknowledge("b");
        Assert.Equal(BatchStatus.Indeterminate, write.Done.Status);
        Assert.True(rig.Core.IsDown);
    }

    [Fact]
    public void An_adopted_tail_is_uncommitted_until_the_set_has_it_in_the_new_epoch()
    {
        PrimaryRig old = new PrimaryRig().With("b");
        old.Do(Op.Set("k"));
        old.Core.StepDown("over");
        ShardRecord record = old.Core.Record;
        PrimaryRig rig = new(copy: old.Copy, record: record.WithPrimary(old.Copy.Name, 2, record.InSync, Guid.NewGuid()));
        Assert.True(rig.Core.Committed < rig.Core.LogEnd - 1);
        Ticket read = rig.Do(Op.Get("absent")), found = rig.Do(Op.Get("k"));
        Assert.True(read.IsWaiting && found.IsWaiting);
        CopyName member = record.Members.Single();
        rig.Attach("b", change: request => request with { Copy = member, LogEnd = 1, Applied = 1, History = [new(1, 1)], EpochSeen = 1 });
        rig.Acknowledge("b");
        Assert.Equal("v", found.Done.Only.Value);
        Assert.Equal(OperationStatus.NotFound, read.Done.Only.Status);
    }

    [Fact]
    public void A_reply_leaves_in_the_order_of_what_it_waits_for()
    {
        PrimaryRig rig = new PrimaryRig().With("b");
        Ticket first = rig.Do(Op.Set("k")), second = rig.Do(Op.Set("l"));
        rig.Acknowledge("b", rig.Core.LogEnd - 1);
        Assert.False(first.IsWaiting);
        Assert.True(second.IsWaiting);
    }
}
