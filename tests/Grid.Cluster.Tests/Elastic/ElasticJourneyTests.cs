using System.Globalization;
using System.Net;
using Grid.Client.Contracts.Operator;
using Grid.Cluster.Tests.Server;
using Xunit;

namespace Grid.Cluster.Tests.Elastic;

/// <summary>What an operator does to a cluster that grows and shrinks, with the binary alone, on Redis and under load.</summary>
[Collection(Processes.Name)]
public sealed class ElasticJourneyTests
{
    private const int Shards = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_cluster_grows_drains_and_loses_a_silo_to_SIGTERM_under_load_without_a_failed_operation()
    {
        Assert.True(RedisServer.IsInstalled, "This test needs redis-server: apt-get install redis-server lz4");
        using TemporaryDirectory home = new();
        await using RedisServer redis = await RedisServer.StartAsync(home.Sub("redis"));
        string folder = home.Sub("grid");
        File.WriteAllText(Path.Combine(folder, "silo.json"), $$"""{ "Clustering": { "Provider": "Redis", "ConnectionString": "127.0.0.1:{{redis.Port}}" } }""");
        await using GridProcesses cluster = await GridProcesses.StartAsync(folder, 3, $"--Grid:ShardCount={Shards}", "--Grid:MinInSync=1", "--Grid:RebalanceDelayMs=500");
        ClusterStatus started = await cluster.UntilAsync("shards are spread over three silos", Patience, status => status.Silos.Count == 3 && GridProcesses.IsWhole(status, copies: 2) && IsEven(status));
        Assert.Contains(started.Warnings, warning => warning.StartsWith("Redis keeps nothing on disk", StringComparison.Ordinal));

        ChildProcess load = cluster.Start("bench", "--mix", "set=70,get=30", "--keys", "3000", "--size", "50-500", "--outstanding", "8", "--warm-up", "0", "--seconds", "25", "--json");
        await cluster.UntilAsync("the load writes", Patience, status => status.Shards.All(shard => shard.LogEnd > 50));
        cluster.StartSilo(null, "--Silo:Zone=other");
        ClusterStatus grown = await cluster.UntilAsync("the fourth silo has its share", Patience, status => status.Silos.Count == 4 && GridProcesses.IsWhole(status, copies: 2) && IsEven(status));
        Assert.Equal("other", grown.Silos.Single(silo => silo.Name == "silo-3").Zone);
        await ReadyAsync(cluster.HttpPort(3));

        Assert.Contains("holds nothing", (await cluster.RunAsync("drain", "silo-1")).Expect(0).Output);
        Assert.Equal(0, Held(await cluster.StatusAsync(), "silo-1"));
        cluster.Silo(1).Terminate();
        Assert.Equal(0, await cluster.Silo(1).ExitAsync(Patience));

        string shard = (await cluster.StatusAsync()).Shards.First(shard => shard.Primary != grown.Silos.Single(silo => silo.Name == "silo-3").Address).Shard.ToString(CultureInfo.InvariantCulture);
        Assert.Contains("is on silo-3", (await cluster.RunAsync("shard", "move", shard, "silo-3")).Expect(0).Output);
        Assert.Contains("can take over", (await cluster.RunAsync("shard", "accept-loss", shard, "--yes")).Expect(1).Errors);

        cluster.Silo(3).Terminate();
        Assert.Equal(0, await cluster.Silo(3).ExitAsync(Patience));
        Assert.True(cluster.Silo(3).Output.Contains("All that the silo had is elsewhere", StringComparison.Ordinal), cluster.Silo(3).Output);
        ClusterStatus shrunk = await cluster.UntilAsync("two silos are left", Patience, status => status.Silos.Count == 2);
        Assert.True(GridProcesses.IsWhole(shrunk, copies: 2));
        new CommandOutcome(await load.ExitAsync(Patience), load.Output, load.Errors).Expect(0);
        Assert.True((await cluster.RunAsync("digest", "--json", "--wait", "30")).Expect(0).Json.GetProperty("equal").GetBoolean());
    }

    [Fact]
    public async Task A_silo_alone_stops_at_once_and_a_second_signal_ends_a_wait()
    {
        using TemporaryDirectory home = new();
        await using GridProcesses cluster = await GridProcesses.StartAsync(home.Sub("grid"), 1, "--Grid:ShardCount=4", "--Grid:DrainMs=600000");
        await cluster.UntilAsync("every shard has a primary", Patience, status => GridProcesses.IsWhole(status, copies: 1));
        Assert.Equal(HttpStatusCode.OK, await ProbeAsync(cluster.HttpPort(0), "live"));
        Assert.Equal(HttpStatusCode.OK, await ProbeAsync(cluster.HttpPort(0), "startup"));
        await ReadyAsync(cluster.HttpPort(0));
        Assert.Equal(4, (await cluster.RunAsync("drain", "silo-0")).ExitCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ProbeAsync(cluster.HttpPort(0), "ready"));
        Assert.Contains("takes part again", (await cluster.RunAsync("drain", "silo-0", "--cancel")).Expect(0).Output);
        Assert.Equal(HttpStatusCode.OK, await ProbeAsync(cluster.HttpPort(0), "ready"));
        cluster.Silo(0).Terminate();
        Assert.Equal(0, await cluster.Silo(0).ExitAsync(Patience));
        Assert.Contains("fewer copies than are wanted", cluster.Silo(0).Output);
    }

    private static Task ReadyAsync(int port) =>
        Until.AnswersAsync("the silo is ready", async () => await ProbeAsync(port, "ready") == HttpStatusCode.OK);

    private static async Task<HttpStatusCode> ProbeAsync(int port, string what)
    {
        using HttpClient http = new();
        using HttpResponseMessage answer = await http.GetAsync(new Uri($"http://127.0.0.1:{port}/healthz/{what}"), TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    private static int Held(ClusterStatus status, string name)
    {
        string address = status.Silos.Single(silo => silo.Name == name).Address;
        return status.Shards.Count(shard => shard.Copies.Any(copy => copy.Silo == address && copy.State != "Empty"));
    }

    private static bool IsEven(ClusterStatus status)
    {
        int[] primaries = [.. status.Silos.Select(silo => status.Shards.Count(shard => shard.Primary == silo.Address))];
        int[] copies = [.. status.Silos.Select(silo => status.Shards.Count(shard => shard.InSync.Contains(silo.Address)))];
        return primaries.Max() - primaries.Min() <= 1 && copies.Max() - copies.Min() <= 1;
    }
}
