using System.Buffers;
using System.Runtime.CompilerServices;
using Grid.Storage.Index;
using Grid.Storage.Records;
using Grid.Storage.Snapshots;

namespace Grid.Storage;

/// <summary>
/// The exact state of a <see cref="ShardStore"/> at the moment of <see cref="ShardStore.BeginSnapshot"/>, read in slices while writes go on.
/// </summary>
/// <remarks>
/// <para>
/// Entries with a version up to the base that are still there are read where they lie. Before such an entry changes, its record is kept for
/// every snapshot that has not passed it. So what a range of hashes holds is the union of the two, and no entry is in both.
/// </para>
/// <para>Thread safety: the store's writer only.</para>
/// </remarks>
public sealed class ShardSnapshot : IDisposable
{
    private const int SegmentCostEntries = 4;

    private readonly ShardStore _store;
    private readonly SnapshotPart[] _parts;
    private readonly KeptRecords _kept;
    private int _current;
    private ulong _position;
    private bool _announced;
    private bool _disposed;

    internal ShardSnapshot(ShardStore store, ulong baseVersion)
    {
        _store = store;
        BaseVersion = baseVersion;
        _kept = new KeptRecords(store.Pool);
        _parts = new SnapshotPart[store.KeyspaceList.Count];
        for (int i = 0; i < _parts.Length; i++)
        {
            Keyspace keyspace = store.KeyspaceList[i];
            Entries += keyspace.Entries;
            if (keyspace.Contents is { } contents)
                contents.References++;
            _parts[i] = new SnapshotPart(keyspace, keyspace.Contents);
        }
    }

    /// <summary>No entry has a later version.</summary>
    public ulong BaseVersion { get; }

    /// <summary>Entries of all keyspaces together.</summary>
    public long Entries { get; }

    /// <summary>Entries handed out so far.</summary>
    public long EntriesDone { get; private set; }

    /// <summary>Whether everything has been handed out.</summary>
    public bool IsComplete => _current == _parts.Length;

    /// <summary>
    /// Memory held only because of this snapshot, in bytes: kept records and their tables, and contents that were cleared since.
    /// An array shared with a live entry counts as well.
    /// </summary>
    public long KeptBytes
    {
        get
        {
            long bytes = KeptRecordBytes;
            foreach (SnapshotPart part in _parts)
            {
                if (part.Contents is { } contents && part.Keyspace.Contents != contents)
                    bytes += contents.MemoryBytes;
            }

            return bytes;
        }
    }

    internal long KeptRecordBytes
    {
        get
        {
            long bytes = _kept.Bytes;
            foreach (SnapshotPart part in _parts)
                bytes += part.TableBytes;
            return bytes;
        }
    }

    /// <summary>Hands out the next slice: each keyspace in the order of their making, its entries in hash order.</summary>
    /// <param name="sink">Gets keyspaces and entries.</param>
    /// <param name="entriesMax">Entries that may be looked at; exceeded by one segment's entries at most, and by keys of one hash.</param>
    /// <param name="bytesMax">Key and value bytes that may be handed out; exceeded by the last entry at most.</param>
    /// <returns>Whether there is more.</returns>
    /// <exception cref="ObjectDisposedException">The snapshot has been given up.</exception>
    public bool Next(ISnapshotSink sink, int entriesMax, int bytesMax)
    {
        ArgumentNullException.ThrowIfNull(sink);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(entriesMax);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytesMax);
        ObjectDisposedException.ThrowIf(_disposed, this);
        var budget = new Budget { Entries = entriesMax, Bytes = bytesMax };
        while (_current < _parts.Length)
        {
            SnapshotPart part = _parts[_current];
            if (!_announced)
            {
                sink.OnKeyspace(part.Keyspace.Id, part.Keyspace.Name);
                _announced = true;
            }

            if (part.Contents is { } contents)
            {
                if (!Read(part, contents, sink, ref budget))
                    return true;
                LetGo(part);
            }

            _current++;
            _position = 0;
            _announced = false;
        }

