using System.Diagnostics;
using System.Net;
using Grid.Client;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Digests;

namespace Grid.Server.Bench.Sync;

/// <summary>
/// Full sync between two silo processes: all primaries on the one, which holds the data; the other joins empty, and all its replicas
/// are brought up while writes go on.
/// </summary>
internal sealed class SyncBench
{
    /// <summary>How long to wait before the status is asked for again.</summary>
    public static readonly TimeSpan StatusPause = TimeSpan.FromMilliseconds(10);

    /// <summary>How long a sync may take.</summary>
    public static readonly TimeSpan SyncLimit = TimeSpan.FromMinutes(5);

    private const string Keyspace = "bench";
    private const int LoadTasks = 8;
    private const int LoadManyBytes = 64 << 10;
    private static readonly TimeSpan CallTime = TimeSpan.FromSeconds(30);

    private readonly SyncBenchOptions _options;
    private readonly int[] _ports;
    private readonly Action<string> _progress;
    private long _dataBytes;
    private int _siloStarts;

    /// <summary>Prepares a run.</summary>
    /// <param name="options">What to measure.</param>
    /// <param name="ports">Six free ports: of the two silos and the two redis-servers.</param>
    /// <param name="progress">Gets a line now and then.</param>
    public SyncBench(SyncBenchOptions options, int[] ports, Action<string> progress)
    {
        _options = options;
        _ports = ports;
        _progress = progress;
    }

    /// <summary>Runs everything, one after the other. All processes are ended in any case.</summary>
    public async Task<SyncBenchReport> RunAsync(string link, CancellationToken cancellation)
    {
        SyncRound joined;
        List<SyncRound> rounds = [];
        double loadSeconds;
        bool equal;
        await using (BenchProcess primary = await StartSiloAsync("primary", _options.Address, _ports[0], _ports[1], [], cancellation))
        await using (ClusterConnection cluster = await ConnectAsync(cancellation))
        {
            IKeyspace keyspace = cluster.Grid.GetKeyspace(Keyspace);
            loadSeconds = await LoadAsync(keyspace, cancellation);
            _progress($"grid: {_options.Records:N0} records, {_dataBytes:N0} bytes, loaded in {loadSeconds:0.0} s");
            await UntilAsync(cluster, static status => status.Shards.All(static shard => shard.Primary is not null && shard.InSync.Count == 1), "each shard has its primary alone", cancellation);
            using SyncForeground foreground = new(_options.Data, _options.Records, _options.Foreground, async (key, value) => await keyspace.SetAsync(key.Span, value.Span));
            SyncBenchRound round = new(_options, cluster, primary, foreground, _progress);
            await using BenchProcess replica = await round.StartReplicaAsync(() => StartSiloAsync("replica", _options.ReplicaAddress, _ports[2], _ports[3], _options.ReplicaWithin, cancellation), cancellation);
            joined = await round.WaitAsync(replica, cancellation);
            while (rounds.Count < _options.Rounds)
            {
                await round.DropReplicasAsync(replica, cancellation);
                rounds.Add(await round.WaitAsync(replica, cancellation));
            }

            foreground.Dispose();
            equal = await AreEqualAsync(cluster.Operator, cancellation);
        }

        SyncRound? redis = _options.Redis ? await SyncBenchRedis.RunAsync(_options, _ports[4], _ports[5], _progress, cancellation) : null;
        return new SyncBenchReport(_options.Data.Name, _options.Records, _dataBytes, _options.Compression.ToString(), link, loadSeconds, joined, rounds, equal, redis);
    }

    private Task<BenchProcess> StartSiloAsync(string name, IPAddress address, int siloPort, int gatewayPort, IReadOnlyList<string> within, CancellationToken cancellation)
    {
        string[] settings = ["Grid:BootstrapSilos=1", "Grid:Replicas=1", "Grid:MinInSync=0", "Grid:Rebalance=false", "Grid:DrainMs=0", $"Grid:Compression={_options.Compression}", .. _options.Settings];
        string? log = _options.Logs is { } folder ? Path.Combine(folder, $"{name}-{_siloStarts++}.log") : null;
        return SyncBenchSilo.StartAsync(name, address, siloPort, gatewayPort, new IPEndPoint(_options.Address, _ports[0]), settings, within, log, cancellation);
    }

    private Task<ClusterConnection> ConnectAsync(CancellationToken cancellation) => ClusterConnection.OpenAsync(
        new ConnectPlan
        {
            ClusterId = "grid-bench",
            ServiceId = "grid-bench",
            Gateways = [new IPEndPoint(_options.Address, _ports[1])],
            StoreConnection = "",
            Timeout = CallTime,
            Verbose = false,
        },
        cancellation);

    /// <summary>Writes all records, many in a call, from several tasks.</summary>
    private async Task<double> LoadAsync(IKeyspace keyspace, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        int many = _options.Data.Name == 'T' ? LoadManyBytes / 326 : LoadManyBytes / 1040;
        long next = 0;
        await Task.WhenAll(Enumerable.Range(0, LoadTasks).Select(_ => Task.Run(LoadSomeAsync, cancellation)));
        return Stopwatch.GetElapsedTime(began).TotalSeconds;

        async Task LoadSomeAsync()
        {
            byte[] room = new byte[many * (DataSet.KeyBytes + DataSet.ValueBytesMax)];
            byte[] value = new byte[DataSet.ValueBytesMax];
            KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>[] entries = new KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>[many];
            long first;
            while ((first = Interlocked.Add(ref next, many) - many) < _options.Records)
            {
                cancellation.ThrowIfCancellationRequested();
                int count = (int)Math.Min(many, _options.Records - first);
                int used = 0;
                for (int i = 0; i < count; i++)
                {
                    Memory<byte> key = room.AsMemory(used, DataSet.KeyBytes);
                    _options.Data.WriteKey(first + i, key.Span);
                    int length = _options.Data.WriteValue(first + i, value);
                    Memory<byte> copy = room.AsMemory(used + DataSet.KeyBytes, length);
                    value.AsSpan(0, length).CopyTo(copy.Span);
                    entries[i] = new(key, copy);
                    used += DataSet.KeyBytes + length;
                }

                await keyspace.SetManyAsync(entries.AsMemory(0, count).Span, cancellationToken: cancellation);
                Interlocked.Add(ref _dataBytes, used);
            }
        }
    }

    /// <summary>Asks for the status until it is as wanted.</summary>
    public static async Task UntilAsync(ClusterConnection cluster, Func<ClusterStatus, bool> condition, string what, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        while (!condition(await cluster.Operator.GetStatusAsync().WaitAsync(cancellation)))
        {
            if (Stopwatch.GetElapsedTime(began) > SyncLimit)
                throw new CommandException(ExitCode.Failed, $"after {SyncLimit.TotalMinutes} minutes it is still not so that {what}.");
            await Task.Delay(StatusPause, cancellation);
        }
    }

    private static async Task<bool> AreEqualAsync(IGridOperatorGrain grid, CancellationToken cancellation)
    {
        ClusterStatus status = await grid.GetStatusAsync();
        bool equal = true;
        await Parallel.ForEachAsync(Enumerable.Range(0, status.Shards.Count), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellation }, async (shard, token) =>
        {
            ShardDigest digest = ShardDigest.Compare(shard, await grid.DigestAsync(shard).WaitAsync(token));
            if (digest.Verdict != DigestVerdict.Equal || digest.Copies.Count < 2)
                Volatile.Write(ref equal, false);
        });
        return equal;
    }
}
