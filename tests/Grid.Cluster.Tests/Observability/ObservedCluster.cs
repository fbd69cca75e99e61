using System.Diagnostics;
using System.Globalization;
using System.Net;
using Grid.Client;
using Grid.Client.Contracts.Operator;
using Grid.Cluster.Tests.Server;
using Grid.Server.Clusters;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Xunit;

namespace Grid.Cluster.Tests.Observability;

/// <summary>
/// Three real silos that a real Prometheus scrapes and that send traces and logs to a receiver, and a client that does both as well; they
/// live through a load, a full sync, a hand-over, a kill -9 and a restart, once for all tests that look at what was seen of it.
/// </summary>
public sealed class ObservedCluster : IAsyncLifetime
{
    /// <summary>The client's own source: its spans are what callers do around their calls.</summary>
    public const string CallerSource = "Grid.Cluster.Tests.Caller";

    private const int Silos = 3;
    private const int Shards = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly ActivitySource Caller = new(CallerSource);

    private readonly TemporaryDirectory _home = new();
    private readonly int[] _ports = Ports.Free((Silos * 3) + 1);
    private readonly List<ChildProcess> _processes = [];
    private TracerProvider? _traces;
    private WebApplication? _web;
    private ClusterConnection? _connection;

    internal OtlpReceiver Receiver { get; } = new();

    internal PrometheusServer Prometheus { get; private set; } = null!;

    /// <summary>When the load began.</summary>
    internal DateTimeOffset Began { get; private set; }

    /// <summary>When everything was over.</summary>
    internal DateTimeOffset Ended { get; private set; }

    /// <summary>The trace of one write.</summary>
    internal string WriteTrace { get; private set; } = "";

    /// <summary>The alert for the silo that is killed, pending or firing. Others may come up for a moment on a busy machine.</summary>
    internal string SiloDownAlert => $"ALERTS{{alertname=\"GridSiloDown\", instance=\"127.0.0.1:{HttpPort(Silos - 1)}\"}}";

    /// <summary>Runs a verb as an operator does whose environment names a collector.</summary>
    internal async Task RunTracedAsync(params string[] arguments)
    {
        await using ChildProcess verb = ChildProcess.Start(GridBinary.Path, [.. arguments, "--gateway", $"127.0.0.1:{_ports[1]}"], _home.Sub("verb"), Collector());
        Assert.True(await verb.ExitAsync(Patience) == 0, verb.Output + verb.Errors);
    }

    public async ValueTask InitializeAsync()
    {
        Assert.True(PrometheusServer.IsInstalled, "These tests need prometheus and promtool: apt-get install prometheus");
        for (int i = 0; i < Silos; i++)
            _processes.Add(StartSilo(i));
        await StartClientAsync();
        await UntilAsync("every shard has a primary and a replica", status => status.Silos.Count == Silos && GridProcesses.IsWhole(status, copies: 2));
        Prometheus = await PrometheusServer.StartAsync(_home.Sub("prometheus"), new Dictionary<string, string[]>
        {
            ["grid"] = [.. Enumerable.Range(0, Silos).Select(i => $"127.0.0.1:{HttpPort(i)}")],
            ["grid-clients"] = [$"127.0.0.1:{_ports[^1]}"],
        });
        await Prometheus.UntilAsync("all silos are scraped", "sum(grid_silo_ready{job=\"grid\"})", value => value == Silos);
        Began = DateTimeOffset.UtcNow;
        await LiveThroughAsync();
        Ended = DateTimeOffset.UtcNow;
        _traces!.ForceFlush();
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
        if (_web is not null)
            await _web.DisposeAsync();
        _traces?.Dispose();
        if (Prometheus is not null)
            await Prometheus.DisposeAsync();
        foreach (ChildProcess process in _processes)
            await process.DisposeAsync();
        Receiver.Dispose();
        _home.Dispose();
    }

    private int HttpPort(int silo) => _ports[(3 * silo) + 2];

    private ChildProcess StartSilo(int i) => ChildProcess.Start(
        GridBinary.Path,
        [
            "serve", "--silo-port", Text(_ports[3 * i]), "--gateway-port", Text(_ports[(3 * i) + 1]), $"--Silo:HttpPort={HttpPort(i)}", "--name", $"silo-{i}",
            "--first", $"127.0.0.1:{_ports[0]}", $"--Grid:ShardCount={Shards}", $"--Grid:BootstrapSilos={Silos}", "--Grid:ReplicaTimeoutMs=1000", "--Grid:Rebalance=false",

            // Copies are missing for longer than a scrape takes to come.
            "--Grid:SyncWindowMs=1500",
        ],
        _home.Sub($"silo-{i}"),
        Collector());