        return false;
    }

    /// <summary>Gives the snapshot up, or ends it: what was kept for it is freed.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (SnapshotPart part in _parts)
            LetGo(part);
        _kept.Free();
        _store.End(this);
    }

    /// <summary>Keeps the record at <paramref name="address"/>, about to change, unless it is passed or newer than the base.</summary>
    internal void Keep(Keyspace keyspace, KeyspaceContents contents, ulong hash, ulong address)
    {
        int ordinal = keyspace.Ordinal;
        if (ordinal < _current || ordinal >= _parts.Length || (ordinal == _current && hash < _position))
            return;
        SnapshotPart part = _parts[ordinal];
        if (part.Contents == contents && new Record(ref contents.Heap.At(address)).Version <= BaseVersion)
            part.Keep(_kept, hash, address);
    }

    /// <returns>Whether the keyspace is through.</returns>
    [SkipLocalsInit]
    private bool Read(SnapshotPart part, KeyspaceContents contents, ISnapshotSink sink, ref Budget budget)
    {
        Span<ulong> room = stackalloc ulong[Segment.Words];
        do
        {
            if (budget.IsSpent)
                return false;
            ulong[]? rented = null;
            Span<ulong> slots = contents.Index.SlotsFrom(_position, room, ref rented, out ulong end);
            ulong keptEnd = part.Open(_position);
            // 0 stands for 2^64.
            if (keptEnd - 1 < end - 1)
                end = keptEnd;
            var ordered = new HashIndex.Ordered(contents.Index, slots);
            bool through = Merge(part, contents, ref ordered, end - 1, sink, ref budget);
            ordered.Dispose();
            if (rented is not null)
                ArrayPool<ulong>.Shared.Return(rented);
            if (!through)
                return false;
            _position = end;
            budget.Entries -= SegmentCostEntries;
        }
        while (_position != 0);
        return true;
    }

    // Live entries and kept ones up to the hash `last`, in the order of their hashes.
    private bool Merge(
        SnapshotPart part, KeyspaceContents contents, ref HashIndex.Ordered live, ulong last, ISnapshotSink sink, ref Budget budget)
    {
        ulong emitted = _position;
        bool hasLive = NextLive(contents, ref live, last, ref budget);
        while (true)
        {
            bool hasKept = part.HasKept && part.KeptHash <= last;
            if (!hasLive && !hasKept)
                return true;
            bool takeKept = hasKept && (!hasLive || part.KeptHash < live.Hash);
            ulong hash = takeKept ? part.KeptHash : live.Hash;
            if (hash != emitted && budget.IsSpent)
            {
                _position = hash;
                return false;
            }

            emitted = hash;
            EntriesDone++;
            budget.Entries--;
            if (takeKept)
            {
                budget.Bytes -= _kept.Emit(part.TakeKept(), sink);
                continue;
            }

            var record = new Record(ref contents.Heap.At(live.Address));
            budget.Bytes -= record.KeyLength + record.ValueLength;
            sink.OnEntry(record.Key, record.Value, record.Expiry, record.Version);
            hasLive = NextLive(contents, ref live, last, ref budget);
        }
    }

    private bool NextLive(KeyspaceContents contents, ref HashIndex.Ordered live, ulong last, ref Budget budget)
    {
        while (live.Next())
        {
            if (live.Hash > last)
                return false;
            if (live.Hash < _position)
                continue;
            if (new Record(ref contents.Heap.At(live.Address)).Version <= BaseVersion)
                return true;
            budget.Entries--;
        }

        return false;
    }

    private void LetGo(SnapshotPart part)
    {
        if (part.Contents is not { } contents)
            return;
        part.Contents = null;
        part.Close();
        _store.Release(contents);
    }

    private struct Budget
    {
        public int Entries;
        public long Bytes;

        public readonly bool IsSpent => Entries <= 0 || Bytes <= 0;
    }
}
