using System.Buffers;
using System.Text;
using Grid.Client;
using Grid.Formats.Operations;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>What a keyspace does, against shards that answer.</summary>
public sealed class KeyspaceTests
{
    private readonly SimulatedCluster _cluster = new(seed: 1, shards: 4);

    private IKeyspace Bytes => _cluster.Grid.GetKeyspace("things");

    private IKeyspace<string, string> Texts => _cluster.Grid.GetKeyspace<string, string>("things");

    [Fact]
    public void A_value_is_read_back_with_its_version()
    {
        SetResult set = _cluster.Get(Bytes.SetAsync("a"u8, "1"u8));
        Assert.True(set.Applied);
        GridEntry<byte[]> entry = _cluster.Get(Bytes.GetEntryAsync("a"u8));
        Assert.Equal((true, set.Version, null), (entry.Found, entry.Version, entry.ExpiresAt));
        Assert.Equal("1"u8, entry.Value!);
        Assert.Equal("1"u8, _cluster.Get(Bytes.GetAsync("a"u8))!);
        Assert.Null(_cluster.Get(Bytes.GetAsync("b"u8)));
        Assert.True(_cluster.Get(Bytes.ExistsAsync("a"u8)));
        Assert.False(_cluster.Get(Bytes.ExistsAsync("b"u8)));
    }

    [Fact]
    public void An_empty_value_is_not_a_missing_one()
    {
        _cluster.Get(Bytes.SetAsync("a"u8, default));
        Assert.Equal([], _cluster.Get(Bytes.GetAsync("a"u8))!);
    }

    [Fact]
    public void A_value_is_appended_to_a_writer()
    {
        ArrayBufferWriter<byte> writer = new();
        _cluster.Get(Bytes.SetAsync("a"u8, "123"u8));
        Assert.True(_cluster.Get(Bytes.GetAsync("a"u8, writer)));
        Assert.False(_cluster.Get(Bytes.GetAsync("b"u8, writer)));
        Assert.Equal("123"u8, writer.WrittenSpan);
    }

    [Fact]
    public void Conditions_decide_whether_a_set_takes_place()
    {
        Assert.False(_cluster.Get(Bytes.SetAsync("a"u8, "0"u8, SetOptions.IfPresent)).Applied);
        SetResult first = _cluster.Get(Bytes.SetAsync("a"u8, "1"u8, SetOptions.IfAbsent));
        Assert.True(first.Applied);
        Assert.Equal(default, _cluster.Get(Bytes.SetAsync("a"u8, "2"u8, SetOptions.IfAbsent)));
        SetResult second = _cluster.Get(Bytes.SetAsync("a"u8, "3"u8, SetOptions.IfVersion(first.Version)));
        Assert.True(second.Applied && second.Version > first.Version);
        Assert.False(_cluster.Get(Bytes.SetAsync("a"u8, "4"u8, SetOptions.IfVersion(first.Version))).Applied);
        Assert.False(_cluster.Get(Bytes.DeleteIfVersionAsync("a"u8, first.Version)));
        Assert.True(_cluster.Get(Bytes.DeleteIfVersionAsync("a"u8, second.Version)));
        Assert.False(_cluster.Get(Bytes.DeleteAsync("a"u8)));
    }

    [Fact]
    public void Entries_expire_and_their_expiry_can_be_read_changed_and_taken_away()
    {
        _cluster.Get(Bytes.SetAsync("a"u8, "1"u8, SetOptions.ExpireAfter(TimeSpan.FromSeconds(10))));
        GridExpiry expiry = _cluster.Get(Bytes.GetExpiryAsync("a"u8));
        Assert.InRange(expiry.TimeToLive!.Value.TotalSeconds, 9, 10);
        Assert.Equal(expiry.ExpiresAt, _cluster.Get(Bytes.GetEntryAsync("a"u8)).ExpiresAt);
        _cluster.Get(Bytes.SetAsync("a"u8, "2"u8, new SetOptions { KeepTimeToLive = true }));
        Assert.Equal(expiry.ExpiresAt, _cluster.Get(Bytes.GetExpiryAsync("a"u8)).ExpiresAt);
        Assert.True(_cluster.Get(Bytes.PersistAsync("a"u8)));
        Assert.Equal(new GridExpiry(true, null, null), _cluster.Get(Bytes.GetExpiryAsync("a"u8)));
        Assert.True(_cluster.Get(Bytes.ExpireAsync("a"u8, TimeSpan.FromMilliseconds(5))));
        _cluster.Run(50);
        Assert.Null(_cluster.Get(Bytes.GetAsync("a"u8)));
        Assert.False(_cluster.Get(Bytes.ExpireAsync("a"u8, TimeSpan.FromSeconds(1))));
        Assert.Equal(default, _cluster.Get(Bytes.GetExpiryAsync("a"u8)));
    }

