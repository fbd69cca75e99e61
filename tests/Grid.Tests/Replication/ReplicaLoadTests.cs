using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Replica;
using Grid.Replication.Sessions;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>A snapshot is loaded beside the old data; only a whole one is ever seen.</summary>
public sealed class ReplicaLoadTests
{
    private readonly ReplicaRig _rig = new ReplicaRig(new ReplicaOptions { KeptBytesMax = 1000 }).Attach();

    [Theory]
    [InlineData(SnapshotCodec.None)]
    [InlineData(SnapshotCodec.Lz4)]
    public void A_snapshot_in_pieces_becomes_the_copy_and_kept_mutations_follow(SnapshotCodec codec)
    {
        byte[] payload = ReplicaRig.Payload(10, codec);
        _rig.Announce(5, 10, compressed: codec == SnapshotCodec.Lz4);
        _rig.Piece(5, payload.AsSpan(0, 20));
        _rig.Mutations(11, 2, committed: 11);
        Assert.Equal(-1, _rig.Acknowledgements[^1].Offset);
        Assert.Null(_rig.Value("k10"));
        _rig.Piece(5, payload.AsSpan(20));
        _rig.End(5, 9);
        Assert.Equal((ReplicaPhase.Following, CopyState.Complete), (_rig.Core.Phase, _rig.Core.Copy.State));
        Assert.Equal(12, _rig.Acknowledgements[^1].Offset);
        Assert.Equal("v", _rig.Value("k11"));
        Assert.Null(_rig.Value("k12"));
        Assert.Equal(_rig.LastAttach.NextCopyId, _rig.Core.Copy.Name.CopyId);
    }

    [Fact]
    public void A_load_dropped_while_a_piece_is_under_way_is_freed_when_the_piece_is_over()
    {
        long before = _rig.RentedBytes;
        byte[] item = _rig.PieceItem(5, 1, ReplicaRig.Payload(10));
        _rig.Announce(5, 10);
        SnapshotPiece piece = Assert.IsType<SnapshotPiece>(_rig.Core.BeginSnapshotItem(item, _rig.Now));
        _rig.Core.OnNewEpoch(7, _rig.Now);
        Assert.Null(_rig.Core.Load);
        piece.Load(item);
        Assert.True(_rig.RentedBytes > before);
        _rig.Core.EndPiece(piece, _rig.Now);
        Assert.Equal(before, _rig.RentedBytes);
        Assert.Equal(ReplicaPhase.Attaching, _rig.Core.Phase);
    }

