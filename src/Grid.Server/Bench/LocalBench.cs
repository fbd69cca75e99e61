using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Text;
using Grid.Client;
using Grid.Client.Contracts.Operator;
using Grid.Silo;
using Grid.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Grid.Server.Bench;

/// <summary>What to measure.</summary>
public sealed record LocalBenchOptions
{
    /// <summary>Number of keys. Default 200,000; 1,000 to 100,000,000.</summary>
    public int Keys { get; init; } = 200_000;

    /// <summary>Bytes of a value. Default 100; 0 to 1 MiB.</summary>
    public int ValueBytes { get; init; } = 100;

    /// <summary>Threads that read. Default 1; 1 to 256.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>How long each kind of read is measured. Default 3 s; 100 ms to 1 hour.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Ports of the two silos on the loopback interface: this one and the next. Default 11181.</summary>
    public int Port { get; init; } = 11_181;
}

/// <summary>What one kind of read reached.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="ReadsPerSecond">Keys read per second, all threads together.</param>
/// <param name="AllocatedBytesPerRead">Bytes that the process allocated per key.</param>
/// <param name="LocalShare">Share of the reads that a copy on this silo answered.</param>
public sealed record LocalBenchResult(string Kind, double ReadsPerSecond, double AllocatedBytesPerRead, double LocalShare);

/// <summary>
/// Measures <see cref="ReadMode.Local"/> from the caller's process: two silos in this process, each with the primaries of half the shards
/// and the replicas of the other half; the callers use the first one's <see cref="IGrid"/>.
/// </summary>
public static class LocalBench
{
    private const int ManyKeys = 100;
    private const int WrittenAtOnce = 1000;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    /// <summary>Runs every kind of read.</summary>
    public static async Task<IReadOnlyList<LocalBenchResult>> RunAsync(LocalBenchOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        using IHost first = Build(options.Port, options.Port);
        using IHost second = Build(options.Port + 1, options.Port);
        await first.StartAsync(cancellation);
        await second.StartAsync(cancellation);
        try
        {
            await WaitUntilWholeAsync(first.Services.GetRequiredService<IGrainFactory>(), cancellation);
            return await MeasureAsync(first.Services, options, cancellation);
        }
        finally
        {
            await second.StopAsync(CancellationToken.None);
            await first.StopAsync(CancellationToken.None);
        }
    }

    private static async Task<IReadOnlyList<LocalBenchResult>> MeasureAsync(IServiceProvider silo, LocalBenchOptions options, CancellationToken cancellation)
    {
        IGrid grid = silo.GetRequiredService<IGrid>();
        LocalReadCounters counters = silo.GetRequiredService<LocalReadCounters>();
        IKeyspace keyspace = grid.GetKeyspace("bench", new KeyspaceOptions { ReadMode = ReadMode.Local });
        IKeyspace<int, string> typed = grid.GetKeyspace<int, string>("typed", new KeyspaceOptions { ReadMode = ReadMode.Local });
        ReadOnlyMemory<byte>[] keys = [.. Enumerable.Range(0, options.Keys).Select(static i => (ReadOnlyMemory<byte>)Encoding.ASCII.GetBytes($"key:{i:D10}"))];
        byte[] value = new byte[options.ValueBytes];
        for (int i = 0; i < keys.Length; i += WrittenAtOnce)
        {
            KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>[] entries =
                [.. keys.Skip(i).Take(WrittenAtOnce).Select(key => KeyValuePair.Create<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>(key, value))];
            await keyspace.SetManyAsync(entries, cancellationToken: cancellation);
        }

        for (int i = 0; i < WrittenAtOnce; i++)
            await typed.SetAsync(i, "a value of a typed keyspace", cancellationToken: cancellation);
        await Task.Delay(TimeSpan.FromSeconds(2), cancellation);

        List<LocalBenchResult> results = [];
        results.Add(await RunAsync("get", 1, async random => await keyspace.GetAsync(keys[random.Next(keys.Length)].Span)));
        results.Add(await RunAsync("get into a writer", 1, async random =>
        {
            ArrayBufferWriter<byte> writer = Writer();
            await keyspace.GetAsync(keys[random.Next(keys.Length)].Span, writer);
        }));
        results.Add(await RunAsync("exists", 1, async random => await keyspace.ExistsAsync(keys[random.Next(keys.Length)].Span)));
        results.Add(await RunAsync("get, typed", 1, async random => await typed.GetAsync(random.Next(WrittenAtOnce))));
        results.Add(await RunAsync("get-many of 100", ManyKeys, async random => await keyspace.GetManyAsync(keys.AsSpan(random.Next(keys.Length - ManyKeys), ManyKeys))));
        return results;

        Task<LocalBenchResult> RunAsync(string kind, int keysPerCall, Func<Random, ValueTask> call) =>
            MeasureKindAsync(kind, keysPerCall, call, counters, options, cancellation);
    }

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _writer;