    [Fact]
    public void A_keyspaces_default_time_to_live_holds_for_what_names_none()
    {
        IKeyspace keyspace = _cluster.Grid.GetKeyspace("things", new KeyspaceOptions { TimeToLive = TimeSpan.FromMinutes(1) });
        _cluster.Get(keyspace.SetAsync("a"u8, "1"u8));
        _cluster.Get(keyspace.SetManyAsync([new(new byte[] { 98 }, new byte[] { 1 })]));
        Assert.InRange(_cluster.Get(keyspace.GetExpiryAsync("a"u8)).TimeToLive!.Value.TotalSeconds, 59, 60);
        Assert.InRange(_cluster.Get(keyspace.GetExpiryAsync("b"u8)).TimeToLive!.Value.TotalSeconds, 59, 60);
    }

    [Fact]
    public void Get_or_add_gives_everybody_the_first_value()
    {
        byte[] mine = "mine"u8.ToArray();
        GetOrAddResult<byte[]> added = _cluster.Get(Bytes.GetOrAddAsync("a"u8, mine));
        Assert.True(added.Added);
        Assert.Same(mine, added.Value);
        GetOrAddResult<byte[]> there = _cluster.Get(Bytes.GetOrAddAsync("a"u8, "other"u8.ToArray()));
        Assert.Equal((false, added.Version), (there.Added, there.Version));
        Assert.Equal("mine"u8, there.Value);
    }

    [Fact]
    public void A_factory_is_called_only_when_there_is_nothing()
    {
        int calls = 0;
        ValueTask<string> Make(int state, CancellationToken token) => new($"made {++calls} {state}");
        Assert.Equal("made 1 7", _cluster.Get(Texts.GetOrAddAsync("a", 7, Make)).Value);
        GetOrAddResult<string> again = _cluster.Get(Texts.GetOrAddAsync("a", 8, Make));
        Assert.Equal(("made 1 7", false, 1), (again.Value, again.Added, calls));
    }

    [Fact]
    public void Counters_count_and_keep_the_expiry_that_they_were_made_with()
    {
        Assert.Equal(5, _cluster.Get(Bytes.IncrementAsync("n"u8, 5, TimeSpan.FromMinutes(1))));
        Assert.Equal(2, _cluster.Get(Bytes.IncrementAsync("n"u8, -3)));
        Assert.InRange(_cluster.Get(Bytes.GetExpiryAsync("n"u8)).TimeToLive!.Value.TotalSeconds, 59, 60);
        Assert.Equal(2, _cluster.Get(_cluster.Grid.GetKeyspace<string, long>("things").GetAsync("n")).Value);
        _cluster.Get(Bytes.SetAsync("x"u8, "abc"u8));
        Assert.Throws<GridCounterException>(() => _cluster.Get(Bytes.IncrementAsync("x"u8)));
        _cluster.Get(Bytes.SetAsync("x"u8, "9223372036854775807"u8));
        Assert.Throws<GridCounterException>(() => _cluster.Get(Bytes.IncrementAsync("x"u8)));
    }

    [Fact]
    public void Many_keys_are_answered_in_their_order()
    {
        KeyValuePair<string, string>[] entries = [.. Enumerable.Range(0, 500).Select(i => KeyValuePair.Create($"k{i}", $"v{i}"))];
        ulong[] versions = _cluster.Get(Texts.SetManyAsync(entries));
        Assert.DoesNotContain(0UL, versions);
        string[] keys = [.. Enumerable.Range(-10, 520).Select(i => $"k{i}")];
        GridValue<string>[] values = _cluster.Get(Texts.GetManyAsync(keys));
        Assert.Equal(Enumerable.Range(-10, 520).Select(i => i is >= 0 and < 500 ? $"v{i}" : null), values.Select(static v => v.Found ? v.Value : null));
        Assert.Equal(500, _cluster.Get(Texts.DeleteManyAsync(keys)));
        Assert.Empty(_cluster.Get(Texts.GetManyAsync([])));
    }

