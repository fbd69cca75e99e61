using Grid.Storage;
using Xunit;

namespace Grid.Tests.Storage;

public sealed class CompactionTests
{
    private const int Entries = 60_000;

    [Fact]
    public void Values_of_changing_sizes_cost_at_most_a_quarter_more()
    {
        var random = new Random(1);
        using var model = new StoreModel();
        for (int i = 0; i < Entries; i++)
            model.Set(Key(i), new byte[random.Next(200)], 0);
        long fresh = model.Store.MemoryBytes;
        for (int i = 0; i < 4 * Entries; i++)
            model.Set(Key(random.Next(Entries)), new byte[random.Next(200)], 0);
        Assert.InRange(model.Store.MemoryBytes, fresh / 2, fresh * 5 / 4);
        model.CheckEverything();
    }

    [Theory]
    [InlineData(100, 60)]
    [InlineData(60, 300)]
    [InlineData(300, 40)]
    public void So_do_values_that_drift_from_one_size_to_another_at_every_moment(int from, int to)
    {
        using var model = new StoreModel();
        for (int i = 0; i < Entries; i++)
            model.Set(Key(i), new byte[from], 0);
        // The order of the drift has nothing to do with the order in which the slots lie.
        for (int i = 0; i < Entries; i++)
        {
            model.Set(Key((int)(i * 7919L % Entries)), new byte[to], 0);
            if (i % 500 == 0)
            {
                KeyspaceStatistics s = model.Keyspace(0).Statistics;
                Assert.InRange(s.PageBytes, 0, (s.UsedSlotBytes * 5 / 4) + (128 * 1024));
            }
        }

        Assert.True(model.Keyspace(0).Statistics.Moved > 0);
        model.CheckEverything();
    }

    [Fact]
    public void Random_deletion_gives_pages_back()
    {
        var random = new Random(3);
        using var model = new StoreModel();
        for (int i = 0; i < Entries; i++)
            model.Set(Key(i), new byte[i % 5000 == 0 ? 42 : 50], i % 5000 == 0 ? 5_000_000 : 0);
        foreach (int i in Enumerable.Range(0, Entries).Where(i => i % 5000 != 0).OrderBy(_ => random.Next()).Take(Entries * 9 / 10))
            model.Delete(Key(i));
        while (model.Store.Maintain(1000))
        {
        }

        KeyspaceStatistics s = model.Keyspace(0).Statistics;
        Assert.InRange(s.PageBytes, 0, (s.UsedSlotBytes * 9 / 8) + (128 * 1024));
        model.CheckEverything();
        // Moved to a page where nothing else expires, a record is still found by the walk.
        model.Now = 5_000_000;
        model.ExpireAll();
        model.CheckEverything();
    }

    [Fact]
    public void A_snapshot_in_progress_does_not_mind()
    {
        var random = new Random(4);
        using var model = new StoreModel();
        for (int i = 0; i < 20_000; i++)
            model.Set(Key(i), new byte[100], 0);
        model.BeginSnapshot();
        for (int i = 0; i < 20_000; i++)
        {
            model.Set(Key(random.Next(20_000)), new byte[random.Next(2) * 150], 0);
            if (i % 100 == 0 && model.Snapshots > 0)
                model.ReadSnapshot(0, 80, int.MaxValue);
        }

        while (model.Snapshots > 0)
            model.ReadSnapshot(0, 1000, int.MaxValue);
        Assert.True(model.Keyspace(0).Statistics.Moved > 0);
    }

    private static ModelKey Key(int i) => new(0, $"key:{i:d6}");
}
