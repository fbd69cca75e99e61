using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>A replica keeps order, acknowledges what it holds, applies what is committed, and never guesses.</summary>
public sealed class ReplicaFollowTests
{
    private readonly ReplicaRig _rig = new ReplicaRig().Attach();

    public ReplicaFollowTests()
    {
        _rig.Load(snapshot: 5, baseOffset: 3);
        Assert.Equal(ReplicaPhase.Following, _rig.Core.Phase);
    }

    [Fact]
    public void What_is_held_is_acknowledged_and_what_is_committed_is_applied()
    {
        _rig.Mutations(4, 2, committed: 4);
        Assert.Equal((5, 4), (_rig.Acknowledgements[^1].Offset, _rig.Acknowledgements[^1].Applied));
        Assert.Equal("v", _rig.Value("k4"));
        Assert.Null(_rig.Value("k5"));
        _rig.Heartbeat(committed: 5);
        Assert.Equal("v", _rig.Value("k5"));
    }

    [Fact]
    public void A_repeated_item_is_dropped()
    {
        _rig.Mutations(4, 1);
        int acknowledged = _rig.Acknowledgements.Count;
        _rig.Command(LinkItemKind.Mutations, 1, 4, 1, ReplicaRig.Encode(4, 1), sequence: 1);
        Assert.Equal(acknowledged, _rig.Acknowledgements.Count);
        Assert.Equal(4, _rig.Core.Copy.Log.EndOffset);
    }

    [Fact]
    public void A_gap_attaches_again_from_the_replicas_own_position()
    {
        _rig.Mutations(4, 1);
        _rig.Command(LinkItemKind.Mutations, 1, 6, 1, ReplicaRig.Encode(6, 1), sequence: 9);
        Assert.Equal(4, _rig.Acknowledgements[^1].Offset);
        Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
        _rig.Wait(100);
        Assert.Equal(4, _rig.LastAttach.LogEnd);
        Assert.True(_rig.LastAttach.Complete);
    }

    [Fact]
    public void Mutations_that_do_not_follow_the_log_are_refused_whatever_their_number()
    {
        _rig.Mutations(6, 1);
        Assert.Equal(3, _rig.Core.Copy.Log.EndOffset);
        Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(70)]
    public void A_damaged_item_attaches_again_and_changes_nothing(int at)
    {
        Grid.Formats.Buffers.PooledBuffer item = Grid.Formats.Buffers.PooledBuffer.Rent(200);
        new LinkItem(LinkItemKind.Mutations, _rig.LastAttach.Attach, 1, 1, 9, 1, 4, 1).Write(item);
        item.Write(ReplicaRig.Encode(4, 1));
        LinkItem.Seal(item);
        item.WritableSpan[at] ^= 4;
        _rig.Core.OnCommand(item.Span, _rig.Now);
        Assert.Equal(3, _rig.Core.Copy.Log.EndOffset);
        Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
    }

    [Fact]
    public void A_count_that_its_bytes_do_not_have_is_refused()
    {
        _rig.Command(LinkItemKind.Mutations, 1, 4, 5, ReplicaRig.Encode(4, 2));
        Assert.Equal(3, _rig.Core.Copy.Log.EndOffset);
        Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
    }

    [Fact]
    public void Items_of_an_older_attach_or_epoch_are_dropped()
    {
        _rig.Core.OnNewEpoch(3, _rig.Now);
        _rig.Accept();
        _rig.Command(LinkItemKind.Continue, 3, epoch: 2);
        _rig.Command(LinkItemKind.Continue, 3, epoch: 3, attach: _rig.LastAttach.Attach - 1);
        Assert.Equal(ReplicaPhase.Attaching, _rig.Core.Phase);
        _rig.Command(LinkItemKind.Continue, 3, epoch: 3, sequence: 0);
        Assert.Equal(ReplicaPhase.Following, _rig.Core.Phase);
    }

    [Fact]
    public void A_link_is_of_one_epoch()
    {
        _rig.Command(LinkItemKind.Heartbeat, epoch: 2);
        Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
    }

    [Fact]
    public void A_tail_that_was_never_committed_is_cut()
    {
        _rig.Mutations(4, 3, committed: 4);
        _rig.Core.OnNewEpoch(2, _rig.Now);
        _rig.Epoch = 2;
        _rig.Accept();
        _rig.Continue(5);
        Assert.Equal(5, _rig.Core.Copy.Log.EndOffset);
        Assert.Contains(_rig.Events, e => e.What == ReplicaEvent.TailCut);
        _rig.Mutations(6, 1, committed: 6, epoch: 2, value: "other");
        Assert.Equal("other", _rig.Value("k6"));
        Assert.Equal(2, _rig.Core.Copy.Position.Epoch);
    }

