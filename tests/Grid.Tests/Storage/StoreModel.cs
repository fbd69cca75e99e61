using System.Text;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Storage;

/// <summary>An entry as plain values; arrays are compared by content.</summary>
internal sealed record ModelEntry(byte[] Value, long Expiry, ulong Version)
{
    public bool Equals(ModelEntry? other) =>
        other is not null && Version == other.Version && Expiry == other.Expiry && Value.AsSpan().SequenceEqual(other.Value);

    public override int GetHashCode() => HashCode.Combine(Expiry, Version, Value.Length);

    public override string ToString() => $"{Value.Length} B, expiry {Expiry}, version {Version}";
}

/// <summary>Keyspace id and key, ordered by id, hash, key.</summary>
internal readonly record struct ModelKey(int Keyspace, string Key)
{
    public byte[] Bytes => Encoding.Latin1.GetBytes(Key);

    public static ModelKey Of(int keyspace, ReadOnlySpan<byte> key) => new(keyspace, Encoding.Latin1.GetString(key));
}

/// <summary>What a snapshot or scan handed out, checked to be in hash order and free of repetitions.</summary>
internal sealed class CollectingSink : ISnapshotSink, IEntrySink, IExpiredSink
{
    private int _keyspace;
    private ulong _lastHash;

    public Dictionary<ModelKey, ModelEntry> Entries { get; } = [];

    public List<(int Id, string Name)> Keyspaces { get; } = [];

    public int ExpiredMax { get; set; } = int.MaxValue;

    public void StartKeyspace(int id)
    {
        _keyspace = id;
        _lastHash = 0;
    }

    public void OnKeyspace(int id, string name)
    {
        Keyspaces.Add((id, name));
        StartKeyspace(id);
    }

    public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version)
    {
        ulong hash = KeyHash.Compute(key);
        Assert.True(hash >= _lastHash, $"Hash {hash:x16} came after {_lastHash:x16}.");
        _lastHash = hash;
        Assert.True(Entries.TryAdd(ModelKey.Of(_keyspace, key), new ModelEntry(value.ToArray(), expiryUnixMs, version)), "An entry came twice.");
    }

    public void OnEntry(ReadOnlySpan<byte> key, in EntryView entry) => OnEntry(key, entry.Value, entry.ExpiryUnixMs, entry.Version);

    public bool OnExpired(Keyspace keyspace, ReadOnlySpan<byte> key, ulong version)
    {
        Entries[ModelKey.Of(keyspace.Id, key)] = new ModelEntry([], 0, version);
        return Entries.Count < ExpiredMax;
    }
}

/// <summary>A store beside a plain dictionary: every operation is done to both, and what the store says is compared.</summary>
internal sealed class StoreModel : IDisposable
{
    private readonly List<(ShardSnapshot Snapshot, Dictionary<ModelKey, ModelEntry> Expected, CollectingSink Sink)> _snapshots = [];
    private readonly bool _ownsPool;

    public StoreModel(StorageOptions? options = null, PagePool? pool = null)
    {
        _ownsPool = pool is null;
        Pool = pool ?? new PagePool();
        Store = new ShardStore(Pool, options);
    }

    public PagePool Pool { get; }

    public ShardStore Store { get; }

    public Dictionary<ModelKey, ModelEntry> Expected { get; } = [];

    public long Now { get; set; } = 1_000_000;

    public ulong Version { get; private set; }

    public int Snapshots => _snapshots.Count;

    public void Set(ModelKey key, byte[] value, long expiry)
    {
        byte[] bytes = key.Bytes;
        Keyspace(key.Keyspace).Set(bytes, KeyHash.Compute(bytes), value, expiry, ++Version);
        Expected[key] = new ModelEntry(value, expiry, Version);
    }

    public void Delete(ModelKey key)
    {
        byte[] bytes = key.Bytes;
        Assert.Equal(Expected.Remove(key), Keyspace(key.Keyspace).Delete(bytes, KeyHash.Compute(bytes), ++Version));
    }

    public void SetExpiry(ModelKey key, long expiry)
    {
        byte[] bytes = key.Bytes;
        bool found = Expected.TryGetValue(key, out ModelEntry? entry);
        Assert.Equal(found, Keyspace(key.Keyspace).SetExpiry(bytes, KeyHash.Compute(bytes), expiry, ++Version));
        if (found)
            Expected[key] = entry! with { Expiry = expiry, Version = Version };
    }

    public void Clear(int keyspace)
    {
        Keyspace(keyspace).Clear(++Version);
        foreach (ModelKey key in Expected.Keys.Where(k => k.Keyspace == keyspace).ToList())
            Expected.Remove(key);
    }

