using System.Text;
using Grid.Client;
using Grid.Client.Contracts.Operator;
using Grid.Cluster.Tests.Server;
using Grid.Server;
using Grid.Server.Stores;
using Npgsql;
using Xunit;

namespace Grid.Cluster.Tests.Stores;

/// <summary>Membership and shard records on PostgreSQL, with servers of the tests' own.</summary>
[Collection(Processes.Name)]
public sealed class PostgreSqlTests
{
    private const int Shards = 4;
    private const int Keys = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_cluster_on_PostgreSQL_keeps_its_entries_through_the_death_of_a_silo_and_its_verbs_find_it_by_the_database()
    {
        using TemporaryDirectory home = new();
        await using PostgreSqlServer database = await PostgreSqlServer.StartAsync(home.Sub("database"));
        string folder = home.Sub("grid");
        File.WriteAllText(Path.Combine(folder, "silo.json"), $$"""{ "Clustering": { "Provider": "PostgreSql", "ConnectionString": "{{database.Connection}}" } }""");
        await using GridProcesses cluster = await GridProcesses.StartAsync(folder, 3, $"--Grid:ShardCount={Shards}", "--Grid:BootstrapSilos=3", "--Grid:MinInSync=1", "--Grid:ReplicaTimeoutMs=1000");
        ClusterStatus before = await cluster.UntilAsync("every shard has a primary and a replica", Patience, status => status.Silos.Count == 3 && GridProcesses.IsWhole(status, copies: 2));
        Assert.DoesNotContain(before.Warnings, warning => warning.Contains("PostgreSQL", StringComparison.Ordinal) || warning.Contains("Development", StringComparison.Ordinal));

        (await cluster.RunHereAsync("set", "by a verb", "found")).Expect(0);
        IKeyspace keyspace = cluster.Grid.GetKeyspace("default");
        for (int i = 0; i < Keys; i++)
            await keyspace.SetAsync(Bytes($"key:{i}"), Bytes($"value {i}"), cancellationToken: TestContext.Current.CancellationToken);
        string victim = before.Silos.Single(silo => silo.Name == "silo-1").Address;
        long[] epochs = [.. before.Shards.Select(shard => shard.Epoch)];
        cluster.Silo(1).Kill();
        ClusterStatus after = await cluster.UntilAsync("the killed silo's shards are served by the others", Patience, status => status.Silos.Count == 2 && GridProcesses.IsWhole(status, copies: 2));
        Assert.All(before.Shards.Where(shard => shard.Primary == victim), shard => Assert.True(after.Shards[shard.Shard].Epoch > epochs[shard.Shard]));

        Assert.Equal("found", (await cluster.RunHereAsync("get", "by a verb")).Expect(0).Output.Trim());
        for (int i = 0; i < Keys; i++)
            Assert.Equal(Bytes($"value {i}"), await keyspace.GetAsync(Bytes($"key:{i}"), cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal((long)Shards, await database.AskAsync("SELECT count(*) FROM grid_state WHERE state_name = 'shard-record'"));
    }

    [Fact]
    public async Task The_tables_are_made_once_by_silos_that_start_together_and_a_user_without_rights_may_use_them()
    {
        using TemporaryDirectory home = new();
        await using PostgreSqlServer database = await PostgreSqlServer.StartAsync(home.Sub("database"));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => PostgreSqlStore.PrepareAsync(database.Connection)));
        Assert.Equal(13L, await database.AskAsync("SELECT count(*) FROM OrleansQuery"));

        await database.ExecuteAsync("CREATE ROLE poor LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO poor");
        await PostgreSqlStore.PrepareAsync(database.Connection.Replace("Username=grid", "Username=poor", StringComparison.Ordinal));

        await database.ExecuteAsync("DROP TABLE OrleansQuery; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        CommandException refused = await Assert.ThrowsAsync<CommandException>(() => PostgreSqlStore.PrepareAsync(database.Connection.Replace("Username=grid", "Username=poor", StringComparison.Ordinal)));
        Assert.Equal(ExitCode.Failed, refused.ExitCode);
        Assert.Contains("make tables", refused.Message);
    }

    [Fact]
    public async Task A_server_that_may_forget_is_said_to()
    {
        using TemporaryDirectory home = new();
        await using PostgreSqlServer database = await PostgreSqlServer.StartAsync(home.Sub("database"), "fsync=off", "synchronous_commit=off");
        IReadOnlyList<string> warnings = await new PostgreSqlWarnings(database.Connection).CheckAsync(TestContext.Current.CancellationToken);
        Assert.Equal(2, warnings.Count);
        Assert.Contains("fsync = off", warnings[0]);
        Assert.Contains("synchronous_commit = off", warnings[1]);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_named_without_its_password()
    {
        string connection = $"Host=127.0.0.1;Port={Ports.Free(1)[0]};Username=grid;Password=secret;Database=grid;Timeout=2";
        CommandException failure = await Assert.ThrowsAsync<CommandException>(() => PostgreSqlStore.PrepareAsync(connection));
        Assert.Equal(ExitCode.Unreachable, failure.ExitCode);
        Assert.Contains("127.0.0.1:", failure.Message);
        Assert.DoesNotContain("secret", failure.Message);
    }

    [Fact]
    public void A_silo_takes_few_connections_unless_told_otherwise()
    {
        Assert.Equal(16, new NpgsqlConnectionStringBuilder(PostgreSqlStore.Connection("Host=a")).MaxPoolSize);
        Assert.Equal(40, new NpgsqlConnectionStringBuilder(PostgreSqlStore.Connection("Host=a;Maximum Pool Size=40")).MaxPoolSize);
    }

    [Theory]
    [InlineData("yes", "always", "3600 1", null)]
    [InlineData("yes", "everysec", "", "last second")]
    [InlineData("no", "everysec", "3600 1", "last snapshot")]
    [InlineData("no", "always", "", "nothing on disk")]
    public void Settings_of_redis_that_can_lose_records_are_told(string append, string sync, string save, string? expected)
    {
        List<string> warnings = RedisWarnings.Judge(append, sync, save);
        if (expected is null)
            Assert.Empty(warnings);
        else
            Assert.Contains(expected, Assert.Single(warnings));
    }

    [Fact]
    public async Task A_redis_server_is_asked_what_it_keeps()
    {
        Assert.True(RedisServer.IsInstalled, "This test needs redis-server: apt-get install redis-server lz4");
        using TemporaryDirectory home = new();
        await using RedisServer redis = await RedisServer.StartAsync(home.Sub("redis"));
        RedisWarnings warnings = new($"127.0.0.1:{redis.Port}");
        Assert.Contains("nothing on disk", Assert.Single(await warnings.CheckAsync(TestContext.Current.CancellationToken)));
        Assert.Equal("OK", redis.Call("CONFIG", "SET", "appendonly", "yes"));
        Assert.Equal("OK", redis.Call("CONFIG", "SET", "appendfsync", "always"));
        Assert.Empty(await warnings.CheckAsync(TestContext.Current.CancellationToken));
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
