using System.Globalization;
using System.Text.Json;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>Every verb that measures, once and in small, with the binary itself: that it runs to its end and answers what can be.</summary>
[Collection(Processes.Name)]
public sealed class BenchTests
{
    private static readonly string Binary = Path.Combine(AppContext.BaseDirectory, "grid");
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    [Theory]
    [InlineData("Lz4", 0.3, 0.7)]
    [InlineData("None", 1.0, 1.1)]
    public async Task Bench_sync_brings_a_replica_up_and_tells_what_travelled(string compression, double leastRatio, double mostRatio)
    {
        bool redis = compression == "Lz4" && RedisServer.IsInstalled;
        JsonElement report = await RunAsync(["bench", "sync", "--data", "J", "--scale", "0.002", "--rounds", "1", "--before", "0.2", "--foreground", "200", "--compression", compression, .. redis ? [] : (string[])["--no-redis"]]);
        Assert.Equal((2000, compression, true), (report.GetProperty("records").GetInt64(), report.GetProperty("compression").GetString(), report.GetProperty("copiesEqual").GetBoolean()));
        JsonElement joined = report.GetProperty("joined"), dropped = Assert.Single(report.GetProperty("grid").EnumerateArray());
        foreach (JsonElement round in (JsonElement[])[joined, dropped])
        {
            Assert.True(round.GetProperty("seconds").GetDouble() > 0, $"{round}");
            JsonElement primary = round.GetProperty("primary");
            Assert.Equal(64, primary.GetProperty("snapshots").GetInt64());
            Assert.Equal(2000, primary.GetProperty("entries").GetInt64());
            double ratio = primary.GetProperty("wireBytes").GetDouble() / primary.GetProperty("rawBytes").GetDouble();
            Assert.True(ratio >= leastRatio && ratio <= mostRatio, $"{ratio} of the bytes travelled:\n{round}");
        }

        if (redis)
        {
            Assert.True(report.GetProperty("redis").GetProperty("seconds").GetDouble() > 0, $"{report}");
            Assert.True(report.GetProperty("ratio").GetDouble() > 0, $"{report}");
        }
        else
        {
            Assert.False(report.TryGetProperty("redis", out _));
        }
    }

    [Fact]
    public async Task Bench_streams_sends_through_both_providers_and_the_grids_loses_nothing()
    {
        JsonElement report = await RunAsync("bench", "streams", "--seconds", "0.1", "--size", "65536");
        foreach (string provider in (string[])["grid", "memory"])
        {
            JsonElement one = report.GetProperty(provider);
            Assert.Equal(provider, one.GetProperty("provider").GetString());
            Assert.NotEmpty(one.GetProperty("throughputs").EnumerateArray());
            Assert.NotEmpty(one.GetProperty("latencies").EnumerateArray());
        }

        Assert.All(report.GetProperty("grid").GetProperty("throughputs").EnumerateArray(), static item =>
        {
            Assert.True(item.GetProperty("sent").GetInt64() > 0, $"{item}");
            Assert.Equal(item.GetProperty("sent").GetInt64(), item.GetProperty("received").GetInt64());
        });
    }

    [Fact]
    public async Task Bench_local_reads_from_the_silos_own_copies()
    {
        JsonElement results = await RunAsync("bench", "local", "--keys", "1000", "--size", "16", "--threads", "2", "--seconds", "0.1", "--port", TwoPorts().ToString(CultureInfo.InvariantCulture));
        Assert.NotEmpty(results.EnumerateArray());
        Assert.All(results.EnumerateArray(), static result => Assert.True(result.GetProperty("readsPerSecond").GetDouble() > 0, $"{result}"));
        Assert.Contains(results.EnumerateArray(), static result => result.GetProperty("localShare").GetDouble() > 0.5);
    }

    [Fact]
    public async Task Bench_storage_measures_the_engine_alone()
    {
        JsonElement results = await RunAsync("bench", "storage", "--entries", "5000", "--operations", "5000", "--rounds", "1");
        Assert.True(results.GetArrayLength() > 5, $"{results}");
        Assert.Contains(results.EnumerateArray(), static result => result.GetProperty("unit").GetString()!.StartsWith('B') && result.GetProperty("median").GetDouble() > 0);
    }

    [Fact]
    public async Task Bench_makes_every_kind_of_load_on_a_cluster()
    {
        using TemporaryDirectory home = new();
        await using GridProcesses cluster = await GridProcesses.StartAsync(home.Sub("grid"), 1, "--Grid:ShardCount=4", "--Grid:Replicas=0");
        await cluster.UntilAsync("every shard has a primary", Patience, static status => GridProcesses.IsWhole(status, copies: 1));
        JsonElement result = (await cluster.RunAsync("bench", "--mix", "get=30,set=30,cas=10,incr=10,del=10,mget=5,mset=5", "--keys", "500", "--size", "10-200", "--outstanding", "4", "--seconds", "0.5", "--warm-up", "0.1", "--json")).Expect(0).Json;
        Assert.True(result.GetProperty("operations").GetInt64() > 0, $"{result}");
        Assert.True(result.GetProperty("p50Us").GetDouble() <= result.GetProperty("p99Us").GetDouble(), $"{result}");
        Assert.Empty(result.GetProperty("errors").EnumerateObject());
    }

    [Fact]
    public async Task Chaos_measure_hands_a_shard_over_and_loses_nothing()
    {
        JsonElement times = Assert.Single((await RunAsync("chaos", "measure", "--what", "handover", "--runs", "1", "--shards", "4")).EnumerateArray());
        Assert.StartsWith("handover", times.GetProperty("what").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, times.GetProperty("lost").GetInt64());
    }

    /// <summary>The first of two neighbours that nobody uses.</summary>
    private static int TwoPorts()
    {
        int[] ports = Ports.Free(2);
        while (ports[1] != ports[0] + 1)
            ports = [ports[1], Ports.Free(1)[0]];
        return ports[0];
    }

    private static Task<JsonElement> RunAsync(params string[] arguments) => RunToEndAsync([.. arguments, "--json"]);

    private static async Task<JsonElement> RunToEndAsync(string[] arguments)
    {
        using TemporaryDirectory home = new();
        await using ChildProcess bench = ChildProcess.Start(Binary, arguments, home.Sub("bench"));
        int exitCode = await bench.ExitAsync(Patience);
        return new CommandOutcome(exitCode, bench.Output, bench.Errors).Expect(0).Json;
    }
}
