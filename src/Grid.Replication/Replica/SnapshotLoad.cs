using Grid.Formats;
using Grid.Formats.Binary;
using Grid.Formats.Snapshots;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Sessions;
using Grid.Storage;

namespace Grid.Replication.Replica;

/// <summary>A snapshot on its way into a copy: takes its pieces, checks that it is the one that was announced.</summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class SnapshotLoad : ISnapshotHandler, IDisposable
{
    private readonly ShardCopy _target;
    private readonly SyncAnnouncement _announcement;
    private readonly SnapshotReader _reader;
    private readonly List<EntryHandle> _group = [];
    private Keyspace? _keyspace;
    private bool _hasSessions;
    private bool _ended;
    private int _holders = 1;

    internal SnapshotLoad(ShardCopy target, SyncAnnouncement announcement, ReplicaOptions options)
    {
        _target = target;
        _announcement = announcement;
        _reader = new SnapshotReader(this, new SnapshotReaderOptions { KeyBytesMax = options.KeyBytesMax, ValueBytesMax = options.ValueBytesMax });
    }

    /// <summary>Random name of the snapshot.</summary>
    public long SnapshotId => _announcement.SnapshotId;

    /// <summary>True for a VCS frame.</summary>
    public bool Compressed => _announcement.Compressed;

    /// <summary>Bytes taken in as they travelled.</summary>
    public long WireBytes => _reader.WireBytes;

    /// <summary>Bytes of the uncompressed snapshot read so far.</summary>
    public long RawBytes => _reader.RawBytes;

    /// <summary>Entries loaded so far.</summary>
    public long Entries => _reader.Entries;

    /// <summary>Takes the next piece.</summary>
    /// <exception cref="Formats.PayloadException">The snapshot is damaged.</exception>
    /// <exception cref="MalformedException">It is longer than was announced.</exception>
    public void Feed(ReadOnlySpan<byte> piece)
    {
        if (_announcement.Length > 0 && WireBytes + piece.Length > _announcement.Length)
            throw new MalformedException($"The snapshot goes on behind the {_announcement.Length} bytes that were announced.");
        _reader.Feed(piece);
    }

    /// <summary>All pieces have come; the sender counted <paramref name="entries"/>.</summary>
    /// <exception cref="Formats.PayloadException">The snapshot is not whole.</exception>
    /// <exception cref="MalformedException">It has another number of entries.</exception>
    public void Complete(long entries)
    {
        if (WireBytes < _announcement.Length)
            throw new SnapshotFormatException(PayloadFault.Truncated, $"it ends at {WireBytes} of the {_announcement.Length} bytes that were announced", WireBytes);
        _reader.Complete();
        if (!_hasSessions)
            throw new MalformedException("The snapshot does not say which operations its clients need not repeat.");
        if (!_ended || _reader.Entries != entries)
            throw new MalformedException($"The snapshot has {_reader.Entries} entries; its sender counted {entries}.");
    }

    /// <inheritdoc/>
    public void Dispose() => _reader.Dispose();

    /// <summary>A piece is under way.</summary>
    internal void Enter() => Interlocked.Increment(ref _holders);

    /// <summary>The piece is over.</summary>
    internal void Exit()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
            Free();
    }

    /// <summary>Nobody wants the load any more: once no piece is under way, it and its copy are freed.</summary>
    internal void Abandon() => Exit();

    private void Free()
    {
        Dispose();
        _target.Dispose();
    }

    void ISnapshotHandler.OnMetadata(SnapshotMetadata metadata)
    {
        if (metadata.Shard != _target.Shard || metadata.BasePosition.Offset != _announcement.BaseOffset)
            throw new MalformedException($"A snapshot of shard {metadata.Shard} at {metadata.BasePosition} came instead of shard {_target.Shard} at {_announcement.BaseOffset}.");
    }

    void ISnapshotHandler.OnKeyspace(int database, string name) => _keyspace = _target.Store.GetOrCreate(database, name);

    void ISnapshotHandler.OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs) =>
        _group.Add(_keyspace!.Load(key, KeyHash.Compute(key), value, expiryUnixMs));

    void ISnapshotHandler.OnVersions(ReadOnlySpan<ulong> versions)
    {
        if (versions.Length != _group.Count)
            throw new MalformedException($"{versions.Length} versions for {_group.Count} entries.");
        for (int i = 0; i < versions.Length; i++)
            _keyspace!.SetVersion(_group[i], versions[i]);
        _group.Clear();
    }

    void ISnapshotHandler.OnExtra(string name, ReadOnlySpan<byte> value)
    {
        if (name != SessionCodec.FieldName)
            return;
        _target.Sessions.Load(value);
        _hasSessions = true;
    }

    void ISnapshotHandler.OnEnd(SnapshotTotals totals) => _ended = true;
}