    private Dictionary<string, string> Collector() => new()
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Receiver.Url,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
        ["OTEL_BLRP_SCHEDULE_DELAY"] = "200",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "1000",
    };

    private async Task StartClientAsync()
    {
        _traces = Sdk.CreateTracerProviderBuilder()
            .AddSource(CallerSource)
            .AddGridInstrumentation()
            .SetSampler(new ParentBasedSampler(new CallersSampler()))
            .AddOtlpExporter(otlp =>
            {
                otlp.Endpoint = new Uri(Receiver.Url + "v1/traces");
                otlp.Protocol = OtlpExportProtocol.HttpProtobuf;
                otlp.ExportProcessorType = ExportProcessorType.Simple;
            })
            .Build();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.AddOpenTelemetry().WithMetrics(static metrics => metrics.AddGridInstrumentation().AddPrometheusExporter());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, _ports[^1]));
        _web = builder.Build();
        _web.UseRouting();
        _web.MapPrometheusScrapingEndpoint();
        await _web.StartAsync();
        _connection = await ClusterConnection.OpenAsync(
            new ConnectPlan
            {
                ClusterId = "grid",
                ServiceId = "grid",
                Gateways = [new IPEndPoint(IPAddress.Loopback, _ports[1])],
                StoreConnection = "",
                Timeout = Patience,
                Verbose = false,
            },
            TestContext.Current.CancellationToken);
    }

    /// <summary>What the tests then look for.</summary>
    private async Task LiveThroughAsync()
    {
        using CancellationTokenSource over = new();
        Task load = LoadAsync(over.Token);

        // The client's first batches go as plain calls, until it has found the silos' fronts.
        await Prometheus.UntilAsync("the client sends bundles", "sum(grid_front_bundles_total{job=\"grid\"})", static value => value > 100);
        using (Activity caller = Caller.StartActivity("caller")!)
        {
            WriteTrace = caller.TraceId.ToHexString();
            await _connection!.Grid.GetKeyspace("observed").SetAsync("traced"u8.ToArray(), new byte[100]);
        }

        await SecondsAsync(3);
        ClusterStatus status = await StatusAsync();
        foreach (ShardStatus shard in status.Shards)
        {
            string replica = shard.InSync.First(silo => silo != shard.Primary);
            Assert.Null((await _connection.Operator.DropReplicaAsync(shard.Shard, replica)));
        }

        await UntilAsync("the dropped replicas are back", now => GridProcesses.IsWhole(now, copies: 2));

        // The last one: the first silo has the records. It has primaries in any case, and its loss is a failover: one comes from elsewhere, or one of all goes.
        string victim = status.Silos.Single(silo => silo.Name == $"silo-{Silos - 1}").Address;
        ShardStatus moved = status.Shards.FirstOrDefault(shard => shard.Primary != victim) ?? status.Shards[0];
        await UntilMovedAsync(moved.Shard, moved.Primary != victim ? victim : moved.InSync.First(silo => silo != victim));
        _processes[Silos - 1].Kill();
        await UntilAsync("its shards are taken over", now => now.Silos.Count == Silos - 1 && GridProcesses.IsWhole(now, copies: 2) && now.Shards.All(shard => shard.Primary != victim));
        await Prometheus.UntilAsync("the loss of the silo is noticed", $"count({SiloDownAlert})", static value => value == 1);
        _processes.Add(StartSilo(Silos - 1));
        await Prometheus.UntilAsync("the silo that came back is noticed", $"count({SiloDownAlert}) or vector(0)", static value => value == 0);
        await SecondsAsync(3);
        await over.CancelAsync();
        await load;
    }

    /// <summary>Hits, misses, entries that expire, many at once; errors of the moments in which a silo dies are the load's own business.</summary>
    private async Task LoadAsync(CancellationToken over)
    {
        IKeyspace keyspace = _connection!.Grid.GetKeyspace("observed");
        byte[] value = new byte[200];
        for (int i = 0; !over.IsCancellationRequested; i++)
        {
            try
            {
                byte[] key = BitConverter.GetBytes(i % 2000);
                await keyspace.SetAsync(key, value, i % 10 == 0 ? SetOptions.ExpireAfter(TimeSpan.FromMilliseconds(500)) : default, cancellationToken: CancellationToken.None);
                await Task.WhenAll(Enumerable.Range(0, 8).Select(n => keyspace.GetAsync(BitConverter.GetBytes((i + n) % 2500)).AsTask()));
                await keyspace.DeleteAsync(BitConverter.GetBytes((i % 2000) + 1_000_000), cancellationToken: CancellationToken.None);
            }
            catch (GridException)
            {
                // Told by the metrics.
            }
        }
    }

    private async Task UntilMovedAsync(int shard, string target)
    {
        MoveProgress progress;
        while (!(progress = await _connection!.Operator.MoveShardAsync(shard, target)).Done)
        {
            Assert.True(progress.Problem is null, progress.Problem);
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        await UntilAsync("the shard has moved", status => status.Shards[shard].Primary == target);
        await Prometheus.UntilAsync("the hand-over is told of", "sum(grid_hand_over_duration_seconds_count)", static value => value >= 1);
    }

    private Task<ClusterStatus> StatusAsync() => _connection!.Operator.GetStatusAsync();

    private async Task UntilAsync(string what, Func<ClusterStatus, bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition(await StatusAsync()))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"After {Patience.TotalSeconds} s it is still not so that {what}.\n{string.Join("\n", _processes.Select(static process => process.Output))}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Scrapes come every second: rates need two of them.</summary>
    private static Task SecondsAsync(int seconds) => Task.Delay(TimeSpan.FromSeconds(seconds), TestContext.Current.CancellationToken);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Only what a caller has begun is traced: not the load.</summary>
    private sealed class CallersSampler : Sampler
    {
        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) =>
            new(samplingParameters.Name == "caller" ? SamplingDecision.RecordAndSample : SamplingDecision.Drop);
    }
}
