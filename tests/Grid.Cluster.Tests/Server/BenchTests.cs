using System.Globalization;
using System.Text;
using System.Text.Json;
using Grid.Client;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>Every verb that measures, once and in small, with the binary itself: that it runs to its end and answers what can be.</summary>
[Collection(Processes.Name)]
public sealed class BenchTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>What the storage bench measures by the clock, in its order.</summary>
    private static readonly string[] StorageRates =
    [
        "set, new keys (growth included)",
        "get, random",
        "set, random overwrite",
        "get, key that is not there",
        "get, random, batches of 32",
        "set, random overwrite, batches of 32",
        "get by another thread's way, random",
        "snapshot scan, beside writes",
        "set, beside a snapshot",
        "set, sizes changing at random",
        "set, all values going to half the size",
        "set, all values going to one and a half times the size",
        "load in hash order",
    ];

    [Theory]
    [InlineData("Lz4", 0.3, 0.7)]
    [InlineData("None", 1.0, 1.1)]
    public async Task Bench_sync_brings_a_replica_up_and_tells_what_travelled(string compression, double leastRatio, double mostRatio)
    {
        bool redis = compression == "Lz4" && RedisServer.IsInstalled;
        JsonElement report = await RunAsync(["bench", "sync", "--data", "J", "--scale", "0.002", "--rounds", "1", "--before", "0.2", "--foreground", "200", "--compression", compression, .. redis ? [] : (string[])["--no-redis"]]);
        Assert.Equal((2000, compression, true), (report.GetProperty("records").GetInt64(), report.GetProperty("compression").GetString(), report.GetProperty("copiesEqual").GetBoolean()));
        long dataBytes = report.GetProperty("dataBytes").GetInt64();
        Assert.InRange(dataBytes, 1_500_000, 3_000_000);
        Positive(report, "loadSeconds");
        JsonElement joined = report.GetProperty("joined"), dropped = Assert.Single(report.GetProperty("grid").EnumerateArray());
        foreach (JsonElement round in (JsonElement[])[joined, dropped])
        {
            Positive(round, "seconds");
            JsonElement before = round.GetProperty("before"), primary = round.GetProperty("primary");
            foreach (string measured in (string[])["writes", "perSecond", "p50Ms"])
                Positive(before, measured);
            Rise(before, "p50Ms", "p99Ms", "maxMs");
            Assert.Equal((0, 0), (before.GetProperty("failed").GetInt64(), round.GetProperty("during").GetProperty("failed").GetInt64()));
            foreach (JsonElement silo in (JsonElement[])[primary, round.GetProperty("replica")])
            {
                Positive(silo, "cpuMs");
                Positive(silo, "residentPeakBytes");
            }

            Assert.Equal(64, primary.GetProperty("snapshots").GetInt64());
            Assert.Equal(2000, primary.GetProperty("entries").GetInt64());
            Assert.InRange(primary.GetProperty("rawBytes").GetInt64(), dataBytes, 2 * dataBytes);
            double ratio = primary.GetProperty("wireBytes").GetDouble() / primary.GetProperty("rawBytes").GetDouble();
            Assert.True(ratio >= leastRatio && ratio <= mostRatio, $"{ratio} of the bytes travelled:\n{round}");
        }

        if (redis)
        {
            Assert.Equal(Positive(dropped, "seconds") / Positive(report.GetProperty("redis"), "seconds"), Positive(report, "ratio"), tolerance: 0.001);
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
            JsonElement[] throughputs = [.. one.GetProperty("throughputs").EnumerateArray()], latencies = [.. one.GetProperty("latencies").EnumerateArray()];
            Assert.Equal([65_536, 100], throughputs.Select(static item => item.GetProperty("itemBytes").GetInt32()));
            Assert.All(throughputs, static item =>
            {
                foreach (string measured in (string[])["sent", "received", "seconds", "itemsPerSecond", "megabytesPerSecond"])
                    Positive(item, measured);
            });
            Assert.Equal([200, 5000], latencies.Select(static rate => rate.GetProperty("itemsPerSecond").GetInt32()));
            Assert.All(latencies, static rate =>
            {
                Positive(rate, "samples");
                Positive(rate, "p50Ms");
                Rise(rate, "p50Ms", "p99Ms");
            });
        }

        Assert.All(
            report.GetProperty("grid").GetProperty("throughputs").EnumerateArray(),
            static item => Assert.Equal(item.GetProperty("sent").GetInt64(), item.GetProperty("received").GetInt64()));
    }

    [Fact]
    public async Task Bench_local_reads_from_the_silos_own_copies()
    {
        JsonElement results = await RunAsync("bench", "local", "--keys", "1000", "--size", "16", "--threads", "2", "--seconds", "0.1", "--port", TwoPorts().ToString(CultureInfo.InvariantCulture));
        Assert.Equal(["get", "get into a writer", "exists", "get, typed", "get-many of 100"], results.EnumerateArray().Select(static result => result.GetProperty("kind").GetString()));
        Assert.All(results.EnumerateArray(), static result =>
        {
            Positive(result, "readsPerSecond");
            Assert.InRange(Positive(result, "localShare"), 0, 1);
        });
        Assert.Contains(results.EnumerateArray(), static result => result.GetProperty("localShare").GetDouble() > 0.5);
    }

    [Fact]
    public async Task Bench_storage_measures_the_engine_alone()
    {
        JsonElement results = await RunAsync("bench", "storage", "--entries", "5000", "--operations", "5000", "--rounds", "1");
        Assert.Equal(StorageRates, Named("M/s").Select(static rate => rate.GetProperty("name").GetString()));
        Assert.All(Named("M/s"), static rate =>
        {
            Positive(rate, "median");
            Rise(rate, "median", "best");
        });
        Assert.All(Named("B").Where(static size => !size.GetProperty("name").GetString()!.EndsWith("process", StringComparison.Ordinal)), static size => Positive(size, "median"));
        Assert.Equal(12, Named("B").Count());

        // What processor time and interruptions came to may be nothing at all in so short a run.
        IEnumerable<JsonElement> Named(string unit) =>
            results.EnumerateArray().Where(result => result.GetProperty("unit").GetString() == unit && !result.GetProperty("name").GetString()!.StartsWith(' '));
    }

    [Fact]
    public async Task Bench_makes_every_kind_of_load_on_a_cluster()
    {
        using TemporaryDirectory home = new();
        await using GridProcesses cluster = await GridProcesses.StartAsync(home.Sub("grid"), 1, "--Grid:ShardCount=4", "--Grid:Replicas=0");
        await cluster.UntilAsync("every shard has a primary", Patience, static status => GridProcesses.IsWhole(status, copies: 1));
        string[] bench = ["bench", "--mix", "get=30,set=30,cas=10,incr=10,del=10,mget=5,mset=5", "--keys", "500", "--size", "10-200", "--outstanding", "4", "--seconds", "0.5", "--warm-up", "0.1"];
        JsonElement result = (await cluster.RunAsync([.. bench, "--json"])).Expect(0).Json;
        Assert.InRange(Positive(result, "seconds"), 0.45, 60);
        Assert.Equal(Positive(result, "operations") / Positive(result, "seconds"), Positive(result, "operationsPerSecond"), tolerance: 1);
        Positive(result, "preloadSeconds");
        Rise(result, "calls", "operations");
        Positive(result, "p50Us");
        Rise(result, "p50Us", "p99Us", "p999Us", "maxUs");
        Assert.Empty(result.GetProperty("errors").EnumerateObject());

        // The load was made, and more than one kind of it.
        IKeyspace keyspace = cluster.Grid.GetKeyspace("bench");
        ReadOnlyMemory<byte>[] counters = [.. Enumerable.Range(0, 1000).Select(static i => (ReadOnlyMemory<byte>)Encoding.ASCII.GetBytes($"counter:{i}"))];
        Assert.Contains(await keyspace.GetManyAsync(counters, cancellationToken: TestContext.Current.CancellationToken), static value => value is not null);
        Assert.NotEqual(0, (await keyspace.GetStatisticsAsync(cancellationToken: TestContext.Current.CancellationToken)).Entries);

        string shown = (await cluster.RunAsync([.. bench, "--no-preload"])).Expect(0).Output;
        Assert.Matches(@"operations/s +[1-9][\s\S]+ p50 +[0-9.,]+ us[\s\S]+ longest +[0-9.,]+ us", shown);
    }

    [Fact]
    public async Task Chaos_measure_hands_a_shard_over_and_loses_nothing()
    {
        JsonElement times = Assert.Single((await RunAsync("chaos", "measure", "--what", "handover", "--runs", "1", "--shards", "4")).EnumerateArray());
        Assert.StartsWith("handover", times.GetProperty("what").GetString(), StringComparison.Ordinal);
        Positive(times, "everyKeyWritableMs");
        Positive(times, "longestMs");
        Assert.Empty(times.GetProperty("failures").EnumerateArray());
        Assert.Equal((0, 0), (times.GetProperty("failed").GetInt64(), times.GetProperty("lost").GetInt64()));
    }

    /// <summary>A number that was measured: neither nothing nor what comes of dividing by nothing.</summary>
    private static double Positive(JsonElement of, string name)
    {
        JsonElement value = of.GetProperty(name);
        Assert.True(value.ValueKind == JsonValueKind.Number && value.GetDouble() > 0, $"{name} is {value} in {of}");
        return value.GetDouble();
    }

    /// <summary>None is less than the one before it.</summary>
    private static void Rise(JsonElement of, params string[] names)
    {
        foreach ((string less, string more) in names.Zip(names.Skip(1)))
            Assert.True(of.GetProperty(less).GetDouble() <= of.GetProperty(more).GetDouble(), $"{less} is more than {more} in {of}");
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
        string temporary = home.Sub("tmp");
        await using ChildProcess bench = ChildProcess.Start(GridBinary.Path, arguments, home.Sub("bench"), new Dictionary<string, string> { ["TMPDIR"] = temporary });
        int exitCode = await bench.ExitAsync(Patience);
        CommandOutcome outcome = new CommandOutcome(exitCode, bench.Output, bench.Errors).Expect(0);
        Assert.Empty(Directory.EnumerateDirectories(temporary, "grid-chaos-*"));
        return outcome.Json;
    }
}
