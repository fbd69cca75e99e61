using System.Text;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Storage;

public sealed class SnapshotTests
{
    private static ModelKey Key(int keyspace, int i) => new(keyspace, $"key:{i}");

    [Fact]
    public void Everything_overwritten_deleted_or_cleared_after_its_beginning_is_still_in_it()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 5000; i++)
        {
            model.Set(Key(0, i), [1, (byte)i], 0);
            model.Set(Key(1, i), [2, (byte)i], 5_000_000 + i);
            model.Set(Key(2, i), [3], 0);
        }

        model.BeginSnapshot();
        model.ReadSnapshot(0, 1000, int.MaxValue);
        for (int i = 0; i < 5000; i++)
        {
            model.Set(Key(0, i), new byte[i % 100], 0);
            model.Delete(Key(1, i));
            model.SetExpiry(Key(2, i), 7_000_000);
            model.Set(Key(0, 10_000 + i), [9], 0);
        }

        model.Clear(2);
        model.Set(Key(3, 0), [1], 0);
        ReadToEnd(model);
        model.CheckEverything();
    }

    [Fact]
    public void Several_at_once_each_show_their_own_moment()
    {
        using var model = new StoreModel();
        for (int round = 0; round < 4; round++)
        {
            for (int i = 0; i < 2000; i++)
                model.Set(Key(0, i), [(byte)round, (byte)i], 0);
            model.BeginSnapshot();
            for (int which = 0; which < model.Snapshots; which++)
                model.ReadSnapshot(which, 100, int.MaxValue);
        }

        model.Clear(0);
        for (int i = 0; i < 2000; i++)
            model.Set(Key(0, i), [77], 0);
        ReadToEnd(model);
    }

    [Fact]
    public void A_large_value_overwritten_or_given_another_expiry_meanwhile_is_shared_not_copied()
    {
        using var model = new StoreModel();
        byte[] large = new byte[3_000_000];
        Random.Shared.NextBytes(large);
        model.Set(Key(0, 1), large, 0);
        model.Set(Key(0, 2), large, 9_000_000);
        ShardSnapshot probe = model.Store.BeginSnapshot(model.Version);
        model.BeginSnapshot();
        model.SetExpiry(Key(0, 1), 8_000_000);
        model.Set(Key(0, 1), [1], 0);
        model.Set(Key(0, 2), new byte[2_900_000], 0);
        Assert.InRange(probe.KeptBytes, 6_000_000, 6_100_000);
        probe.Dispose();
        ReadToEnd(model);
        model.CheckEverything();
    }

    [Fact]
    public void What_is_kept_is_counted_and_given_back_when_it_is_given_up()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 20_000; i++)
            model.Set(Key(0, i), new byte[100], 0);
        long rented = model.Pool.RentedBytes;
        long memory = model.Store.MemoryBytes;
        ShardSnapshot snapshot = model.Store.BeginSnapshot(model.Version);
        Assert.Equal(0, snapshot.KeptBytes);
        for (int i = 0; i < 20_000; i++)
            model.Set(Key(0, i), new byte[100], 0);
        Assert.InRange(snapshot.KeptBytes, 20_000 * 130, 20_000 * 170);
        Assert.Equal(model.Store.MemoryBytes - memory, snapshot.KeptBytes);
        long kept = snapshot.KeptBytes;
        for (int i = 0; i < 20_000; i++)
            model.Set(Key(0, i), new byte[100], 0);
        Assert.Equal(kept, snapshot.KeptBytes);
        snapshot.Dispose();
        Assert.Equal(rented, model.Pool.RentedBytes);
        Assert.Equal(memory, model.Store.MemoryBytes);
        Assert.Equal(0, model.Store.ActiveSnapshots);
        Assert.Throws<ObjectDisposedException>(() => snapshot.Next(new CollectingSink(), 1, 1));
    }

    [Fact]
    public void What_it_has_passed_is_not_kept()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 1000; i++)
            model.Set(Key(0, i), [1], 0);
        using ShardSnapshot snapshot = model.Store.BeginSnapshot(model.Version);
        while (snapshot.Next(new CollectingSink(), 10_000, int.MaxValue))
        {
        }

        Assert.True(snapshot.IsComplete);
        for (int i = 0; i < 1000; i++)
            model.Set(Key(0, i), [2], 0);
        Assert.Equal(0, snapshot.KeptBytes);
    }

    [Fact]
    public void A_cleared_keyspace_is_held_only_until_it_has_been_read()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 10_000; i++)
            model.Set(Key(0, i), new byte[50], 0);
        model.BeginSnapshot();
        model.ReadSnapshot(0, 500, int.MaxValue);
        model.Clear(0);
        Assert.False(model.Store.Maintain(10_000));
        Assert.True(model.Pool.RentedBytes > 500_000);
        ReadToEnd(model);
        while (model.Store.Maintain(3))
        {
        }

        Assert.Equal(0, model.Pool.RentedBytes);
    }

    [Fact]
    public void Slices_keep_to_their_limits()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 3000; i++)
            model.Set(Key(0, i), new byte[100], 0);
        using ShardSnapshot snapshot = model.Store.BeginSnapshot(model.Version);
        long before = 0;
        bool more;
        do
        {
            more = snapshot.Next(new CollectingSink(), 25, int.MaxValue);
            Assert.InRange(snapshot.EntriesDone - before, more ? 1 : 0, 25);
            before = snapshot.EntriesDone;
        }
        while (more);
        Assert.Equal(3000, before);

        using ShardSnapshot byBytes = model.Store.BeginSnapshot(model.Version);
        before = 0;
        while (byBytes.Next(new CollectingSink(), int.MaxValue, 1000))
        {
            Assert.InRange(byBytes.EntriesDone - before, 9, 10);
            before = byBytes.EntriesDone;
        }
    }

    [Fact]
    public void Its_base_cannot_lie_before_a_mutation_already_made()
    {
        using var model = new StoreModel();
        model.Set(Key(0, 0), [1], 0);
        model.Set(Key(0, 0), [1], 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Store.BeginSnapshot(1));
        Assert.Equal(0, model.Store.ActiveSnapshots);
    }

    [Fact]
    public void Empty_keyspaces_are_named_in_it()
    {
        using var model = new StoreModel();
        model.Keyspace(7);
        model.Set(Key(3, 0), [1], 0);
        using ShardSnapshot snapshot = model.Store.BeginSnapshot(model.Version);
        model.Keyspace(9);
        var sink = new CollectingSink();
        Assert.False(snapshot.Next(sink, 100, 100));
        Assert.Equal([(7, "space-7"), (3, "space-3")], sink.Keyspaces);
    }

    [Fact]
    public void Copies_with_equal_contents_have_equal_digests_whatever_their_history()
    {
        UInt128 Digest(bool reversed, byte lastValue, int slice)
        {
            using var store = new ShardStore(new PagePool());
            for (int n = 0; n < 3000; n++)
            {
                int i = reversed ? 2999 - n : n;
                byte[] key = Encoding.UTF8.GetBytes($"k{i}");
                Keyspace keyspace = store.GetOrCreate(i % 2, $"s{i % 2}");
                if (reversed)
                    keyspace.Set(key, KeyHash.Compute(key), new byte[300], 0, (ulong)n + 1);
                keyspace.Set(key, KeyHash.Compute(key), [1, 2, i == 2999 ? lastValue : (byte)3], i % 5, 1_000_000 + (ulong)i);
            }

            using ShardSnapshot snapshot = store.BeginSnapshot(store.LastVersion);
            var digest = new ContentDigest();
            while (snapshot.Next(digest, slice, int.MaxValue))
            {
            }

            Assert.Equal(3000, digest.Entries);
            return digest.Value;
        }

        Assert.Equal(Digest(false, 3, 7), Digest(true, 3, 5000));
        Assert.NotEqual(Digest(false, 3, 7), Digest(false, 4, 7));
    }

    private static void ReadToEnd(StoreModel model)
    {
        while (model.Snapshots > 0)
            model.ReadSnapshot(model.Snapshots - 1, 300, 100_000);
    }
}
