using System.Text;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Storage;

public sealed class LoadTests
{
    [Fact]
    public void A_copy_loaded_from_a_snapshot_with_versions_after_each_group_is_equal()
    {
        using var source = new StoreModel();
        for (int i = 0; i < 30_000; i++)
            source.Set(new ModelKey(i % 2, $"key:{i}"), new byte[i % 97 == 0 ? 20_000 : i % 50], i % 7 * 1_000_000L);
        using var target = new ShardStore(source.Pool);
        using ShardSnapshot snapshot = source.Store.BeginSnapshot(source.Version);
        var loader = new Loader(target);
        while (snapshot.Next(loader, 100, 100_000))
            loader.EndGroup();
        loader.EndGroup();
        Assert.Equal(Digest(source.Store), Digest(target));
        Assert.Equal(source.Version, target.LastVersion);
    }

    [Fact]
    public void Loading_in_hash_order_does_not_leave_a_worse_index_than_loading_at_random()
    {
        var pool = new PagePool();
        byte[][] keys = [.. Enumerable.Range(0, 300_000).Select(i => Encoding.UTF8.GetBytes($"key:{i}"))];
        long Index(IEnumerable<byte[]> order)
        {
            using var store = new ShardStore(pool);
            Keyspace keyspace = store.GetOrCreate(0, "s");
            foreach (byte[] key in order)
                keyspace.Load(key, KeyHash.Compute(key), [1], 0);
            return keyspace.Statistics.IndexBytes;
        }

        Assert.Equal(Index(keys), Index(keys.OrderBy(k => KeyHash.Compute(k))));
    }

    [Fact]
    public void Loading_is_refused_while_a_snapshot_is_active()
    {
        using var store = new ShardStore(new PagePool());
        Keyspace keyspace = store.GetOrCreate(0, "s");
        using ShardSnapshot snapshot = store.BeginSnapshot(0);
        Assert.Throws<InvalidOperationException>(() => keyspace.Load([1], KeyHash.Compute([1]), [1], 0));
    }

    private static UInt128 Digest(ShardStore store)
    {
        using ShardSnapshot snapshot = store.BeginSnapshot(store.LastVersion);
        var digest = new ContentDigest();
        while (snapshot.Next(digest, 1000, int.MaxValue))
        {
        }

        return digest.Value;
    }

    private sealed class Loader(ShardStore target) : ISnapshotSink
    {
        private readonly List<(Keyspace Keyspace, EntryHandle Handle, ulong Version)> _group = [];
        private Keyspace? _keyspace;

        public void OnKeyspace(int id, string name)
        {
            EndGroup();
            _keyspace = target.GetOrCreate(id, name);
        }

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version) =>
            _group.Add((_keyspace!, _keyspace!.Load(key, KeyHash.Compute(key), value, expiryUnixMs), version));

        public void EndGroup()
        {
            foreach (var (keyspace, handle, version) in _group)
                keyspace.SetVersion(handle, version);
            _group.Clear();
        }
    }
}
