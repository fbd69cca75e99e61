using System.Text;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Storage;

public sealed class ExpiryTests
{
    [Fact]
    public void An_entry_is_visible_until_the_millisecond_before_its_expiry()
    {
        using var model = new StoreModel();
        model.Set(new ModelKey(0, "k"), [1], 2_000_000);
        Keyspace keyspace = model.Keyspace(0);
        byte[] key = Encoding.Latin1.GetBytes("k");
        ulong hash = KeyHash.Compute(key);
        Assert.Equal(EntryState.Live, keyspace.Lookup(key, hash, 1_999_999, out _));
        Assert.Equal(EntryState.Expired, keyspace.Lookup(key, hash, 2_000_000, out EntryView entry));
        Assert.Equal(1UL, entry.Version);
        Assert.False(keyspace.TryGet(key, hash, 2_000_000, out _));
        Assert.Equal(1, keyspace.Entries);
    }

    [Fact]
    public void The_walk_finds_each_expired_entry_in_bounded_slices()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 20_000; i++)
            model.Set(new ModelKey(i % 2, $"key:{i}"), new byte[i % 90], i % 3 == 0 ? 2_000_000 + (i % 1000) : 0);
        model.Now = 2_000_499;
        int before = model.Expected.Count;
        int expired = model.Expected.Values.Count(e => e.Expiry != 0 && e.Expiry <= model.Now);
        int slices = 0;
        while (before - model.Expected.Count < expired)
        {
            model.Expire(slotsMax: 300, expiredMax: 50);
            slices++;
            Assert.True(slices < 10_000);
        }

        Assert.True(slices >= expired / 50);
        model.CheckEverything();
    }

    [Fact]
    public void When_nothing_can_have_expired_no_entry_is_looked_at()
    {
        using var model = new StoreModel();
        for (int i = 0; i < 10_000; i++)
            model.Set(new ModelKey(0, $"key:{i}"), [1], 2_000_000 + i);
        // A budget of one slot gets round only if no page is entered.
        Assert.True(model.Store.FindExpired(1_999_999, 1, new CollectingSink()));
        Assert.False(model.Store.FindExpired(2_000_000, 1, new CollectingSink()));
    }

    [Fact]
    public void An_expired_entry_is_reported_in_every_round_until_it_is_deleted()
    {
        using var model = new StoreModel();
        model.Set(new ModelKey(0, "k"), [1], 2_000_000);
        for (int round = 0; round < 3; round++)
        {
            var sink = new CollectingSink();
            Assert.True(model.Store.FindExpired(2_000_000, 1000, sink));
            Assert.Single(sink.Entries);
        }

        byte[] key = Encoding.Latin1.GetBytes("k");
        Assert.True(model.Keyspace(0).Delete(key, KeyHash.Compute(key), 2, expired: true));
        var after = new CollectingSink();
        Assert.True(model.Store.FindExpired(2_000_000, 1000, after));
        Assert.Empty(after.Entries);
        Assert.Equal(1, model.Keyspace(0).Statistics.Expired);
    }

    [Fact]
    public void An_expiry_taken_away_or_put_off_is_not_reported()
    {
        using var model = new StoreModel();
        model.Set(new ModelKey(0, "off"), [1], 2_000_000);
        model.Set(new ModelKey(0, "later"), new byte[20_000], 2_000_000);
        model.SetExpiry(new ModelKey(0, "off"), 0);
        model.SetExpiry(new ModelKey(0, "later"), 3_000_000);
        var sink = new CollectingSink();
        Assert.True(model.Store.FindExpired(2_500_000, 1000, sink));
        Assert.Empty(sink.Entries);
        model.CheckEverything();
    }
}
