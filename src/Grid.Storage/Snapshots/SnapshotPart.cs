namespace Grid.Storage.Snapshots;

/// <summary>
/// One keyspace of a snapshot: its contents at the moment it was taken, cleared since or not, and the kept records in
/// buckets by the top bits of their hashes.
/// </summary>
internal sealed class SnapshotPart(Keyspace keyspace, KeyspaceContents? contents)
{
    private const int BucketBitsMost = 14;

    private nint[]? _buckets;
    private int _bits;

    // The bucket that is being read: its records in the order of their hashes.
    private ulong[] _hashes = [];
    private nint[] _nodes = [];
    private int _count;
    private int _at;
    private long _opened = -1;

    public Keyspace Keyspace { get; } = keyspace;

    /// <summary>Null if the keyspace had none, or when the snapshot is through with it.</summary>
    public KeyspaceContents? Contents { get; set; } = contents;

    public long TableBytes => ((long)(_buckets?.Length ?? 0) + _hashes.Length + _nodes.Length) * sizeof(ulong);

    /// <summary>Whether there is a kept record left in the open bucket.</summary>
    public bool HasKept => _at < _count;

    /// <summary>The smallest hash of those.</summary>
    public ulong KeptHash => _hashes[_at];

    /// <summary>Keeps a record that the snapshot has not passed yet.</summary>
    public void Keep(KeptRecords kept, ulong hash, ulong address)
    {
        if (_buckets is null)
        {
            _bits = Math.Clamp(Contents!.Index.Depth - 1, 0, BucketBitsMost);
            _buckets = new nint[1 << _bits];
        }

        kept.Add(ref _buckets[BucketOf(hash)], hash, Contents!.Heap, address);
    }

    /// <summary>Makes the kept records around <paramref name="position"/> ready, those included that came since the last time.</summary>
    /// <returns>The first hash beyond them; 0 if there is none.</returns>
    public ulong Open(ulong position)
    {
        if (_buckets is null)
            return 0;
        int bucket = BucketOf(position);
        if (bucket != _opened)
        {
            _opened = bucket;
            _count = 0;
            _at = 0;
        }

        if (_buckets[bucket] != 0)
        {
            for (nint node = _buckets[bucket]; node != 0; node = KeptRecords.Next(node))
                Append(node);
            _buckets[bucket] = 0;
            _hashes.AsSpan(_at, _count - _at).Sort(_nodes.AsSpan(_at, _count - _at));
        }

        return _bits == 0 ? 0 : (ulong)(bucket + 1) << (64 - _bits);
    }

    /// <summary>The kept record with the smallest hash.</summary>
    public nint TakeKept() => _nodes[_at++];

    /// <summary>Lets go of the tables.</summary>
    public void Close()
    {
        _buckets = null;
        _hashes = [];
        _nodes = [];
        _count = 0;
        _at = 0;
    }

    private int BucketOf(ulong hash) => (int)((hash >> 1) >> (63 - _bits));

    private void Append(nint node)
    {
        if (_count == _nodes.Length)
        {
            int length = Math.Max(16, _count * 2);
            Array.Resize(ref _hashes, length);
            Array.Resize(ref _nodes, length);
        }

        _hashes[_count] = KeptRecords.Hash(node);
        _nodes[_count++] = node;
    }
}
