using System.Globalization;
using System.Text;
using Grid.Client.Contracts.Operator;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>What a new user does, in small, with the binary alone: nothing here reaches into a silo.</summary>
[Collection(Processes.Name)]
public sealed class JourneyTests
{
    private const int Shards = 8;
    private const int Products = 3000;
    private const int Sessions = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task Data_of_a_redis_server_live_through_import_a_full_sync_under_load_and_a_killed_silo_and_go_back_to_a_redis_server()
    {
        Assert.True(RedisServer.IsInstalled, "This test needs redis-server: apt-get install redis-server lz4");
        using TemporaryDirectory home = new();
        await using RedisServer source = await RedisServer.StartAsync(home.Sub("source"));
        Fill(source);
        Assert.Equal("OK", source.Call("SAVE"));

        await using GridProcesses cluster = await GridProcesses.StartAsync(home.Sub("grid"), 3, $"--Grid:ShardCount={Shards}", "--Grid:BootstrapSilos=3", "--Grid:ReplicaTimeoutMs=1000", "--Grid:Rebalance=false");
        await cluster.UntilAsync("every shard has a primary and a replica on another silo", Patience, status => status.Silos.Count == 3 && GridProcesses.IsWhole(status, copies: 2));

        CommandOutcome imported = (await cluster.RunAsync("import", Path.Combine(source.Directory, "dump.rdb"), "--json")).Expect(0);
        Assert.Equal(Products + Sessions, imported.Json.GetProperty("written").GetInt64());
        Assert.Equal(5, imported.Json.GetProperty("skipped").GetProperty("list").GetInt64());
        Assert.Equal(5, imported.Json.GetProperty("skipped").GetProperty("hash").GetInt64());
        await ExpectEqualCopiesAsync(cluster);

        await DropUnderLoadAsync(cluster);
        await ExpectEqualCopiesAsync(cluster);

        cluster.Silo(2).Kill();
        await cluster.UntilAsync("the killed silo's shards are served by the others", Patience, status => status.Silos.Count == 2 && GridProcesses.IsWhole(status, copies: 2));
        await ExpectEqualCopiesAsync(cluster);

        string target = home.Sub("target");
        CommandOutcome exported = (await cluster.RunAsync("export", Path.Combine(target, "dump.rdb"), "--keyspace", "default", "--keyspace", "db3", "--json")).Expect(0);
        Assert.Equal(Products + Sessions, exported.Json.GetProperty("written").GetInt64());
        Assert.Equal(Shards, exported.Json.GetProperty("fromReplicas").GetInt32());
        await using RedisServer copy = await RedisServer.StartAsync(target);
        ExpectSame(source, copy, database: 0, Products);
        ExpectSame(source, copy, database: 3, Sessions);

        cluster.Silo(0).Terminate();
        Assert.Equal(0, await cluster.Silo(0).ExitAsync(Patience));
    }

    [Fact]
    public async Task The_verbs_on_entries_answer_with_their_exit_codes()
    {
        using TemporaryDirectory home = new();
        await using GridProcesses cluster = await GridProcesses.StartAsync(home.Sub("grid"), 1, "--Grid:ShardCount=4", "--Grid:Replicas=0");
        await cluster.UntilAsync("every shard has a primary", Patience, status => GridProcesses.IsWhole(status, copies: 1));

        CommandOutcome missing = (await cluster.RunAsync("get", "greeting")).Expect(4);
        Assert.Contains("no key 'greeting'", missing.Errors);
        Assert.StartsWith("OK, version ", (await cluster.RunAsync("set", "greeting", "hello", "--ttl", "1h")).Expect(0).Output);
        Assert.Equal("hello", (await cluster.RunAsync("get", "greeting")).Expect(0).Output.Trim());
        CommandOutcome json = (await cluster.RunAsync("get", "greeting", "--json")).Expect(0);
        Assert.True(json.Json.GetProperty("expiresAt").GetDateTimeOffset() > DateTimeOffset.UtcNow);
        string version = json.Json.GetProperty("version").GetUInt64().ToString(CultureInfo.InvariantCulture);
        (await cluster.RunAsync("set", "greeting", "taken", "--if-absent")).Expect(4);
        (await cluster.RunAsync("set", "greeting", "0102ff", "--hex", "--if-version", version)).Expect(0);
        Assert.Equal("0102ff", (await cluster.RunAsync("get", "greeting", "--hex")).Expect(0).Output.Trim());
        Assert.Equal("greeting\t\\x01\\x02\\xff", (await cluster.RunAsync("scan", "--prefix", "greet")).Expect(0).Output.Trim());
        Assert.Equal("1 deleted", (await cluster.RunAsync("del", "greeting", "nobody")).Expect(0).Output.Trim());
        Assert.Contains("\"primary\"", (await cluster.RunAsync("status", "--json")).Expect(0).Output);

        cluster.StartSilo(sameAs: 0);
        Assert.Equal(1, await cluster.Silo(1).ExitAsync(Patience));
        Assert.Contains("(Silo:SiloPort) is taken", cluster.Silo(1).Errors);
    }

