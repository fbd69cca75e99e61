using Grid.Formats;
using Grid.Formats.Binary;
using Grid.Formats.Links;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Time;

namespace Grid.Replication.Replica;

/// <content>The snapshot stream.</content>
public sealed partial class ShardReplica
{
    private ShardCopy? _loading;
    private long _loadingToken;
    private SnapshotLoad? _load;
    private long _nextChunk;
    private long _pieceAtMs;
    private long _loadedSnapshot;

    /// <summary>The load in progress, for the status; null when there is none.</summary>
    public SnapshotLoad? Load => _load;

    /// <summary>An item of the snapshot stream came.</summary>
    public void OnSnapshot(ReadOnlySpan<byte> bytes, Instant now)
    {
        if (!Owns() || Phase is not (ReplicaPhase.Attaching or ReplicaPhase.Loading))
            return;
        try
        {
            LinkItem item = LinkItem.Read(bytes, out ReadOnlySpan<byte> body);
            if (item.Epoch < Copy.EpochSeen)
                return;
            switch (item.Kind)
            {
                case LinkItemKind.FullSync when item.Attach == _attach:
                    _heardAtMs = now.MonotonicMs;
                    BeginLoad(SyncAnnouncement.Read(item, body), now);
                    break;
                case LinkItemKind.SnapshotChunk or LinkItemKind.SnapshotEnd when _load is not null && (_load.SnapshotId == item.A || Plants(PlantedBug.TakesForeignPieces)):
                    _heardAtMs = _pieceAtMs = now.MonotonicMs;
                    TakePiece(item, body, now);
                    break;
            }
        }
        catch (MalformedException malformed)
        {
            FailLoad(malformed.Message, corrupt: true, now);
        }
        catch (PayloadException payload)
        {
            FailLoad(payload.Message, corrupt: payload.Fault != PayloadFault.Truncated, now);
        }
    }

    private void BeginLoad(SyncAnnouncement announcement, Instant now)
    {
        if (_load is not null)
        {
            if (_load.SnapshotId != announcement.SnapshotId)
                throw new MalformedException($"Snapshot {announcement.SnapshotId:x} was announced during the load of {_load.SnapshotId:x}.");
            return;
        }

        Phase = ReplicaPhase.Loading;
        _nextChunk = 1;
        _pieceAtMs = now.MonotonicMs;
        _loading = _output.MakeCopy(_nextCopyId);
        _loadingToken = _loading.TakeOwnership();
        _loading.State = CopyState.Loading;
        _loading.Lineage = announcement.Lineage;
        _loading.Observe(Copy.EpochSeen, Copy.RecordVersionSeen);
        _loading.BeginAt(announcement.BaseOffset, announcement.History);
        _load = new SnapshotLoad(_loading, announcement, _options);
        _output.Report(ReplicaEvent.LoadBegan, $"snapshot {announcement.SnapshotId:x} at {announcement.BaseOffset}, {(announcement.Compressed ? "lz4" : "plaintext")}");
    }

    private void TakePiece(in LinkItem item, ReadOnlySpan<byte> body, Instant now)
    {
        if (item.Sequence < _nextChunk)
            return;
        if ((item.Sequence > _nextChunk || item.B != _load!.WireBytes) && !Plants(PlantedBug.InstallsHalfLoad))
        {
            FailLoad($"piece {item.Sequence} at byte {item.B} of the snapshot came where piece {_nextChunk} at byte {_load!.WireBytes} was expected", corrupt: false, now);
            return;
        }

        _nextChunk++;
        if (item.Kind == LinkItemKind.SnapshotChunk)
        {
            _load!.Feed(body);
            return;
        }

        if (!Plants(PlantedBug.InstallsHalfLoad))
            _load!.Complete(new SpanReader(body).ReadInt64());
        Install(now);
    }

    /// <summary>The load is whole: its copy becomes the silo's copy, and what was kept meanwhile is acknowledged.</summary>
    private void Install(Instant now)
    {
        ShardCopy old = Copy;
        ShardCopy loaded = _loading!;
        _output.Report(ReplicaEvent.LoadEnded, $"{_load!.Entries} entries, {_load.WireBytes} bytes on the wire, {_load.RawBytes} raw; {loaded.Log.EndOffset - loaded.Applied} mutations kept meanwhile");
        _loadedSnapshot = _load.SnapshotId;
        _load.Dispose();
        _load = null;
        _loading = null;
        loaded.State = CopyState.Complete;
        loaded.Observe(old.EpochSeen, old.RecordVersionSeen);
        Copy = loaded;
        _ownerToken = _loadingToken;
        _output.InstallCopy(loaded, old);
        Phase = ReplicaPhase.Following;
        _failures = 0;
        _corruptInRow = 0;
        _heardAtMs = now.MonotonicMs;
        if (_epoch != 0)
            Advance(_committed);
        if (Plants(PlantedBug.AppliesKeptTwice) && loaded.Applied >= loaded.Log.FirstOffset)
            MutationApplier.Apply(loaded.Store, loaded.Log.Read(loaded.Log.FirstOffset, 1));
    }

    private void FailLoad(string reason, bool corrupt, Instant now)
    {
        _corruptInRow = corrupt ? _corruptInRow + 1 : 0;
        DropLoad(reason);
        DetachAndRetry(now);
    }

    /// <summary>Frees what was loaded and kept so far; the old copy was never touched.</summary>
    private void DropLoad(string reason)
    {
        if (_load is null)
            return;
        _output.Report(ReplicaEvent.LoadFailed, $"{reason} (after {_load.WireBytes} bytes, {_load.Entries} entries)");
        _load.Dispose();
        _load = null;
        _loading!.Dispose();
        _loading = null;
    }
}