    private static ArrayBufferWriter<byte> Writer()
    {
        ArrayBufferWriter<byte> writer = _writer ??= new(1024);
        writer.ResetWrittenCount();
        return writer;
    }

    private static async Task<LocalBenchResult> MeasureKindAsync(
        string kind, int keysPerCall, Func<Random, ValueTask> call, LocalReadCounters counters, LocalBenchOptions options, CancellationToken cancellation)
    {
        await CallAsync(options.Threads, options.Duration / 2, call, cancellation);
        long allocated = GC.GetTotalAllocatedBytes();
        long answered = counters.Of(LocalReadOutcome.Answered);
        Stopwatch watch = Stopwatch.StartNew();
        long reads = keysPerCall * await CallAsync(options.Threads, options.Duration, call, cancellation);
        double seconds = watch.Elapsed.TotalSeconds;
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        answered = counters.Of(LocalReadOutcome.Answered) - answered;
        return new LocalBenchResult(kind, reads / seconds, (double)allocated / reads, (double)answered / reads);
    }

    private static async Task<long> CallAsync(int threads, TimeSpan duration, Func<Random, ValueTask> call, CancellationToken cancellation)
    {
        long end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        Task<long>[] all = [.. Enumerable.Range(0, threads).Select(seed => Task.Run(
            async () =>
            {
                Random random = new(seed);
                long calls = 0;
                while (calls % 64 != 0 || Stopwatch.GetTimestamp() < end)
                {
                    await call(random);
                    calls++;
                }

                return calls;
            },
            cancellation))];
        return (await Task.WhenAll(all)).Sum();
    }

    private static async Task WaitUntilWholeAsync(IGrainFactory grains, CancellationToken cancellation)
    {
        IGridOperatorGrain status = grains.GetGrain<IGridOperatorGrain>(0);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(StartLimit);
        while (!(await status.GetStatusAsync()).Shards.All(static shard => shard.InSync.Count == 2))
            await Task.Delay(200, limit.Token);
    }

    private static IHost Build(int port, int primaryPort) => Host.CreateDefaultBuilder()
        .ConfigureLogging(static log => log.ClearProviders().SetMinimumLevel(LogLevel.Critical).AddConsole(static console => console.LogToStandardErrorThreshold = LogLevel.Trace))
        .UseOrleans(silo =>
        {
            IPEndPoint primary = new(IPAddress.Loopback, primaryPort);
            silo.UseLocalhostClustering(port, gatewayPort: 0, primary, serviceId: "grid-bench", clusterId: "grid-bench");
            silo.Configure<EndpointOptions>(static endpoint => endpoint.GatewayPort = 0);
            silo.AddGridDevelopmentStorage(primary);
            silo.AddGrid(static grid =>
            {
                grid.BootstrapSilos = 2;
                grid.Rebalance = false;
                grid.DrainMs = 0;
            });
        })
        .Build();
}
