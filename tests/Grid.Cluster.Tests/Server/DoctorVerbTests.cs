using System.Text.Json;
using Grid.Cluster.Tests.Stores;
using Grid.Server;
using Grid.Server.Configuration;
using Grid.Server.Stores;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>The doctor as a process, and what it asks of real stores.</summary>
[Collection(Processes.Name)]
public sealed class DoctorVerbTests
{
    [Fact]
    public async Task A_stopped_silos_configuration_is_looked_at_without_a_cluster()
    {
        using TemporaryDirectory home = new();
        int[] ports = Ports.Free(3);
        (int code, JsonElement answer) = await RunAsync(home, $$"""{ "Clustering": { "Provider": "Redis", "ConnectionString": "127.0.0.1:{{ports[2]}},connectTimeout=500" }, "Grid": { "Replicas": 2, "MinInSync": 1 } }""", $"--Silo:SiloPort={ports[0]}", $"--Silo:GatewayPort={ports[1]}", "--timeout", "1");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("store.unreachable", Checks(answer));
        Assert.Contains("cluster.unreachable", Checks(answer));
    }

    [Fact]
    public async Task A_cluster_that_is_named_has_to_answer()
    {
        using TemporaryDirectory home = new();
        (int code, JsonElement answer) = await RunAsync(home, "{}", "--gateway", $"127.0.0.1:{Ports.Free(1)[0]}", "--timeout", "1");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains(answer.GetProperty("findings").EnumerateArray(), finding => finding.GetProperty("check").GetString() == "cluster.unreachable" && finding.GetProperty("severity").GetString() == "Error");
    }

    [Fact]
    public async Task PostgreSql_says_its_version_and_clock_and_that_it_is_no_standby()
    {
        using TemporaryDirectory home = new();
        await using PostgreSqlServer database = await PostgreSqlServer.StartAsync(home.Sub("database"));
        StoreExamination? store = await StoreExamination.AskAsync(new ClusteringSettings { Provider = ClusteringProvider.PostgreSql, ConnectionString = database.Connection }, TestContext.Current.CancellationToken);
        AssertSound(store, new Version(13, 0));
    }

    [Fact]
    public async Task Redis_says_its_version_and_clock_and_that_it_is_no_replica()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, "redis-server is not installed.");
        using TemporaryDirectory home = new();
        await using RedisServer redis = await RedisServer.StartAsync(home.Sub("redis"));
        ClusteringSettings settings = new() { Provider = ClusteringProvider.Redis, ConnectionString = $"127.0.0.1:{redis.Port}" };
        StoreExamination? store = await StoreExamination.AskAsync(settings, TestContext.Current.CancellationToken);
        AssertSound(store, new Version(6, 0));
        Assert.NotEmpty(store!.Warnings);

        redis.Call("REPLICAOF", "127.0.0.1", "1");
        Assert.True((await StoreExamination.AskAsync(settings, TestContext.Current.CancellationToken))!.IsReplica);
    }

    private static void AssertSound(StoreExamination? store, Version least)
    {
        Assert.Null(store!.Problem);
        Assert.True(store.Version > least);
        Assert.False(store.IsReplica);
        Assert.InRange(Math.Abs(store.ClockAheadMs), 0, store.ClockUncertaintyMs + 50);
    }

    private static string?[] Checks(JsonElement answer) => [.. answer.GetProperty("findings").EnumerateArray().Select(finding => finding.GetProperty("check").GetString())];

    private static async Task<(int Code, JsonElement Answer)> RunAsync(TemporaryDirectory home, string json, params string[] arguments)
    {
        File.WriteAllText(Path.Combine(home.Sub("x"), "silo.json"), json);
        await using ChildProcess doctor = ChildProcess.Start(GridBinary.Path, ["doctor", "--json", .. arguments], home.Sub("x"));
        int code = await doctor.ExitAsync(TimeSpan.FromMinutes(1));
        return (code, JsonDocument.Parse(doctor.Output).RootElement);
    }
}
