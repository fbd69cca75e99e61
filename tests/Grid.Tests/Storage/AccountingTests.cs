using CsCheck;
using Grid.Storage;
using Grid.Storage.Pages;
using Xunit;
using Record = Grid.Storage.Records.Record;

namespace Grid.Tests.Storage;

public sealed class AccountingTests
{
    [Fact]
    public void Bytes_counted_are_bytes_held_after_any_history() =>
        Gen.UInt.Sample(
            seed =>
            {
                var random = new Random((int)seed);
                using var model = new StoreModel();
                for (int i = 0; i < 8000; i++)
                {
                    var key = new ModelKey(0, $"key:{random.Next(1500)}");
                    int kind = random.Next(10);
                    if (kind < 6)
                        model.Set(key, new byte[random.Next(random.Next(20) == 0 ? 40_000 : 400)], random.Next(2) * 9_000_000L);
                    else if (kind < 8)
                        model.Delete(key);
                    else
                        model.SetExpiry(key, random.Next(2) * 9_000_000L);
                    if (i % 1000 == 999)
                        Recount(model);
                }
            },
            iter: 10,
            threads: 1);

    [Fact]
    public void A_store_gives_all_its_pages_back()
    {
        var pool = new PagePool();
        using (var model = new StoreModel(pool: pool))
        {
            for (int i = 0; i < 100_000; i++)
                model.Set(new ModelKey(i % 3, $"key:{i}"), new byte[i % 50], 0);
            model.BeginSnapshot();
            for (int i = 0; i < 100_000; i += 2)
                model.Delete(new ModelKey(i % 3, $"key:{i}"));
            model.Clear(1);
            Assert.True(pool.RentedBytes > 1_000_000);
        }

        Assert.Equal(0, pool.RentedBytes);
        pool.Trim();
        Assert.Equal(0, pool.SlabBytesHeld);
    }

    [Fact]
    public void Memory_shrinks_when_most_entries_go()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 200_000; i++)
            model.Set(new ModelKey(0, $"key:{i}"), new byte[30], 0);
        KeyspaceStatistics full = model.Keyspace(0).Statistics;
        for (int i = 0; i < 199_000; i++)
            model.Delete(new ModelKey(0, $"key:{i}"));
        while (model.Store.Maintain(1000))
        {
        }

        KeyspaceStatistics rest = model.Keyspace(0).Statistics;
        Assert.True(rest.IndexBytes < full.IndexBytes / 40, $"index {full.IndexBytes} to {rest.IndexBytes}");
        Assert.True(rest.PageBytes < full.PageBytes / 40, $"pages {full.PageBytes} to {rest.PageBytes}");
        model.CheckEverything();
    }

    [Fact]
    public void A_small_entry_costs_at_most_forty_bytes_and_one_with_expiry_forty_eight()
    {
        // 150,000 entries: the index is at its emptiest, just after its segments have been split.
        foreach (bool expiry in new[] { false, true })
        {
            using var store = new ShardStore(new PagePool());
            Keyspace keyspace = store.GetOrCreate(0, "s");
            byte[] key = new byte[16];
            for (int i = 0; i < 150_000; i++)
            {
                BitConverter.TryWriteBytes(key, i);
                keyspace.Set(key, KeyHash.Compute(key), new byte[32], expiry ? 5_000_000 : 0, (ulong)i + 1);
            }

            Assert.InRange((store.MemoryBytes / 150_000.0) - 48, 20, expiry ? 48 : 40);
        }
    }

    private static void Recount(StoreModel model)
    {
        KeyspaceStatistics s = model.Keyspace(0).Statistics;
        long slots = 0;
        long large = 0;
        foreach (var (key, entry) in model.Expected)
        {
            if (Record.NeedsArray(key.Key.Length, entry.Value.Length))
                large += entry.Value.Length;
            else
                slots += 8L * SizeClasses.Units(SizeClasses.For(Record.SmallLength(key.Key.Length, entry.Value.Length, entry.Expiry != 0)));
        }

        Assert.Equal(slots, s.UsedSlotBytes);
        Assert.InRange(s.LargeBytes, large, (large * 8 / 7) + (200 * 64 * 8));
        long directory = 8L << model.Keyspace(0).Contents!.Index.Depth;
        Assert.Equal(model.Pool.RentedBytes, s.PageBytes + s.IndexBytes - directory);
        Assert.Equal(s.MemoryBytes, s.PageBytes + s.IndexBytes + s.LargeBytes + model.Keyspace(0).Contents!.Heap.TableBytes + 512);
        Assert.Equal(model.Store.MemoryBytes, s.MemoryBytes);
    }
}