    [Fact]
    public async Task A_scan_meets_every_entry_once_on_pages_of_any_size()
    {
        string[] keys = [.. Enumerable.Range(0, 100).Select(i => $"k{i:D3}")];
        foreach (string key in keys)
            _cluster.Get(Texts.SetAsync(key, "value of " + key));
        foreach (int page in new[] { 1, 7, 1000 })
        {
            List<ScanEntry<string, string>> met = await CollectAsync(Texts.ScanAsync(new ScanOptions { PageEntries = page }));
            Assert.Equal(keys, met.Select(static e => e.Key).Order());
            Assert.All(met, static e => Assert.Equal("value of " + e.Key, e.Value));
        }

        List<ScanEntry<string, string>> some = await CollectAsync(Texts.ScanAsync(new ScanOptions { Prefix = "k01"u8.ToArray(), KeysOnly = true }));
        Assert.Equal(keys.Where(static k => k.StartsWith("k01", StringComparison.Ordinal)), some.Select(static e => e.Key).Order());
        Assert.All(some, static e => Assert.True(e.Value is null && e.Version != 0));
    }

    [Fact]
    public async Task A_scan_of_a_tag_asks_one_shard_only()
    {
        _cluster.Get(Texts.SetAsync("{t}:1", "x"));
        int before = _cluster.Shards.Count(static s => s.Executed.Batches > 0);
        List<ScanEntry<string, string>> met = await CollectAsync(Texts.ScanAsync(new ScanOptions { Prefix = "{t}"u8.ToArray() }));
        Assert.Single(met);
        Assert.Equal(before, _cluster.Shards.Count(static s => s.Executed.Batches > 0));
    }

    [Fact]
    public void Clear_and_statistics_concern_all_shards()
    {
        for (int i = 0; i < 50; i++)
            _cluster.Get(Texts.SetAsync($"k{i}", "v"));
        Assert.Equal(new KeyspaceCounts(50, 4, 8, 12, 16, 20, 24, 28), _cluster.Get(Bytes.GetStatisticsAsync()));
        Assert.Equal(50, _cluster.Get(Bytes.ClearAsync()));
        Assert.Equal(0, _cluster.Get(Bytes.GetStatisticsAsync()).Entries);
    }

    [Fact]
    public void Typed_keys_have_readable_bytes()
    {
        Guid id = new("0f8fad5b-d9cb-469f-a165-70867728950e");
        _cluster.Get(_cluster.Grid.GetKeyspace<Guid, int>("t").SetAsync(id, -42));
        _cluster.Get(_cluster.Grid.GetKeyspace<long, byte[]>("t").SetAsync(-7L, [1, 2]));
        _cluster.Get(_cluster.Grid.GetKeyspace<int, string>("t").SetAsync(12, "zwölf"));
        IKeyspace bytes = _cluster.Grid.GetKeyspace("t");
        Assert.Equal("-42"u8, _cluster.Get(bytes.GetAsync("0f8fad5b-d9cb-469f-a165-70867728950e"u8))!);
        Assert.Equal([1, 2], _cluster.Get(bytes.GetAsync("-7"u8))!);
        Assert.Equal(Encoding.UTF8.GetBytes("zwölf"), _cluster.Get(bytes.GetAsync("12"u8))!);
    }

    [Fact]
    public void Bytes_of_another_type_are_told_apart_from_silo_trouble()
    {
        _cluster.Get(Bytes.SetAsync("a"u8, "no number"u8));
        GridSerializationException error = Assert.Throws<GridSerializationException>(
            () => _cluster.Get(_cluster.Grid.GetKeyspace<string, long>("things").GetAsync("a")));
        Assert.Equal("things", error.Keyspace);
        Assert.Throws<GridSerializationException>(() => { _ = _cluster.Grid.GetKeyspace<string, DateTime>("things").SetAsync("a", default); });
    }

    private async Task<List<T>> CollectAsync<T>(IAsyncEnumerable<T> source)
    {
        List<T> all = [];
        await using IAsyncEnumerator<T> walk = source.GetAsyncEnumerator(TestContext.Current.CancellationToken);
        while (_cluster.Get(walk.MoveNextAsync()))
            all.Add(walk.Current);
        return all;
    }
}
