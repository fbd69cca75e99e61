using Grid.Formats.Buffers;
using Grid.Replication.Links;
using Grid.Replication.Primary;

namespace Grid.Tests.Replication.Rigs;

/// <summary>A snapshot in the making: a slice of the scan per step, until its payload is whole.</summary>
internal sealed class StageSnapshot(Stage stage, SnapshotPlan plan) : IDisposable
{
    private const int SliceEntries = 8;

    private readonly SnapshotPayload _payload = new(plan, shard: 0);
    private bool _isDisposed;

    public SnapshotPlan Plan { get; } = plan;

    public long Entries => _payload.Entries;

    /// <summary>Bytes that the encoder made.</summary>
    public long EncodedBytes => _payload.EncodedBytes;

    /// <summary>Takes a slice; gives the whole payload once that was the last one.</summary>
    public byte[]? Step() => _payload.Scan(SliceEntries) ? null : stage.ChangePayload(_payload.ToArray());

    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        _payload.Dispose();
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

    public StageSending(Stage stage, StagePrimary primary, SyncAnnouncement announcement, IEnumerable<SnapshotMember> members, byte[] payload, long entries)
    {
        _stage = stage;
        _primary = primary;
        _payload = payload;
        _entries = entries;
        _members = [.. members];
        SnapshotId = announcement.SnapshotId;
        _items = new SnapshotItems(announcement, primary.Core.Epoch);
    }

    public long SnapshotId { get; }

    /// <summary>True once every member that is left has taken everything.</summary>
    public bool IsOver { get; private set; }

    public void Forget(string silo) => _members.RemoveAll(member => member.Silo == silo);

    public void Step()
    {
        LeaveStalledBehind();
        if (!_members.TrueForAll(member => Wire(member).WaitingPieces < PiecesAhead))
            return;
        int at = (int)_items.SentBytes;
        if (at < _payload.Length)
            ToAll(_items.Piece(_payload.AsSpan(at, Math.Min(_stage.Settings.PieceBytes, _payload.Length - at)), _primary.Core.Committed));
        else if (!_endIsSent)
            ToAll(_items.End(_entries, _primary.Core.Committed));
        else if (_members.TrueForAll(member => Wire(member).WaitingPieces == 0))
            End();
        _endIsSent |= at >= _payload.Length;
    }

    private StageWire Wire(in SnapshotMember member) =>
        member.DualChannel ? _stage.Silo(member.Silo).Snapshots : _stage.Silo(member.Silo).Commands;

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
                _primary.Core.OnLinkFailed(member.Silo, member.Attach, $"it took nothing of the snapshot for {stuck} ms", _stage.Now);
        }
    }
}
