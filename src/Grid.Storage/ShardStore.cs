namespace Grid.Storage;

/// <summary>The data of one copy of one shard: its part of every keyspace.</summary>
/// <remarks>
/// <para>Never reads a clock: time comes in as Unix milliseconds. Never deletes by itself: what has expired is hidden, and handed out for deletion.</para>
/// <para>
/// Thread safety: one writer at a time, on whichever thread. Both <c>Find</c> and <see cref="Keyspace.TryReadShared"/> may
/// be called by any thread meanwhile, also while the store is disposed of, when an entry may seem to be missing: who reads must look
/// afterwards whether the store was still in use. Everything else belongs to the writer.
/// </para>
/// </remarks>
public sealed class ShardStore : IDisposable
{
    private const int PagesReclaimedPerWrite = 4;

    private readonly PagePool _pool;
    private readonly List<ShardSnapshot> _snapshots = [];
    private readonly List<KeyspaceContents> _detached = [];
    private readonly Queue<KeyspaceContents> _reclaimed = new();
    private readonly List<Keyspace> _keyspaces = [];
    private Dictionary<int, Keyspace> _byId = [];
    private Dictionary<string, Keyspace> _byName = [];
    private int _expiryWalkAt;
    private bool _disposed;

    /// <summary>An empty store.</summary>
    /// <param name="pool">Where its memory comes from; shared by all stores of the process.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public ShardStore(PagePool pool, StorageOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(pool);
        Options = options ?? new StorageOptions();
        Options.Validate();
        _pool = pool;
    }

    /// <summary>The keyspaces in the order in which they were made.</summary>
    public IReadOnlyCollection<Keyspace> Keyspaces => _keyspaces;

    /// <summary>Entries of all keyspaces.</summary>
    public long Entries
    {
        get
        {
            long entries = 0;
            foreach (Keyspace keyspace in _keyspaces)
                entries += keyspace.Entries;
            return entries;
        }
    }

    /// <summary>
    /// All memory that the store holds, in bytes: the keyspaces, what snapshots keep, and what was cleared but is not yet given back.
    /// </summary>
    public long MemoryBytes
    {
        get
        {
            long bytes = 0;
            foreach (Keyspace keyspace in _keyspaces)
                bytes += keyspace.MemoryBytes;
            foreach (ShardSnapshot snapshot in _snapshots)
                bytes += snapshot.KeptRecordBytes;
            foreach (KeyspaceContents contents in _detached)
                bytes += contents.MemoryBytes;
            return bytes;
        }
    }

    /// <summary>The version of the newest mutation; 0 before the first one.</summary>
    public ulong LastVersion { get; private set; }

    /// <summary>Snapshots that have not been disposed of.</summary>
    public int ActiveSnapshots => _snapshots.Count;

    internal StorageOptions Options { get; }

    /// <summary>Whether writes must think of a snapshot. A field of its own: every write looks.</summary>
    internal bool HasSnapshots { get; private set; }

    internal PagePool Pool => _pool;

    internal IReadOnlyList<Keyspace> KeyspaceList => _keyspaces;

    /// <summary>The keyspace with this number, or null. Any thread.</summary>
    public Keyspace? Find(int id) => Volatile.Read(ref _byId).GetValueOrDefault(id);

    /// <summary>The keyspace with this name, or null. Any thread.</summary>
    public Keyspace? Find(string name) => Volatile.Read(ref _byName).GetValueOrDefault(name);

    /// <summary>The keyspace with this number, made empty if there is none.</summary>
    /// <exception cref="ArgumentException">There is one under another name.</exception>
    public Keyspace GetOrCreate(int id, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Find(id) is { } existing)
        {
            if (existing.Name != name)
                throw new ArgumentException($"Keyspace {id} is named '{existing.Name}', not '{name}'.", nameof(name));
            return existing;
        }

        var keyspace = new Keyspace(this, id, name, _keyspaces.Count);
        _keyspaces.Add(keyspace);
        // Readers on other threads hold on to the old table.
        Volatile.Write(ref _byId, new Dictionary<int, Keyspace>(_byId) { [id] = keyspace });
        Volatile.Write(ref _byName, new Dictionary<string, Keyspace>(_byName, StringComparer.Ordinal) { [name] = keyspace });
        return keyspace;
    }

    /// <summary>The exact state at this moment, to be read in slices while writes go on.</summary>
    /// <param name="baseVersion">The version of the newest mutation, or a later one that no mutation will get.</param>
    /// <exception cref="ArgumentOutOfRangeException">A mutation with a later version has been made already.</exception>
    public ShardSnapshot BeginSnapshot(ulong baseVersion)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(baseVersion, LastVersion);
        var snapshot = new ShardSnapshot(this, baseVersion);
        _snapshots.Add(snapshot);
        HasSnapshots = true;
        return snapshot;
    }

    /// <summary>
    /// Goes on with the walk for expired entries, keyspace after keyspace. It costs next to nothing when nothing can have expired,
    /// and skips pages in which nothing can.
    /// </summary>
    /// <param name="nowMs">Unix milliseconds.</param>
    /// <param name="slotsMax">How many slots may be looked at, some 2 to 10 ns each; may be exceeded by one page of 64 KiB.</param>
    /// <param name="sink">Gets key and version of each expired entry, again in every round until its owner has deleted it.</param>
    /// <returns>True if the walk has got round; false if there may be more at once.</returns>
    public bool FindExpired(long nowMs, int slotsMax, IExpiredSink sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        for (; _expiryWalkAt < _keyspaces.Count; _expiryWalkAt++)
        {
            if (!_keyspaces[_expiryWalkAt].WalkExpired(nowMs, ref slotsMax, sink))
                return false;
        }

        _expiryWalkAt = 0;
        return true;
    }

    /// <summary>Does some of the upkeep that is otherwise carried by writes: compaction, and giving back what was cleared.</summary>
    /// <param name="stepsMax">Records moved or pages given back, under a microsecond each.</param>
    /// <returns>Whether there is more to do.</returns>
    public bool Maintain(int stepsMax)
    {
        Reclaim(stepsMax);
        bool more = _reclaimed.Count > 0;
        foreach (Keyspace keyspace in _keyspaces)
            more |= keyspace.Maintain(stepsMax);
        return more;
    }

    /// <summary>Gives all memory back to the pool. Snapshots still active end.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (ShardSnapshot snapshot in _snapshots.ToArray())
            snapshot.Dispose();
        foreach (Keyspace keyspace in _keyspaces)
            keyspace.Detach();
        while (_reclaimed.Count > 0)
            Reclaim(int.MaxValue);
    }

    internal void NoteVersion(ulong version) => LastVersion = Math.Max(LastVersion, version);

    /// <summary>The part of the upkeep that every write carries.</summary>
    internal void ReclaimAlongWrite()
    {
        if (_reclaimed.Count > 0)
            Reclaim(PagesReclaimedPerWrite);
    }

    /// <summary>Keeps the record for every active snapshot that has yet to read it.</summary>
    internal void KeepForSnapshots(Keyspace keyspace, KeyspaceContents contents, ulong hash, ulong address)
    {
        foreach (ShardSnapshot snapshot in _snapshots)
            snapshot.Keep(keyspace, contents, hash, address);
    }

    internal void End(ShardSnapshot snapshot)
    {
        _snapshots.Remove(snapshot);
        HasSnapshots = _snapshots.Count > 0;
    }

    /// <summary>The keyspace has put these contents aside; snapshots may still read them.</summary>
    internal void Detached(KeyspaceContents contents)
    {
        _detached.Add(contents);
        Release(contents);
    }

    internal void Release(KeyspaceContents contents)
    {
        if (--contents.References == 0)
            _reclaimed.Enqueue(contents);
    }

    private void Reclaim(int pagesMax)
    {
        if (_reclaimed.TryPeek(out KeyspaceContents? contents) && !contents.Dismantle(pagesMax))
        {
            _reclaimed.Dequeue();
            _detached.Remove(contents);
        }
    }
}
