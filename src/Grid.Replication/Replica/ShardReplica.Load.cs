using System.Globalization;
using System.Runtime.ExceptionServices;
using Grid.Formats;
using Grid.Formats.Binary;
using Grid.Formats.Links;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Log;
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
    private long _failedSnapshot;

    /// <summary>The load in progress, for the status; null when there is none.</summary>
    public SnapshotLoad? Load => _load;

    /// <summary>An item of the snapshot stream came.</summary>
    public void OnSnapshot(ReadOnlySpan<byte> bytes, Instant now)
    {
        if (BeginSnapshotItem(bytes, now) is not { } piece)
            return;
        piece.Load(bytes);
        EndPiece(piece, now);
    }

    /// <summary>
    /// The first half of <see cref="OnSnapshot"/>. When the item is a piece that is to be loaded, this says so, and the caller has it
    /// loaded, on whichever thread and while the state machine goes on, then calls <see cref="EndPiece"/>; one item at a time.
    /// </summary>
    /// <returns>The piece; null when nothing is left to do.</returns>
    public SnapshotPiece? BeginSnapshotItem(ReadOnlySpan<byte> bytes, Instant now)
    {
        if (!Owns() || Phase is not (ReplicaPhase.Attaching or ReplicaPhase.Loading))
            return null;
        try
        {
            LinkItem item = LinkItem.Read(bytes, out ReadOnlySpan<byte> body);
            if (_load is null || _loading != Copy)
                return TakeSnapshotItem(item, body, now) ? new SnapshotPiece(_load!) : null;

            // The copy that is loaded is the silo's copy already: it is used under its gate only.
            LoadAtOnce(item, body, bytes, now);
            return null;
        }
        catch (MalformedException damaged)
        {
            FailLoad(ReplicaEvent.LoadDamaged, damaged.Message, now);
            return null;
        }
        catch (PayloadException strange)
        {
            FailLoad(KindOf(strange.Fault), strange.Message, now);
            return null;
        }
    }

    /// <summary>A piece was loaded, or could not be. The load may have been dropped meanwhile.</summary>
    public void EndPiece(SnapshotPiece piece, Instant now)
    {
        ArgumentNullException.ThrowIfNull(piece);
        piece.Dispose();
        if (piece.Of != _load || !Owns())
            return;
        switch (piece.Failure)
        {
            case MalformedException malformed:
                FailLoad(ReplicaEvent.LoadCorrupt, malformed.Message, now);
                break;
            case PayloadException payload:
                FailLoad(KindOf(payload.Fault), payload.Message, now);
                break;
            case { } defect:
                ExceptionDispatchInfo.Throw(defect);
                break;
        }
    }

    private void LoadAtOnce(in LinkItem item, ReadOnlySpan<byte> body, ReadOnlySpan<byte> bytes, Instant now)
    {
        if (!TakeSnapshotItem(item, body, now))
            return;
        SnapshotPiece piece = new(_load!);
        piece.Load(bytes);
        EndPiece(piece, now);
    }

    /// <summary>Announcement, piece or end, on whichever stream they come; what belongs to another snapshot or attach is stale.</summary>
    /// <returns>Whether the body is a piece to be loaded now.</returns>
    private bool TakeSnapshotItem(in LinkItem item, ReadOnlySpan<byte> body, Instant now)
    {
        if (item.Epoch < Copy.EpochSeen || Phase is not (ReplicaPhase.Attaching or ReplicaPhase.Loading))
            return false;
        try
        {
            switch (item.Kind)
            {
                case LinkItemKind.FullSync when item.Attach == _attach:
                    _heardAtMs = now.MonotonicMs;
                    BeginLoad(ReadAnnouncement(item, body), now);
                    break;
                case LinkItemKind.SnapshotChunk or LinkItemKind.SnapshotEnd when IsOfThisLoad(item) || (_load is not null && Plants(PlantedBug.TakesForeignPieces)):
                    _heardAtMs = _pieceAtMs = now.MonotonicMs;
                    return TakePiece(item, body, now);
            }
        }
        catch (MalformedException malformed)
        {
            FailLoad(ReplicaEvent.LoadCorrupt, malformed.Message, now);
        }
        catch (PayloadException payload)
        {
            FailLoad(KindOf(payload.Fault), payload.Message, now);
        }

        return false;
    }

    private static ReplicaEvent KindOf(PayloadFault fault) => fault switch
    {
        PayloadFault.Truncated => ReplicaEvent.LoadTruncated,
        PayloadFault.Corrupt => ReplicaEvent.LoadCorrupt,
        PayloadFault.Incompatible => ReplicaEvent.LoadIncompatible,
        PayloadFault.LimitExceeded => ReplicaEvent.LoadOverLimit,
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, "A fault that nothing is known of."),
    };

    /// <summary>A cohort's pieces are the same for all members; those of a file say for which attach they are sent.</summary>
    private bool IsOfThisLoad(in LinkItem item) => _load?.SnapshotId == item.A && (item.Attach == 0 || item.Attach == _attach);

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
        if (_options.LoadMode == LoadMode.Discard)
            PutInPlace(_loading, _loadingToken);
    }

    /// <summary>Another copy becomes the silo's copy; the old one is freed.</summary>
    private void PutInPlace(ShardCopy next, long token)
    {
        ShardCopy old = Copy;
        Copy = next;
        _ownerToken = token;

        // Its offsets may be those of another line of data.
        _backlogAge = new BacklogAge();
        _output.InstallCopy(next, old);
    }

    /// <returns>Whether the body is to be loaded.</returns>
    private bool TakePiece(in LinkItem item, ReadOnlySpan<byte> body, Instant now)
    {
        if (item.Sequence < _nextChunk)
            return false;
        if ((item.Sequence > _nextChunk || item.B != _load!.WireBytes) && !Plants(PlantedBug.InstallsHalfLoad))
        {
            FailLoad(ReplicaEvent.LoadTruncated, $"piece {item.Sequence} at byte {item.B} of the snapshot came where piece {_nextChunk} at byte {_load!.WireBytes} was expected", now);
            return false;
        }

        _nextChunk++;
        if (item.Kind == LinkItemKind.SnapshotChunk)
            return true;

        if (!Plants(PlantedBug.InstallsHalfLoad))
            _load!.Complete(new SpanReader(body).ReadInt64());
        Install(now);
        return false;
    }

    /// <summary>The load is whole: its copy becomes the silo's copy, and what was kept meanwhile is acknowledged.</summary>
    private void Install(Instant now)
    {
        ShardCopy loaded = _loading!;
        SnapshotLoad load = _load!;
        _loadedSnapshot = load.SnapshotId;
        _load = null;
        _loading = null;
        loaded.State = CopyState.Complete;
        loaded.Observe(Copy.EpochSeen, Copy.RecordVersionSeen);
        if (loaded != Copy)
            PutInPlace(loaded, _loadingToken);
        BeginToFollow(now);
        EndRow();
        _heardAtMs = now.MonotonicMs;
        _output.Report(ReplicaEvent.LoadEnded, string.Create(CultureInfo.InvariantCulture, $"{load.Entries:N0} entries, {load.WireBytes:N0} bytes on the wire, {load.RawBytes:N0} raw; {loaded.Log.EndOffset - loaded.Applied:N0} mutations kept meanwhile"));
        load.Dispose();
        if (Plants(PlantedBug.SyncsAgainWhenBehind) && loaded.Log.EndOffset > loaded.Applied)
        {
            loaded.State = CopyState.Empty;
            SendAttach(now);
            return;
        }

        if (_epoch != 0)
            Advance(_committed, now);
        if (Plants(PlantedBug.AppliesKeptTwice) && loaded.Applied >= loaded.Log.FirstOffset)
            MutationApplier.Apply(loaded.Store, loaded.Sessions, loaded.Log.Read(loaded.Log.FirstOffset, 1));
    }

    private void FailLoad(ReplicaEvent kind, string reason, Instant now)
    {
        if (kind is ReplicaEvent.LoadCorrupt or ReplicaEvent.LoadDamaged or ReplicaEvent.LoadIncompatible or ReplicaEvent.LoadOverLimit)
            CountDamaged(reason, now);
        if (_load is null)
            _output.Report(kind, $"{reason} (before anything was loaded)");
        else if (kind is ReplicaEvent.LoadCorrupt or ReplicaEvent.LoadIncompatible or ReplicaEvent.LoadTruncated)
            _failedSnapshot = _load.SnapshotId;
        DropLoad(reason, kind);
        DetachAndRetry(now);
    }

    /// <summary>
    /// Frees what was loaded and kept so far. The old copy was never touched, unless it was to be discarded: then an empty
    /// one, a stranger to everybody, takes the place.
    /// </summary>
    private void DropLoad(string reason, ReplicaEvent kind = ReplicaEvent.LoadDropped)
    {
        if (_load is null)
            return;
        _output.Report(kind, $"{reason} (after {_load.WireBytes} bytes, {_load.Entries} entries)");
        SnapshotLoad load = _load;
        _load = null;
        ShardCopy loading = _loading!;
        _loading = null;
        if (loading != Copy)
        {
            // A piece of it may be under way: the last one out frees the copy.
            load.Abandon();
            return;
        }

        load.Dispose();

        ShardCopy empty = _output.MakeCopy(_entropy.NextGuid());
        empty.Observe(loading.EpochSeen, loading.RecordVersionSeen);
        PutInPlace(empty, empty.TakeOwnership());
    }
}
