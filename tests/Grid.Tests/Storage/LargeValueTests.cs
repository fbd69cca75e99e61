using Grid.Storage;
using Xunit;

namespace Grid.Tests.Storage;

public sealed class LargeValueTests
{
    [Fact]
    public void Values_around_the_largest_slot_and_the_largest_slab_come_back_whole()
    {
        using var model = new StoreModel();
        int[] sizes = [16_000, 16_354, 16_355, 16_356, 16_357, 16_372, 16_384, 65_535, 65_536, 1_000_000, 20_000_000];
        foreach (int size in sizes)
        {
            foreach (long expiry in new[] { 0, 3_000_000L })
            {
                model.Set(new ModelKey(0, $"key:{size}:{expiry}"), Pattern(size), expiry);
                model.Set(new ModelKey(0, "changing"), Pattern(size), expiry);
                model.CheckEverything();
            }
        }

        foreach (int size in sizes.Reverse())
            model.Set(new ModelKey(0, "changing"), Pattern(size), size % 2 * 3_000_000L);
        foreach (ModelKey key in model.Expected.Keys.ToList())
            model.SetExpiry(key, model.Expected[key].Expiry == 0 ? 2_000_000 : 0);
        model.CheckEverything();
        model.Now = 2_500_000;
        model.ExpireAll();
        model.CheckEverything();
        foreach (ModelKey key in model.Expected.Keys.ToList())
            model.Delete(key);
        Assert.Equal(0, model.Keyspace(0).Statistics.LargeBytes);
    }

    [Fact]
    public void Keys_up_to_64_KiB_and_values_up_to_64_MiB_are_taken_and_more_is_refused()
    {
        using var model = new StoreModel();
        model.Set(new ModelKey(0, new string('k', 64 * 1024)), Pattern(64 * 1024 * 1024), 0);
        model.Set(new ModelKey(0, new string('k', 16_000)), Pattern(300), 0);
        model.Set(new ModelKey(0, ""), [], 0);
        model.CheckEverything();
        Keyspace keyspace = model.Keyspace(0);
        Assert.Throws<ArgumentOutOfRangeException>(() => keyspace.Set(new byte[(64 * 1024) + 1], 1, [], 0, 99));
        Assert.Throws<ArgumentOutOfRangeException>(() => keyspace.Set([1], 1, new byte[(64 * 1024 * 1024) + 1], 0, 99));
        Assert.Throws<ArgumentOutOfRangeException>(() => keyspace.Set([1], 1, [], -1, 99));
        Assert.Throws<ArgumentOutOfRangeException>(() => keyspace.SetExpiry([1], 1, -1, 99));
        model.CheckEverything();
    }

    private static byte[] Pattern(int size)
    {
        byte[] value = new byte[size];
        new Random(size).NextBytes(value);
        return value;
    }
}
