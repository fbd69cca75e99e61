using System.Diagnostics;
using System.Net;
using Grid.Client;
using Grid.Client.Contracts.Operator;
using Grid.Cluster.Tests.Server;
using Grid.Server;
using Grid.Server.Clusters;
using Grid.Server.Configuration;
using Xunit;

namespace Grid.Cluster.Tests.Deploy;

/// <summary>Silos that run with exactly what the manifests give them.</summary>
[Collection(Processes.Name)]
public sealed class ManifestStartTests
{
    private const int Keys = 200;

    [Theory]
    [InlineData("overlays/development", "grid-redis:6379")]
    [InlineData("overlays/production", "redis.example.com:6380,ssl=true,password=secret")]
    [InlineData("base", "redis:6379")]
    public async Task What_a_pod_is_given_is_in_order(string overlay, string connection)
    {
        using TemporaryDirectory home = new();
        Kustomized built = await Kustomized.BuildAsync(overlay);
        ManifestSilo pods = new(built, home.Sub("pods"), connection);
        pods.Mount();
        Dictionary<string, string> labels = new() { ["topology.kubernetes.io/zone"] = "zone-b" };
        await using ChildProcess check = pods.Run(1, labels, ["config", "check", .. built.Container.Args.Skip(1)]);
        int code = await check.ExitAsync(TimeSpan.FromMinutes(1));
        Assert.True(code == ExitCode.Done, check.Errors);

        await using ChildProcess show = pods.Run(1, labels, ["config", "show", .. built.Container.Args.Skip(1), "--json"]);
        CommandOutcome shown = new CommandOutcome(await show.ExitAsync(TimeSpan.FromMinutes(1)), show.Output, show.Errors).Expect(0);
        Dictionary<string, string?> values = shown.Json.EnumerateArray().ToDictionary(one => one.GetProperty("key").GetString()!, one => one.GetProperty("value").GetString());
        Assert.Equal(("grid-1", ManifestSilo.Address(1), "zone-b"), (values["Silo:Name"], values["Silo:Address"], values["Silo:Zone"]));
        Assert.Contains(connection.Split(',')[0], values["Clustering:ConnectionString"]);
        Assert.DoesNotContain("secret", shown.Output);
    }

    [Fact]
    public async Task Pods_get_ready_and_one_that_is_told_to_stop_drains_within_its_grace_under_load()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, "redis-server is not installed.");
        using TemporaryDirectory home = new();
        await using RedisServer redis = await RedisServer.StartAsync(home.Sub("redis"));
        Kustomized built = await Kustomized.BuildAsync("overlays/development");
        ManifestSilo pods = new(built, home.Sub("pods"), $"127.0.0.1:{redis.Port}");
        pods.Mount();
        await using ChildProcess first = pods.Start(0);
        await using ChildProcess second = pods.Start(1, new Dictionary<string, string> { ["topology.kubernetes.io/zone"] = "zone-b" });
        foreach ((ChildProcess pod, int ordinal) in new[] { (first, 0), (second, 1) })
        {
            await ManifestSilo.UntilAsync(pods.UrlOf(built.Container.StartupProbe, ordinal), HttpStatusCode.OK, pod);
            await ManifestSilo.UntilAsync(pods.UrlOf(built.Container.ReadinessProbe, ordinal), HttpStatusCode.OK, pod);
            await ManifestSilo.UntilAsync(pods.UrlOf(built.Container.LivenessProbe, ordinal), HttpStatusCode.OK, pod);
        }

        // What the pod's annotations tell Prometheus is there.
        string scrape = $"http://{ManifestSilo.Address(0)}:{built.Pod.Metadata.Annotations["prometheus.io/port"]}{built.Pod.Metadata.Annotations["prometheus.io/path"]}";
        await ManifestSilo.UntilAsync(scrape, HttpStatusCode.OK, first);

        await using ClusterConnection cluster = await ClusterConnection.OpenAsync(Plan($"127.0.0.1:{redis.Port}"), TestContext.Current.CancellationToken);
        ClusterStatus status = await WholeAsync(cluster, built.Number("Grid", "Replicas") + 1);
        Assert.Equal(["", "zone-b"], status.Silos.OrderBy(silo => silo.Name).Select(silo => silo.Zone));

        // The doctor in a pod of the same kind: Redis here keeps nothing, which it has to find, and nothing is an error.
        await using ChildProcess doctor = pods.Run(2, null, ["doctor", .. built.Container.Args.Skip(1), "--json"]);
        CommandOutcome found = new CommandOutcome(await doctor.ExitAsync(TimeSpan.FromMinutes(1)), doctor.Output, doctor.Errors).Expect(ExitCode.No);
        string[] checks = [.. found.Json.GetProperty("findings").EnumerateArray().Select(finding => finding.GetProperty("check").GetString()!)];
        Assert.Equal(0, found.Json.GetProperty("errors").GetInt32());
        Assert.Contains("store.durability", checks);
        Assert.Contains("zones.unnamed", checks);
        Assert.DoesNotContain("cluster.unreachable", checks);

        using CancellationTokenSource enough = new();
        Task<long[]> load = WriteAsync(cluster.Grid, enough.Token);
        await Until.TrueAsync("writes go on", () => Volatile.Read(ref _written) > 4 * Keys);
        long began = Stopwatch.GetTimestamp();
        second.Terminate();
        Assert.Equal(0, await second.ExitAsync(TimeSpan.FromSeconds(built.GraceSeconds - built.PreStopSeconds)));
        long untilThen = Volatile.Read(ref _written);
        await Until.TrueAsync("writes go on without it", () => Volatile.Read(ref _written) > untilThen + (4 * Keys));
        await enough.CancelAsync();
        long[] acknowledged = await load;
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(built.GraceSeconds));

        IKeyspace keys = cluster.Grid.GetKeyspace("load");
        for (int key = 0; key < Keys; key++)
            Assert.Equal(acknowledged[key], BitConverter.ToInt64(await keys.GetAsync(BitConverter.GetBytes(key), cancellationToken: TestContext.Current.CancellationToken)));
    }

    private long _written;

    /// <summary>Writes growing numbers to every key; a write that fails fails the test.</summary>
    private async Task<long[]> WriteAsync(IGrid grid, CancellationToken enough)
    {
        IKeyspace keys = grid.GetKeyspace("load");
        long[] acknowledged = new long[Keys];
        await Task.WhenAll(Enumerable.Range(0, Keys).Select(async key =>
        {
            while (!enough.IsCancellationRequested)
            {
                await keys.SetAsync(BitConverter.GetBytes(key), BitConverter.GetBytes(acknowledged[key] + 1));
                acknowledged[key]++;
                Interlocked.Increment(ref _written);
            }
        }));
        return acknowledged;
    }

    private static async Task<ClusterStatus> WholeAsync(ClusterConnection cluster, int copies)
    {
        ClusterStatus? status = null;
        long start = Stopwatch.GetTimestamp();
        while (status is null || !GridProcesses.IsWhole(status, copies))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Until.Limit, "The cluster does not get whole.");
            await Task.Delay(50, TestContext.Current.CancellationToken);
            status = await cluster.Operator.GetStatusAsync();
        }

        return status;
    }

    private static ConnectPlan Plan(string store) => new()
    {
        ClusterId = "grid",
        ServiceId = "grid",
        Gateways = [],
        Provider = ClusteringProvider.Redis,
        StoreConnection = store,
        Timeout = TimeSpan.FromSeconds(60),
        Verbose = false,
    };
}