    [Fact]
    public void Damage_found_in_a_piece_under_way_fails_the_load_when_the_piece_is_over()
    {
        byte[] payload = ReplicaRig.Payload(10);
        payload[0] ^= 1;
        byte[] item = _rig.PieceItem(5, 1, payload);
        _rig.Announce(5, 10);
        SnapshotPiece piece = Assert.IsType<SnapshotPiece>(_rig.Core.BeginSnapshotItem(item, _rig.Now));
        piece.Load(item);
        Assert.Equal(ReplicaPhase.Loading, _rig.Core.Phase);
        _rig.Core.EndPiece(piece, _rig.Now);
        Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
        Assert.Null(_rig.Core.Load);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Either_stream_may_be_ahead(bool snapshotFirst)
    {
        _rig.Announce(5, 3, onCommands: !snapshotFirst, onSnapshots: snapshotFirst);
        _rig.Announce(5, 3, onCommands: snapshotFirst, onSnapshots: !snapshotFirst);
        _rig.Piece(5, ReplicaRig.Payload(3));
        _rig.End(5, 2);
        Assert.Equal(3, _rig.Acknowledgements[^1].Offset);
    }

    [Fact]
    public void A_snapshot_that_is_whole_before_the_command_stream_speaks_is_acknowledged_when_it_does()
    {
        _rig.Announce(5, 3, onCommands: false);
        _rig.Piece(5, ReplicaRig.Payload(3));
        _rig.End(5, 2);
        Assert.Equal(ReplicaPhase.Following, _rig.Core.Phase);
        _rig.Announce(5, 3, onSnapshots: false);
        Assert.Equal(ReplicaPhase.Following, _rig.Core.Phase);
        Assert.Equal(3, _rig.Acknowledgements[^1].Offset);
        Assert.Single(_rig.Attaches);
    }

    [Fact]
    public void A_snapshot_brings_what_is_remembered_of_clients_and_is_none_without()
    {
        SessionTable table = new();
        table.Open(0, 5, 1, 2);
        table.Record(new MutationOrigin(0, 3, 2), 1, false, 4, 5, 6);
        _rig.Announce(5, 10);
        _rig.Piece(5, ReplicaRig.Payload(10, sessions: []));
        _rig.End(5, 9);
        Assert.Contains(_rig.Events, e => e.What == ReplicaEvent.LoadCorrupt);
        Assert.Equal(CopyState.Empty, _rig.Core.Copy.State);
        ReplicaRig other = new ReplicaRig().Attach();
        other.Announce(5, 10);
        other.Piece(5, ReplicaRig.Payload(10, SnapshotCodec.Lz4, sessions: table.Pack()));
        other.End(5, 9);
        Assert.Equal((CopyState.Complete, table.Digest()), (other.Core.Copy.State, other.Core.Copy.Sessions.Digest()));
    }

    [Fact]
    public void A_loaded_copy_serves_nothing_before_it_knows_its_base_committed()
    {
        _rig.Load(5, 3);
        Assert.False(_rig.Core.MayServe);
        _rig.Heartbeat(committed: 3);
        Assert.True(_rig.Core.MayServe);
    }

    [Fact]
    public void A_lost_end_is_noticed_although_the_command_stream_lives()
    {
        _rig.Announce(5, 3);
        _rig.Piece(5, ReplicaRig.Payload(3));
        for (int i = 0; i < 25; i++)
        {
            _rig.Wait(100);
            if (_rig.Core.Phase == ReplicaPhase.Loading)
                _rig.Heartbeat(committed: 0);
        }

        Assert.Contains(_rig.Events, e => e.What == ReplicaEvent.LoadStalled);
        Assert.Equal(2, _rig.Attaches.Count);
    }

    [Fact]
    public void A_missing_piece_is_a_broken_transfer_and_no_corruption()
    {
        for (int i = 0; i < 4; i++)
        {
            _rig.Announce(5, 3);
            _rig.LosePiece(10);
            _rig.Piece(5, ReplicaRig.Payload(3));
            Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
            AttachAgain();
        }

        Assert.False(_rig.Core.IsFaulted);
        Assert.True(_rig.LastAttach.Capabilities.HasFlag(ReplicaCapabilities.Lz4));
    }

    [Fact]
    public void Three_corrupt_payloads_in_a_row_ask_for_plaintext_and_a_good_plain_one_does_not_end_that()
    {
        DamageThreePayloads(_rig);
        Assert.True(_rig.Core.IsFaulted);
        Assert.Contains("checksum differs", _rig.Core.Fault, StringComparison.Ordinal);
        Assert.False(_rig.LastAttach.Capabilities.HasFlag(ReplicaCapabilities.Lz4));
        _rig.Load(6, 3);
        FollowFor(_rig, ms: 500_000);
        Assert.True(_rig.Core.IsFaulted);
        _rig.Core.OnNewEpoch(2, _rig.Now);
        Assert.False(_rig.LastAttach.Capabilities.HasFlag(ReplicaCapabilities.Lz4));
        Assert.Single(_rig.Events, e => e.What == ReplicaEvent.Faulted);
    }

    [Fact]
    public void Two_corrupt_payloads_before_a_good_one_are_no_row_of_three()
    {
        for (int i = 0; i < 2; i++)
        {
            DamagePayloads(_rig, 2);
            _rig.Load(6 + i, 3);
            _rig.Core.OnNewEpoch(2 + i, _rig.Now);
            _rig.Epoch = 2 + i;
            _rig.Accept();
        }

        Assert.False(_rig.Core.IsFaulted);
    }

    [Fact]
    public void A_fault_ends_once_nothing_damaged_has_come_for_its_time_and_the_link_is_agreed_on_anew()
    {
        ReplicaRig rig = new ReplicaRig(new ReplicaOptions { FaultedMs = 60_000 }).Attach();
        DamageThreePayloads(rig);
        int attaches = rig.Attaches.Count;
        rig.Announce(6, 3, traits: LinkTraits.OffersPacking);
        rig.Piece(6, ReplicaRig.Payload(3));
        rig.End(6, 2);
        FollowFor(rig, ms: 50_000);
        Assert.True(rig.Core.IsFaulted);
        Assert.Equal(attaches, rig.Attaches.Count);
        FollowFor(rig, ms: 15_000);
        Assert.False(rig.Core.IsFaulted);
        Assert.Empty(rig.Core.Fault);
        Assert.True(rig.LastAttach.Capabilities.HasFlag(ReplicaCapabilities.Lz4));
        Assert.Equal((attaches + 1, 3), (rig.Attaches.Count, rig.LastAttach.LogEnd));
        Assert.Equal([ReplicaEvent.Faulted, ReplicaEvent.FaultEnded], rig.Events.Select(e => e.What).Where(what => what is ReplicaEvent.Faulted or ReplicaEvent.FaultEnded));
    }

    /// <summary>While nothing comes at all, nothing shows that the link is good.</summary>
    [Fact]
    public void A_fault_does_not_end_while_the_replica_follows_nobody()
    {
        ReplicaRig rig = new ReplicaRig(new ReplicaOptions { FaultedMs = 60_000 }).Attach();
        DamageThreePayloads(rig);
        rig.Wait(200_000);
        Assert.True(rig.Core.IsFaulted);
        Assert.False(rig.LastAttach.Capabilities.HasFlag(ReplicaCapabilities.Lz4));
    }

    [Fact]
    public void Damage_during_a_fault_makes_it_last_longer()
    {
        ReplicaRig rig = new ReplicaRig(new ReplicaOptions { FaultedMs = 60_000 }).Attach();
        DamageThreePayloads(rig);
        rig.Load(6, 3);
        FollowFor(rig, ms: 50_000);
        rig.Core.OnNewEpoch(2, rig.Now);
        rig.Epoch = 2;
        rig.Accept();
        DamagePayloads(rig, 1);
        rig.Load(7, 4);
        FollowFor(rig, ms: 50_000);
        Assert.True(rig.Core.IsFaulted);
        FollowFor(rig, ms: 15_000);
        Assert.False(rig.Core.IsFaulted);
    }

    [Fact]
    public void A_change_of_what_is_advertised_ends_a_fault_and_other_settings_do_not()
    {
        ReplicaOptions options = new();
        DamageThreePayloads(_rig);
        _rig.Core.Reconfigure(options with { KeptBytesMax = 5000 }, _rig.Now);
        Assert.True(_rig.Core.IsFaulted);
        _rig.Core.Reconfigure(options with { Capabilities = ReplicaCapabilities.DualChannel }, _rig.Now);
        Assert.False(_rig.Core.IsFaulted);
        _rig.Core.Reconfigure(options, _rig.Now);
        Assert.True(_rig.LastAttach.Capabilities.HasFlag(ReplicaCapabilities.Lz4));
    }

    [Fact]
    public void A_snapshot_cut_short_or_with_another_count_is_never_seen()
    {
        _rig.Announce(5, 10);
        _rig.Piece(5, ReplicaRig.Payload(10).AsSpan(0, 100));
        _rig.End(5, 9);
        Assert.Empty(_rig.Installed);
        AttachAgain();
        _rig.Announce(6, 10);
        _rig.Piece(6, ReplicaRig.Payload(10));
        _rig.End(6, 8);
        Assert.Empty(_rig.Installed);
        Assert.Equal(CopyState.Empty, _rig.Core.Copy.State);
    }

    [Fact]
    public void A_snapshot_of_another_base_than_announced_is_refused()
    {
        _rig.Announce(5, 9);
        _rig.Piece(5, ReplicaRig.Payload(10));
        Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
    }

    [Fact]
    public void Kept_mutations_have_a_bound_that_the_primary_is_told_of()
    {
        Assert.Equal(1000, _rig.LastAttach.KeptBytesMax);
        _rig.Announce(5, 3);
        _rig.Mutations(4, 1, value: new string('v', 900));
        Assert.InRange(_rig.Acknowledgements[^1].Kept, 900, 1000);
        _rig.Piece(5, ReplicaRig.Payload(3));
        _rig.End(5, 2);
        Assert.Equal(4, _rig.Acknowledgements[^1].Offset);
        _rig.Mutations(5, 1, value: new string('v', 900));
        Assert.Equal(5, _rig.Acknowledgements[^1].Offset);
    }

    [Fact]
    public void A_primary_that_sends_more_than_is_kept_costs_the_load_and_not_the_memory()
    {
        _rig.Announce(5, 3);
        _rig.Mutations(4, 1, value: new string('v', 900));
        _rig.Mutations(5, 1, value: new string('v', 900));
        Assert.Contains(_rig.Events, e => e.What == ReplicaEvent.LoadOverrun);
        Assert.Equal(ReplicaPhase.Detached, _rig.Core.Phase);
    }

    [Fact]
    public void The_bound_of_a_load_is_the_one_that_was_told_at_the_attach()
    {
        _rig.Announce(5, 3);
        _rig.Core.Reconfigure(new ReplicaOptions { KeptBytesMax = 500 }, _rig.Now);
        _rig.Mutations(4, 1, value: new string('v', 900));
        Assert.DoesNotContain(_rig.Events, e => e.What == ReplicaEvent.LoadOverrun);
        Assert.Equal(ReplicaPhase.Loading, _rig.Core.Phase);
    }

    [Fact]
    public void A_new_reign_drops_the_load_and_the_old_copy_is_untouched()
    {
        _rig.Load(5, 3);
        ShardCopy old = _rig.Core.Copy;
        _rig.Core.OnNewEpoch(2, _rig.Now);
        _rig.Epoch = 2;
        _rig.Accept();
        _rig.Announce(6, 8, history: [new EpochStart(1, 1), new EpochStart(2, 8)]);
        _rig.Mutations(9, 1, epoch: 2);
        _rig.Core.OnNewEpoch(3, _rig.Now);
        Assert.Same(old, _rig.Core.Copy);
        Assert.Equal("v", _rig.Value("k3"));
        Assert.Equal((3, true, 3L), (_rig.LastAttach.LogEnd, _rig.LastAttach.Complete, _rig.LastAttach.EpochSeen));
    }

    [Fact]
    public void Pieces_of_another_snapshot_are_dropped()
    {
        _rig.Announce(5, 3);
        _rig.Piece(99, ReplicaRig.Payload(3));
        Assert.Equal(0, _rig.Core.Load!.WireBytes);
        Assert.Equal(ReplicaPhase.Loading, _rig.Core.Phase);
    }

    [Fact]
    public void Pieces_of_the_same_file_that_are_sent_for_another_attach_are_dropped()
    {
        _rig.Announce(5, 3);
        _rig.Piece(5, ReplicaRig.Payload(3), attach: _rig.LastAttach.Attach + 1);
        Assert.Equal((ReplicaPhase.Loading, 0L), (_rig.Core.Phase, _rig.Core.Load!.WireBytes));
    }

    [Fact]
    public void Pieces_of_a_file_that_are_sent_for_this_attach_are_loaded()
    {
        _rig.Announce(5, 3);
        _rig.Piece(5, ReplicaRig.Payload(3), attach: _rig.LastAttach.Attach);
        Assert.NotEqual(0, _rig.Core.Load!.WireBytes);
    }

    private void AttachAgain() => AttachAgain(_rig);

    private static void AttachAgain(ReplicaRig rig)
    {
        int before = rig.Attaches.Count;
        while (rig.Attaches.Count == before)
            rig.Wait(50);
        rig.Accept();
    }

    private static void DamageThreePayloads(ReplicaRig rig)
    {
        DamagePayloads(rig, 2);
        Assert.True(rig.LastAttach.Capabilities.HasFlag(ReplicaCapabilities.Lz4));
        DamagePayloads(rig, 1);
    }

    private static void DamagePayloads(ReplicaRig rig, int count)
    {
        for (int i = 0; i < count; i++)
        {
            byte[] payload = ReplicaRig.Payload(40, SnapshotCodec.Lz4);
            payload[60] ^= 1;
            rig.Announce(5, 40, compressed: true);
            rig.Piece(5, payload);
            Assert.Equal(ReplicaPhase.Detached, rig.Core.Phase);
            AttachAgain(rig);
        }
    }

    private static void FollowFor(ReplicaRig rig, long ms)
    {
        for (long end = rig.Ms + ms; rig.Ms < end && rig.Core.Phase == ReplicaPhase.Following; rig.Wait(1000))
            rig.Heartbeat(committed: 3, rig.Core.Traits);
    }
}
