using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Grid.Server.Bench;
using Grid.Server.Chaos.Network;

namespace Grid.Server.Chaos.Processes;

/// <summary>The redis-server and the silos of a run, each a process in a namespace of its own.</summary>
internal sealed class ChaosCluster : IAsyncDisposable
{
    /// <summary>Port of the redis-server.</summary>
    public const int StorePort = 6379;

    private const int SiloPort = 11111;
    private const int GatewayPort = 30000;
    private static readonly TimeSpan StoreTime = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan RestartPause = TimeSpan.FromSeconds(1);

    private readonly ChaosNetwork _network;
    private readonly ChaosOptions _options;
    private readonly ChaosProcess _store;
    private readonly ChaosProcess?[] _silos;

    private ChaosCluster(ChaosNetwork network, ChaosOptions options, ChaosProcess store)
    {
        _network = network;
        _options = options;
        _store = store;
        _silos = new ChaosProcess?[network.Silos];
    }

    /// <summary>How clients and silos find the redis-server.</summary>
    public static string StoreConnection { get; } = string.Create(CultureInfo.InvariantCulture, $"{ChaosNetwork.StoreAddress}:{StorePort},connectTimeout=2000,asyncTimeout=2000,connectRetry=1");

    /// <summary>How many silos there are.</summary>
    public int Count => _silos.Length;

    /// <summary>Starts the redis-server, then the silos.</summary>
    public static async Task<ChaosCluster> StartAsync(ChaosNetwork network, ChaosOptions options, CancellationToken cancellation)
    {
        string data = Path.Combine(options.Folder, "redis");
        if (Directory.Exists(data))
            Directory.Delete(data, recursive: true);
        Directory.CreateDirectory(data);
        ChaosProcess store = ChaosProcess.Start(
            [
                .. network.WithinStore, "redis-server", "--port", StorePort.ToString(CultureInfo.InvariantCulture), "--bind", ChaosNetwork.StoreAddress.ToString(),
                "--protected-mode", "no", "--dir", data, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
            ],
            data,
            Path.Combine(options.Folder, "redis.log"),
            ready: "Ready to accept connections");
        ChaosCluster cluster = new(network, options, store);
        try
        {
            await cluster.WaitForStoreAsync(cancellation);

            // One after the other: where processors are few, silos that start side by side take each other's time until they are given up for dead.
            for (int silo = 0; silo < network.Silos; silo++)
            {
                cluster.StartSilo(silo);
                await cluster._silos[silo]!.UntilReadyAsync(StartTime, cancellation);
            }

            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The process of a silo; null while it has none, or when it has ended.</summary>
    public ChaosProcess? Silo(int silo) => _silos[silo] is { HasExited: false } running ? running : null;

    /// <summary>The silos whose process has ended.</summary>
    public IReadOnlyList<int> Down => [.. Enumerable.Range(0, Count).Where(silo => Silo(silo) is null)];

    /// <summary>The name of a silo.</summary>
    public static string NameOf(int silo) => string.Create(CultureInfo.InvariantCulture, $"silo-{silo}");

    /// <summary>Starts a silo that has no process.</summary>
    public void StartSilo(int silo)
    {
        ChaosProcess? old = _silos[silo];
        if (old is { HasExited: false })
            return;
        _silos[silo] = ChaosProcess.Start([.. _network.WithinSilo(silo), .. BenchProcess.OwnCommand(), "serve", .. Settings(silo)], _options.Folder, LogOf(silo), ready: " is up: ");
        if (old is not null)
            _ = old.DisposeAsync().AsTask();
    }

    /// <summary>
    /// Waits until every shard has all its wanted copies in sync, and starts silos that end meanwhile: one that was given up, in a fault or because the
    /// machine is too busy for it, finds that out and ends, as it should.
    /// </summary>
    /// <param name="observer">Looks.</param>
    /// <param name="limit">How long.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Null once it is so; otherwise what is missing.</returns>
    public async Task<string?> UntilWholeAsync(ClusterObserver observer, TimeSpan limit, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            if (Down is [int first, ..])
                StartSilo(first);
            string? missing = await observer.UntilWholeAsync(Count, RestartPause, cancellation);
            if (missing is null || Stopwatch.GetElapsedTime(began) > limit)
                return missing;
        }
    }

    /// <summary>Writes a line into the logs of all silos, so that each tells when something was done.</summary>
    public void Mark(string line)
    {
        foreach (ChaosProcess? silo in _silos)
        {
            if (silo is { HasExited: false })
                silo.Write(string.Create(CultureInfo.InvariantCulture, $"{DateTimeOffset.Now:HH:mm:ss.fff} ==== chaos: {line}"));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ChaosProcess? silo in _silos)
        {
            if (silo is not null)
                await silo.DisposeAsync();
        }

        await _store.DisposeAsync();
    }

    private string LogOf(int silo) => Path.Combine(_options.Folder, NameOf(silo) + ".log");

    private string[] Settings(int silo) =>
    [
        "--set", "Clustering:Provider=Redis",
        "--set", $"Clustering:ConnectionString={StoreConnection}",
        "--set", "Silo:ClusterId=grid-chaos",
        "--set", "Silo:ServiceId=grid-chaos",
        "--set", $"Silo:Name={NameOf(silo)}",
        "--set", $"Silo:Address={ChaosNetwork.AddressOf(silo)}",
        "--set", string.Create(CultureInfo.InvariantCulture, $"Silo:SiloPort={SiloPort}"),
        "--set", string.Create(CultureInfo.InvariantCulture, $"Silo:GatewayPort={GatewayPort}"),
        "--set", string.Create(CultureInfo.InvariantCulture, $"Grid:ShardCount={_options.Shards}"),
        "--set", string.Create(CultureInfo.InvariantCulture, $"Grid:BootstrapSilos={Count}"),
        "--set", "Grid:Replicas=2",
        "--set", "Grid:MinInSync=1",
        .. _options.Settings.SelectMany(static setting => (string[])["--set", setting]),
    ];

    private async Task WaitForStoreAsync(CancellationToken cancellation)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(StoreTime);
        while (true)
        {
            try
            {
                using TcpClient probe = new();
                await probe.ConnectAsync(ChaosNetwork.StoreAddress, StorePort, limit.Token);
                return;
            }
            catch (SocketException) when (!_store.HasExited)
            {
                await Task.Delay(Pause, limit.Token);
            }
            catch (Exception failure) when (!cancellation.IsCancellationRequested)
            {
                throw new CommandException(ExitCode.Failed, $"redis-server does not answer; see {Path.Combine(_options.Folder, "redis.log")} (Debian: apt-get install redis-server).", failure);
            }
        }
    }
}
