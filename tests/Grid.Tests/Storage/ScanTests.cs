using Xunit;

namespace Grid.Tests.Storage;

public sealed class ScanTests
{
    [Fact]
    public void A_cursor_survives_growth_and_shrinking_and_shows_what_stays_exactly_once()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 2000; i++)
            model.Set(new ModelKey(0, $"stays:{i}"), [1], 0);
        var sink = new CollectingSink();
        sink.StartKeyspace(0);
        ulong cursor = 0;
        int round = 0;
        do
        {
            cursor = model.Keyspace(0).Scan(cursor, 40, int.MaxValue, 0, sink);
            // Grow by a factor of twenty in the first half of the scan, shrink again in the second.
            for (int i = 0; i < 2000; i++)
            {
                var key = new ModelKey(0, $"comes:{(round < 20 ? round : round - 20)}:{i}");
                if (round < 20)
                    model.Set(key, [2], 0);
                else if (round < 40)
                    model.Delete(key);
            }

            round++;
        }
        while (cursor != 0);
        Assert.True(round > 40);
        Assert.Equal(2000, sink.Entries.Count(e => e.Key.Key.StartsWith("stays", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_cursor_of_one_copy_goes_on_at_another_with_another_history()
    {
        using var one = new StoreModel();
        using var other = new StoreModel();
        for (int i = 0; i < 5000; i++)
        {
            one.Set(new ModelKey(0, $"key:{i}"), [1], 0);
            other.Set(new ModelKey(0, $"key:{4999 - i}"), [1], 0);
        }

        for (int i = 0; i < 40_000; i++)
            other.Set(new ModelKey(0, $"more:{i}"), [1], 0);
        var sink = new CollectingSink();
        sink.StartKeyspace(0);
        ulong cursor = 0;
        for (int slice = 0; slice == 0 || cursor != 0; slice++)
            cursor = (slice % 2 == 0 ? one : other).Keyspace(0).Scan(cursor, 100, int.MaxValue, 0, sink);
        Assert.Equal(5000, sink.Entries.Count(e => e.Key.Key.StartsWith("key", StringComparison.Ordinal)));
    }

    [Fact]
    public void Limits_of_entries_and_bytes_hold()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 500; i++)
            model.Set(new ModelKey(0, $"key:{i:d4}"), new byte[92], 0);
        var sink = new CollectingSink();
        Assert.NotEqual(0UL, model.Keyspace(0).Scan(0, 10, int.MaxValue, 0, sink));
        Assert.Equal(10, sink.Entries.Count);
        sink = new CollectingSink();
        Assert.NotEqual(0UL, model.Keyspace(0).Scan(0, int.MaxValue, 1000, 0, sink));
        Assert.Equal(10, sink.Entries.Count);
        Assert.Equal(0UL, model.Keyspace(9).Scan(0, 10, 10, 0, sink));
    }

    [Fact]
    public void Expired_entries_are_left_out_unless_asked_for()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 100; i++)
            model.Set(new ModelKey(0, $"key:{i}"), [1], i % 4 == 0 ? model.Now + i : 0);
        model.Now += 48;
        model.CheckScan(0, 7, 1000, withExpired: false);
        model.CheckScan(0, 7, 1000, withExpired: true);
    }
}