    private static void Fill(RedisServer redis)
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        Random random = new(1);
        List<object[]> commands = [];
        for (int i = 0; i < Products; i++)
        {
            string json = $$"""{"id":{{i}},"text":"{{new string((char)('a' + (i % 26)), random.Next(100, 2000))}}","price":{{random.Next(100_000)}}}""";
            commands.Add(i % 5 == 0 ? ["SET", $"product:{i}", json, "PXAT", now + 3_600_000 + i] : ["SET", $"product:{i}", json]);
        }

        for (int i = 0; i < 5; i++)
        {
            commands.Add(["RPUSH", $"list:{i}", "a", "b"]);
            commands.Add(["HSET", $"hash:{i}", "field", "value"]);
        }

        commands.Add(["SELECT", 3]);
        for (int i = 0; i < Sessions; i++)
            commands.Add(["SET", $"session:{i}", i * 1_000_003L, "PXAT", now + 7_200_000 + i]);
        Assert.All(redis.CallMany(commands), reply => Assert.True(reply is "OK" or long, $"{reply}"));
    }

    /// <summary>Drops one replica of each silo while a load writes; both come back by full sync.</summary>
    private static async Task DropUnderLoadAsync(GridProcesses cluster)
    {
        ChildProcess load = cluster.Start("bench", "--mix", "set=70,get=30", "--keys", "2000", "--size", "50-500", "--outstanding", "16", "--warm-up", "0", "--seconds", "8", "--json");
        await cluster.UntilAsync("the load writes", Patience, status => status.Shards.All(shard => shard.Copies.Any(copy => copy.Entries > (Products + Sessions) / Shards / 2 * 1.5)));
        ClusterStatus before = await cluster.StatusAsync();
        CopyStatus[] dropped = [.. before.Shards.Take(2).Select(shard => shard.Copies.First(copy => !copy.IsPrimary))];
        foreach (CopyStatus copy in dropped)
        {
            string silo = before.Silos.Single(known => known.Address == copy.Silo).Name;
            (await cluster.RunAsync("drop", copy.Shard.ToString(CultureInfo.InvariantCulture), silo)).Expect(0);
        }

        await cluster.UntilAsync("the dropped replicas are back under new names and in sync", Patience, status =>
            GridProcesses.IsWhole(status, copies: 2) && dropped.All(old => status.Shards[old.Shard].Copies.All(copy => copy.CopyId != old.CopyId)));
        new CommandOutcome(await load.ExitAsync(Patience), load.Output, load.Errors).Expect(0);
    }

    private static async Task ExpectEqualCopiesAsync(GridProcesses cluster)
    {
        CommandOutcome digest = (await cluster.RunAsync("digest", "--json", "--wait", "30")).Expect(0);
        Assert.True(digest.Json.GetProperty("equal").GetBoolean());
        Assert.All(digest.Json.GetProperty("shards").EnumerateArray(), shard => Assert.Equal(2, shard.GetProperty("copies").GetArrayLength()));
    }

    private static void ExpectSame(RedisServer source, RedisServer copy, int database, int strings)
    {
        Assert.Equal("OK", source.Call("SELECT", database));
        Assert.Equal("OK", copy.Call("SELECT", database));
        byte[][] keys = [.. ((List<object?>)copy.Call("KEYS", "*")!).Cast<byte[]>()];
        Assert.Equal(strings, keys.Length);
        foreach (byte[][] some in keys.Chunk(500))
        {
            List<object[]> questions = [.. some.SelectMany(key => new object[][] { ["GET", key], ["PEXPIRETIME", key] })];
            List<object?> expected = source.CallMany(questions);
            List<object?> actual = copy.CallMany(questions);
            for (int i = 0; i < questions.Count; i++)
                Assert.True(Same(expected[i], actual[i]), $"{questions[i][0]} {Encoding.UTF8.GetString((byte[])questions[i][1])} differs.");
        }
    }

    private static bool Same(object? a, object? b) => a is byte[] left && b is byte[] right ? left.AsSpan().SequenceEqual(right) : a is long && Equals(a, b);
}
