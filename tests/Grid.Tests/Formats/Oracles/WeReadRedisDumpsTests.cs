using System.Globalization;
using Grid.Formats.Rdb;
using Grid.Tests.Formats.Rdb;
using Xunit;

namespace Grid.Tests.Formats.Oracles;

public sealed class WeReadRedisDumpsTests
{
    private static readonly DateTimeOffset Future = new(2100, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    [Theory]
    [InlineData]
    [InlineData("--rdbcompression", "no")]
    [InlineData("--rdbchecksum", "no")]
    [InlineData("--maxmemory-policy", "allkeys-lru")]
    [InlineData("--maxmemory-policy", "allkeys-lfu")]
    public async Task Strings_of_every_encoding_with_and_without_expiry_in_several_databases_are_imported(params string[] settings)
    {
        await using RedisServer redis = await RedisServer.StartAsync(settings: settings);
        List<string> expected = [];
        foreach (int database in new[] { 0, 1, 31 })
        {
            redis.Do("SELECT", database.ToString(CultureInfo.InvariantCulture));
            foreach ((string key, string value) in Strings())
            {
                redis.Do("SET", key, value);
                expected.Add($"{database} {key}={value}");
                redis.Do("SET", key + ":ttl", value, "PXAT", Future.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture));
                expected.Add($"{database} {key}:ttl={value} until {Future.ToUnixTimeMilliseconds()}");
            }
        }

        redis.Do("SET", "12345", "key is a number");
        expected.Add("31 12345=key is a number");
        byte[] dump = redis.Save();
        Assert.Equal(expected.Order(StringComparer.Ordinal), StringsOf(dump, dump.Length).Order(StringComparer.Ordinal));
        Assert.Equal(expected.Order(StringComparer.Ordinal), StringsOf(dump, 13).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_other_type_is_skipped_with_a_count()
    {
        await using RedisServer redis = await RedisServer.StartAsync();
        string large = new('x', 10_000);
        string[] many = [.. Enumerable.Range(0, 2000).Select(i => $"item{i}")];
        redis.Do(["RPUSH", "list", "a", "1", "b"]);
        redis.Do(["RPUSH", "list:large", large, .. many]);
        redis.Do(["SADD", "set:ints", "1", "2", "70000"]);
        redis.Do(["SADD", "set", .. many]);
        redis.Do(["ZADD", "zset", "1.5", "a", "-inf", "b"]);
        redis.Do(["ZADD", "zset:large", .. many.SelectMany(m => new[] { "2.25", m })]);
        redis.Do(["HSET", "hash", "f", "v", "n", "17"]);
        redis.Do(["HSET", "hash:large", .. many.SelectMany(m => new[] { m, large[..50] })]);
        for (int i = 0; i < 300; i++)
            redis.Do("XADD", "stream", "*", "field", $"value{i}", "n", "17");
        redis.Do("XGROUP", "CREATE", "stream", "group", "0");
        redis.Do("XGROUP", "CREATE", "stream", "idle", "$");
        redis.Do("XREADGROUP", "GROUP", "group", "alice", "COUNT", "100", "STREAMS", "stream", ">");
        redis.Do("XREADGROUP", "GROUP", "group", "bob", "COUNT", "100", "STREAMS", "stream", ">");
        redis.Do("XDEL", "stream", "1-1");
        redis.Do("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)");
        redis.Do("EXPIRE", "list", "100000");
        redis.Do("SET", "string", "value");
        byte[] dump = redis.Save();

        foreach (int piece in new[] { 1, 17, 4096, dump.Length })
        {
            RdbEvents events = new();
            using RdbReader reader = new(events);
            foreach (ReadOnlyMemory<byte> bytes in Samples.CutEvery(dump, piece))
                reader.Feed(bytes.Span);
            reader.Complete();
            Assert.Equal(1, reader.Entries);
            Assert.Contains("string=value", events.Lines);
            Assert.Equal(
                new SortedDictionary<string, long> { ["function"] = 1, ["hash"] = 2, ["list"] = 2, ["set"] = 2, ["stream"] = 1, ["zset"] = 2 },
                new SortedDictionary<string, long>(reader.SkippedByType.ToDictionary()));
        }
    }

    private static IEnumerable<(string Key, string Value)> Strings()
    {
        yield return ("empty", "");
        foreach (long number in new long[] { 0, -1, 127, 128, -128, -129, 32_767, 32_768, -32_768, -32_769, int.MaxValue, int.MinValue, (long)int.MaxValue + 1, long.MinValue })
            yield return ($"number {number}", number.ToString(CultureInfo.InvariantCulture));
        yield return ("short", "abc");
        yield return ("63", new string('a', 5) + new string('b', 58));
        yield return ("64", string.Concat(Enumerable.Range(0, 64).Select(i => (char)(33 + i))));
        yield return ("repeated", new string('z', 5_000));
        yield return ("text", System.Text.Encoding.ASCII.GetString(Samples.Text(20_000)));
        yield return ("random", System.Text.Encoding.Latin1.GetString(Samples.RandomBytes(20_000)));
        yield return ("large", System.Text.Encoding.ASCII.GetString(Samples.Text(300_000)));
    }

    private static List<string> StringsOf(byte[] dump, int pieceBytes)
    {
        Collector collector = new();
        using RdbReader reader = new(collector);
        foreach (ReadOnlyMemory<byte> piece in Samples.CutEvery(dump, pieceBytes))
            reader.Feed(piece.Span);
        reader.Complete();
        return collector.Lines;
    }

    private sealed class Collector : IRdbHandler
    {
        private int _database;

        public List<string> Lines { get; } = [];

        public void OnSelectDb(int database) => _database = database;

        public void OnString(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long? expiryUnixMs) =>
            Lines.Add($"{_database} {System.Text.Encoding.Latin1.GetString(key)}={System.Text.Encoding.Latin1.GetString(value)}{(expiryUnixMs is { } at ? $" until {at}" : "")}");

        public void OnSkipped(string typeName, ReadOnlySpan<byte> key) => Lines.Add($"skipped {typeName}");
    }
}