    public void CheckGet(ModelKey key)
    {
        byte[] bytes = key.Bytes;
        ulong hash = KeyHash.Compute(bytes);
        EntryState state = Keyspace(key.Keyspace).Lookup(bytes, hash, Now, out EntryView entry);
        bool found = Expected.TryGetValue(key, out ModelEntry? expected);
        EntryState wanted = !found ? EntryState.Missing : expected!.Expiry != 0 && expected.Expiry <= Now ? EntryState.Expired : EntryState.Live;
        Assert.Equal(wanted, state);
        if (found)
            Assert.Equal(expected, new ModelEntry(entry.Value.ToArray(), entry.ExpiryUnixMs, entry.Version));
        Assert.Equal(wanted == EntryState.Live, Keyspace(key.Keyspace).TryGet(bytes, hash, Now, out _));

        var writer = new System.Buffers.ArrayBufferWriter<byte>();
        SharedReadStatus shared = Keyspace(key.Keyspace).TryReadShared(bytes, hash, Now, writer, out ulong version, out long expiry);
        Assert.Equal(wanted == EntryState.Live ? SharedReadStatus.Found : SharedReadStatus.NotFound, shared);
        if (wanted == EntryState.Live)
            Assert.Equal(expected, new ModelEntry(writer.WrittenSpan.ToArray(), expiry, version));
        else
            Assert.Equal(0, writer.WrittenCount);
    }

    public void CheckScan(int keyspace, int entriesMax, int bytesMax, bool withExpired)
    {
        var sink = new CollectingSink();
        sink.StartKeyspace(keyspace);
        ulong cursor = 0;
        do
            cursor = Keyspace(keyspace).Scan(cursor, entriesMax, bytesMax, withExpired ? 0 : Now, sink);
        while (cursor != 0);
        Same(Expected.Where(e => e.Key.Keyspace == keyspace && (withExpired || e.Value.Expiry == 0 || e.Value.Expiry > Now)).ToDictionary(), sink.Entries);
    }

    public void BeginSnapshot() =>
        _snapshots.Add((Store.BeginSnapshot(Version), new Dictionary<ModelKey, ModelEntry>(Expected), new CollectingSink()));

    /// <summary>Reads one slice; at its end the snapshot is compared and disposed of.</summary>
    public void ReadSnapshot(int which, int entriesMax, int bytesMax)
    {
        var (snapshot, expected, sink) = _snapshots[which];
        Assert.Equal(expected.Count, snapshot.Entries);
        if (snapshot.Next(sink, entriesMax, bytesMax))
            return;
        Same(expected, sink.Entries);
        Assert.Equal(expected.Count, snapshot.EntriesDone);
        DropSnapshot(which);
    }

    public void DropSnapshot(int which)
    {
        _snapshots[which].Snapshot.Dispose();
        _snapshots.RemoveAt(which);
    }

    /// <summary>Walks for expired entries until round, compares, and deletes what was found.</summary>
    public void Expire(int slotsMax, int expiredMax)
    {
        var found = new CollectingSink { ExpiredMax = expiredMax };
        bool round = Store.FindExpired(Now, slotsMax, found);
        foreach (var (key, entry) in found.Entries)
        {
            Assert.True(Expected.TryGetValue(key, out ModelEntry? expected), "An entry that does not exist was reported expired.");
            Assert.True(expected.Expiry != 0 && expected.Expiry <= Now, "A live entry was reported expired.");
            Assert.Equal(expected.Version, entry.Version);
            Delete(key);
        }

        if (round)
            return;
        Assert.True(found.Entries.Count > 0 || slotsMax < int.MaxValue);
    }

    /// <summary>After enough rounds nothing expired is left.</summary>
    public void ExpireAll()
    {
        for (int i = 0; i < 3; i++)
            Expire(int.MaxValue, int.MaxValue);
        Assert.DoesNotContain(Expected.Values, e => e.Expiry != 0 && e.Expiry <= Now);
    }

    public void CheckEverything()
    {
        Assert.Equal(Expected.Count, Store.Entries);
        foreach (Keyspace keyspace in Store.Keyspaces)
        {
            CheckScan(keyspace.Id, int.MaxValue, int.MaxValue, withExpired: true);
            var entries = Expected.Where(e => e.Key.Keyspace == keyspace.Id).ToList();
            KeyspaceStatistics s = keyspace.Statistics;
            Assert.Equal(entries.Count, s.Entries);
            Assert.Equal(entries.Sum(e => e.Key.Key.Length), s.KeyBytes);
            Assert.Equal(entries.Sum(e => e.Value.Value.Length), s.ValueBytes);
            Assert.Equal(entries.Count(e => e.Value.Expiry != 0), s.EntriesWithExpiry);
        }

        foreach (ModelKey key in Expected.Keys)
            CheckGet(key);
    }

    public Keyspace Keyspace(int id) => Store.GetOrCreate(id, $"space-{id}");

    public void Dispose()
    {
        Store.Dispose();
        if (_ownsPool)
            Assert.Equal(0, Pool.RentedBytes);
    }

    private static void Same(Dictionary<ModelKey, ModelEntry> expected, Dictionary<ModelKey, ModelEntry> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        foreach (var (key, entry) in expected)
        {
            Assert.True(actual.TryGetValue(key, out ModelEntry? other), $"{key} is missing.");
            Assert.Equal(entry, other);
        }
    }
}
