using Grid.Formats.Buffers;
using Grid.Replication.Primary;

namespace Grid.Tests.Replication.Rigs;

/// <summary>A snapshot on its way to its cohort: a slice of the scan or one piece per step, the same pieces for everybody.</summary>
internal sealed class StageSnapshot : IDisposable
{
    private const int SliceEntries = 8;
    private const int PiecesAhead = 2;

    private readonly Stage _stage;
    private readonly StagePrimary _primary;
    private readonly SnapshotItems _items;
    private readonly List<SnapshotMember> _members;
    private readonly MemoryStream _payload = new();
    private byte[] _sending = [];
    private bool _scans = true;
    private bool _endIsSent;
    private bool _isOver;

    public StageSnapshot(Stage stage, StagePrimary primary, SnapshotPlan plan)
    {
        _stage = stage;
        _primary = primary;
        Plan = plan;
        _members = [.. plan.Members];
        _items = new SnapshotItems(plan, shard: 0, primary.Core.Epoch, stage.Settings.Checksums);
    }

    public SnapshotPlan Plan { get; }

    /// <summary>Bytes that the encoder made.</summary>
    public long EncodedBytes => _items.EncodedBytes;

    /// <summary>Bytes that went to each member.</summary>
    public long SentBytes => _items.SentBytes;

    public void Announce()
    {
        foreach (SnapshotMember member in _members)
            _stage.Silo(member.Silo).Snapshots.Send(Plan.Announcement.ToItem(member.Attach, 0, _primary.Core.Epoch, _primary.Core.Committed), member.Attach);
    }

    public void Forget(string silo) => _members.RemoveAll(member => member.Silo == silo);

    public void Step()
    {
        if (_isOver)
            return;
        LeaveStalledBehind();
        if (_scans)
            Scan();
        else if (_members.TrueForAll(member => Wire(member).Waiting < PiecesAhead))
            Send();
    }

    public void Dispose()
    {
        if (_isOver)
            return;
        _isOver = true;
        _items.Dispose();
        _payload.Dispose();
    }

    private StageWire Wire(in SnapshotMember member) => _stage.Silo(member.Silo).Snapshots;

    private void Scan()
    {
        _scans = _items.Scan(SliceEntries, int.MaxValue);
        while (_items.TryTakeChunk(out PooledBuffer? chunk))
        {
            _payload.Write(chunk.Span);
            chunk.Release();
        }

        if (!_scans)
            _sending = _stage.ChangePayload(_payload.ToArray());
    }

    private void Send()
    {
        if (_items.SentBytes < _sending.Length)
        {
            int at = (int)_items.SentBytes;
            ToAll(_items.Piece(_sending.AsSpan(at, Math.Min(_stage.Settings.PieceBytes, _sending.Length - at)), _primary.Core.Committed));
        }
        else if (!_endIsSent)
        {
            _endIsSent = true;
            ToAll(_items.End(_primary.Core.Committed));
        }
        else if (_members.TrueForAll(member => Wire(member).Waiting == 0))
        {
            foreach (SnapshotMember member in _members)
                _primary.Core.OnSnapshotSent(member.Silo, member.Attach, _stage.Now);
            _primary.SnapshotEnded(this);
        }
    }

    private void ToAll(PooledBuffer item)
    {
        foreach (SnapshotMember member in _members)
            Wire(member).Send(item.Retain(), member.Attach);
        item.Release();
    }

    /// <summary>Who takes nothing for too long holds up nobody else.</summary>
    private void LeaveStalledBehind()
    {
        foreach (SnapshotMember member in _members.ToArray())
        {
            long stuck = _stage.Ms - Wire(member).StuckSinceMs;
            if (Wire(member).Waiting > 0 && stuck >= _stage.Settings.Primary.ReplicaTimeoutMs)
                _primary.Core.OnLinkFailed(member.Silo, member.Attach, $"it took nothing of the snapshot for {stuck} ms", _stage.Now);
        }
    }
}
