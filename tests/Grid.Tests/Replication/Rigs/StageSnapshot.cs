using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Silo.Snapshots;

namespace Grid.Tests.Replication.Rigs;

/// <summary>A snapshot in the making: a slice of the scan per step, until its payload is whole.</summary>
internal sealed class StageSnapshot(Stage stage, SnapshotPlan plan) : IDisposable
{
    private const int SliceEntries = 8;

    private readonly SnapshotPayload _payload = new(plan, shard: 0);
    private readonly MemoryStream _made = new();

    public SnapshotPlan Plan { get; } = plan;

    public long Entries => _payload.Entries;

    /// <summary>Bytes that the encoder made.</summary>
    public long EncodedBytes => _payload.EncodedBytes;

    /// <summary>Takes a slice; gives the whole payload once that was the last one.</summary>
    public byte[]? Step()
    {
        bool more = _payload.Scan(SliceEntries, int.MaxValue);
        while (_payload.TryTakeChunk(out PooledBuffer? chunk))
        {
            _made.Write(chunk.Span);
            chunk.Release();
        }

        return more ? null : stage.ChangePayload(_made.ToArray());
    }

    public void Dispose()
    {
        _payload.Dispose();
        _made.Dispose();
    }
}

/// <summary>A payload on its way to a cohort, or a saved one to one member: a piece per step, the same pieces for everybody.</summary>
internal sealed class StageSending
{
    private const int PiecesAhead = 2;

    private readonly Stage _stage;
    private readonly StagePrimary _primary;
    private readonly byte[] _payload;
    private readonly long _entries;
    private readonly List<SnapshotMember> _members;
    private readonly SnapshotItems _items;
    private bool _endIsSent;

    public StageSending(Stage stage, StagePrimary primary, SyncAnnouncement announcement, IEnumerable<SnapshotMember> members, byte[] payload, long entries, long attach = 0)
    {
        _stage = stage;
        _primary = primary;
        _payload = payload;
        _entries = entries;
        _members = [.. members];
        SnapshotId = announcement.SnapshotId;
        IsOfFile = attach != 0;
        _items = new SnapshotItems(announcement.SnapshotId, primary.Core.Epoch, attach);
    }

    public long SnapshotId { get; }

    /// <summary>True for a saved snapshot on its way to one member.</summary>
    public bool IsOfFile { get; }

    /// <summary>True once every member that is left has taken everything.</summary>
    public bool IsOver { get; private set; }

    public void Forget(string silo) => _members.RemoveAll(member => member.Silo == silo);

    public void Fail(string reason)
    {
        foreach (SnapshotMember member in _members)
            _primary.Core.OnMemberFailed(member.Silo, member.Attach, reason, _stage.Now);
    }

    public void Step()
    {
        LeaveStalledBehind();
        if (!_members.TrueForAll(member => Wire(member).WaitingPieces < PiecesAhead))
            return;
        int at = (int)_items.Bytes;
        if (at < _payload.Length)
            ToAll(Piece(_payload.AsSpan(at, Math.Min(_stage.Settings.PieceBytes, _payload.Length - at))));
        else if (!_endIsSent)
            ToAll(_items.End(_entries));
        else if (_members.TrueForAll(member => Wire(member).WaitingPieces == 0))
            End();
        _endIsSent |= at >= _payload.Length;
    }

    private StageWire Wire(in SnapshotMember member) =>
        member.DualChannel ? _stage.Silo(member.Silo).Snapshots : _stage.Silo(member.Silo).Commands;

    private PooledBuffer Piece(ReadOnlySpan<byte> bytes)
    {
        PooledBuffer piece = PooledBuffer.Rent(LinkItem.HeadLength + bytes.Length);
        piece.Advance(LinkItem.HeadLength);
        piece.Write(bytes);
        return _items.Piece(piece);
    }

    private void End()
    {
        IsOver = true;
        foreach (SnapshotMember member in _members)
            _primary.Core.OnSnapshotSent(member.Silo, member.Attach, _stage.Now);
    }

    private void ToAll(PooledBuffer item)
    {
        foreach (SnapshotMember member in _members)
            Wire(member).SendPiece(item.Retain());
        item.Release();
    }

    /// <summary>Who takes nothing for too long holds up nobody else.</summary>
    private void LeaveStalledBehind()
    {
        foreach (SnapshotMember member in _members.ToArray())
        {
            long stuck = _stage.Ms - Wire(member).StuckSinceMs;
            if (Wire(member).WaitingPieces > 0 && stuck >= _stage.Settings.Primary.ReplicaTimeoutMs)
                _primary.Core.OnMemberFailed(member.Silo, member.Attach, $"it took nothing of the snapshot for {stuck} ms", _stage.Now);
        }
    }
}