    [Fact]
    public void Applied_data_are_never_cut()
    {
        _rig.Mutations(4, 1, committed: 4);
        _rig.Core.OnNewEpoch(2, _rig.Now);
        _rig.Epoch = 2;
        _rig.Accept();
        _rig.Continue(3);
        Assert.Equal(4, _rig.Core.Copy.Log.EndOffset);
        Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
    }

    [Fact]
    public void A_silent_primary_is_looked_for_again_with_a_growing_pause()
    {
        _rig.Wait(2100);
        Assert.Equal(2, _rig.Attaches.Count);
        _rig.Core.OnAttachAnswered(_rig.LastAttach.Attach, null, _rig.Now);
        List<long> at = [];
        for (int i = 0; i < 8; i++)
        {
            int before = _rig.Attaches.Count;
            while (_rig.Attaches.Count == before)
                _rig.Wait(50);
            at.Add(_rig.Ms);
            _rig.Core.OnAttachAnswered(_rig.LastAttach.Attach, AttachAnswer.Later, _rig.Now);
        }

        Assert.InRange(at[^1] - at[^2], 900, 2100);
        Assert.True(at[1] - at[0] < at[^1] - at[^2]);

        // With jitter, so that many replicas of a primary that was lost do not all come at once.
        Assert.True(new[] { at[^1] - at[^2], at[^2] - at[^3], at[^3] - at[^4] }.Distinct().Count() > 1);
    }

    [Fact]
    public void A_replica_that_is_not_wanted_goes()
    {
        _rig.Core.OnNewEpoch(2, _rig.Now);
        _rig.Core.OnAttachAnswered(_rig.LastAttach.Attach, AttachAnswer.NotWanted, _rig.Now);
        Assert.True(_rig.Dismissed);
        _rig.Wait(5000);
        Assert.Equal(2, _rig.Attaches.Count);
    }

    [Fact]
    public void A_replica_whose_copy_was_taken_does_nothing_more()
    {
        _rig.Core.Copy.TakeOwnership();
        _rig.Mutations(4, 1);
        _rig.Wait(5000);
        Assert.Equal(3, _rig.Core.Copy.Log.EndOffset);
        Assert.Single(_rig.Attaches);
    }

    /// <summary>A shard that began anew after a loss counts from the beginning: what was old in the data before says nothing of its log.</summary>
    [Fact]
    public void A_loaded_copy_that_begins_lower_keeps_its_tail()
    {
        ReplicaRig rig = new ReplicaRig(new ReplicaOptions { BacklogMsMax = 1600 }).Attach();
        rig.Load(snapshot: 5, baseOffset: 300);
        for (int i = 0; i < 4; i++)
        {
            rig.Wait(800);
            rig.Heartbeat(committed: 300);
        }

        rig.Core.Follow(rig.LastAttach.Attach, rig.Now);
        rig.Wait(1000);
        rig.Accept();
        rig.Load(snapshot: 6, baseOffset: 3);
        string large = new('v', 60_000);
        rig.Mutations(4, 2, value: large);
        rig.Mutations(6, 2, value: large);
        rig.Wait(50);
        Assert.Equal(ReplicaPhase.Following, rig.Core.Phase);
        Assert.Equal(4, rig.Core.Copy.Log.FirstOffset);
        rig.Heartbeat(committed: 7);
        Assert.Equal(large, rig.Value("k4"));
        Assert.Equal(large, rig.Value("k7"));
    }

    [Fact]
    public void A_replica_that_learned_to_unpack_before_its_primary_offered_it_attaches_anew_once_it_does()
    {
        ReplicaRig rig = new ReplicaRig(new ReplicaOptions { Capabilities = ReplicaCapabilities.DualChannel }).Attach();
        rig.Continue(0);
        rig.Core.Reconfigure(new ReplicaOptions(), rig.Now);
        rig.Wait(50);
        Assert.Single(rig.Attaches);
        rig.Command(LinkItemKind.Heartbeat, c: (long)LinkTraits.OffersPacking);
        rig.Wait(50);
        Assert.Equal(2, rig.Attaches.Count);
        Assert.True(rig.LastAttach.Capabilities.HasFlag(ReplicaCapabilities.Lz4));
    }
}
