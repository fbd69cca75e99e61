using System.Diagnostics;
using Grid.Client.Contracts;
using Grid.Client.Local;
using Grid.Client.Operations;
using Grid.Client.Routing;
using Grid.Client.Telemetry;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>
/// The client's engine: takes operations, finds their shards' pipelines, keeps the bounds, and lets time pass for all of
/// them. Thread-safe.
/// </summary>
internal sealed partial class OperationDispatcher : IAsyncDisposable
{
    private const int TicksIdleMax = 64;

    /// <summary>The first of January 2025.</summary>
    private const long ClientIdsBeginUnixSeconds = 1_735_689_600;

    private readonly Func<OperationDispatcher, PipelineSettings, int, ShardPipeline> _makePipeline;
    private readonly PipelineSettings _settings;
    private readonly IClusterInfoSource _source;
    private readonly ITimer _timer;
    private readonly Random _random;
    private ShardPipeline[]? _pipelines;
    private int _abandonedStamp;
    private int _ticking;
    private bool _armed;
    private int _ticksIdle;
    private bool _closed;

    public OperationDispatcher(
        GridClientOptions options,
        IShardTransport transport,
        IClusterInfoSource source,
        TimeProvider time,
        IWorkQueue work,
        Random random,
        Func<OperationDispatcher, PipelineSettings, int, ShardPipeline>? makePipeline = null,
        ILocalCopies? localCopies = null,
        ClientMeter? meter = null)
    {
        Meter = meter ?? ClientMeter.Off;
        Meter.Observe(() => Outstanding);
        LocalCopies = localCopies;
        Options = options;
        Transport = transport;
        Work = work;
        Clock = new MonotonicClock(time);
        _source = source;
        _random = random;
        _settings = PipelineSettings.From(options);
        _operationsMax = options.OperationsOutstandingMax;
        _bytesMax = options.BytesOutstandingMax;
        _makePipeline = makePipeline ?? ((dispatcher, settings, shard) => new ShardPipeline(dispatcher, settings, shard));
        ClientId = NewClientId(time.GetUtcNow(), random);
        _timer = time.CreateTimer(static dispatcher => ((OperationDispatcher)dispatcher!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The client's settings.</summary>
    public GridClientOptions Options { get; }

    /// <summary>The way to the shards.</summary>
    public IShardTransport Transport { get; }

    /// <summary>The copies on this silo; null in a client outside of the silos.</summary>
    public ILocalCopies? LocalCopies { get; }

    /// <summary>What it reports.</summary>
    public ClientMeter Meter { get; }

    /// <summary>Where work is done.</summary>
    public IWorkQueue Work { get; }

    /// <summary>The time.</summary>
    public MonotonicClock Clock { get; }

    /// <summary>This client's incarnation: of two, the one that was made later has the higher id, as far as clocks agree.</summary>
    public ulong ClientId { get; }

    /// <summary>The number of shards; 0 before it is known.</summary>
    public int ShardCount => Volatile.Read(ref _pipelines)?.Length ?? 0;

    /// <summary>Grows with every call that ended before its operations did.</summary>
    public int AbandonedStamp => Volatile.Read(ref _abandonedStamp);

    /// <summary>Books a call as over while its operations are still in batches.</summary>
    public void NoteAbandoned() => Interlocked.Increment(ref _abandonedStamp);

    /// <summary>A random number from 0 to 1.</summary>
    public double NextJitter()
    {
        lock (_random)
            return _random.NextDouble();
    }

    /// <summary>Starts an operation on the key in <paramref name="data"/>.</summary>
    public void Start(PendingOperation operation, in Operation data)
    {
        if (!TryReserve(1, Batch.SizeOf(data)))
        {
            Wait(operation, data);
            return;
        }

        BeginClock(operation);
        ShardPipeline[] pipelines = _pipelines!;
        pipelines[ShardHash.Shard(data.Key, pipelines.Length)].Enqueue(operation, 0, data);
    }

    /// <summary>Starts an operation on one shard, whatever its key.</summary>
    public void StartOn(int shard, PendingOperation operation, in Operation data)
    {
        ReserveMore(1, Batch.SizeOf(data));
        BeginClock(operation);
        Volatile.Read(ref _pipelines)![shard].Enqueue(operation, 0, data);
    }

    /// <summary>Starts an operation on every shard. The cluster must be known.</summary>
    public void StartOnAll(PendingOperation operation, in Operation data)
    {
        ShardPipeline[] pipelines = Volatile.Read(ref _pipelines)!;
        ReserveMore(pipelines.Length, pipelines.Length * (long)Batch.SizeOf(data));
        BeginClock(operation);
        for (int shard = 0; shard < pipelines.Length; shard++)
            pipelines[shard].Enqueue(operation, shard, data);
    }

    /// <summary>Ends the client: what is under way fails, saying what is known of it; what comes is refused.</summary>
    public async ValueTask DisposeAsync()
    {
        Volatile.Write(ref _closed, true);
        await _timer.DisposeAsync();
        CloseWaiting();
        foreach (ShardPipeline pipeline in Volatile.Read(ref _pipelines) ?? [])
            pipeline.Close();
    }

    /// <summary>
    /// Units of 128 s in the upper 25 bits, good for a century; below them chance. Shards that had to forget clients take one with a
    /// higher id than any of those for one that they never knew.
    /// </summary>
    private static ulong NewClientId(DateTimeOffset now, Random random)
    {
        long units = Math.Clamp((now.ToUnixTimeSeconds() - ClientIdsBeginUnixSeconds) >> 7, 0, (1 << 25) - 1);
        return ((ulong)units << 39) | (ulong)random.NextInt64(1, 1L << 39);
    }

    private void BeginClock(PendingOperation operation)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _closed), typeof(IGrid));
        if (!Volatile.Read(ref _armed))
            Arm();
        operation.DeadlineMs = Clock.NowMs + operation.Settings.TimeoutMs;
    }

    private void Arm()
    {
        Volatile.Write(ref _armed, true);
        TimeSpan tick = TimeSpan.FromMilliseconds(PipelineSettings.TickMs);
        _timer.Change(tick, tick);
    }

    private void Tick()
    {
        if (Interlocked.Exchange(ref _ticking, 1) != 0)
            return;
        long now = Clock.NowMs;
        TickWaiting(now);
        foreach (ShardPipeline pipeline in Volatile.Read(ref _pipelines) ?? [])
            pipeline.Tick(now);
        _ticksIdle = IsIdle ? _ticksIdle + 1 : 0;
        if (_ticksIdle >= TicksIdleMax)
            Disarm();
        Volatile.Write(ref _ticking, 0);
    }

    private void Disarm()
    {
        _ticksIdle = 0;
        _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Volatile.Write(ref _armed, false);
        Interlocked.MemoryBarrier();

        // An operation books itself first and then looks whether the clock runs, so one of the two sees the other.
        if (!IsIdle)
            Arm();
    }

    private void Open(ClusterInfo info)
    {
        Debug.Assert(info.ShardCount > 0);
        ShardPipeline[] pipelines = new ShardPipeline[info.ShardCount];
        for (int shard = 0; shard < pipelines.Length; shard++)
            pipelines[shard] = _makePipeline(this, _settings, shard);
        Volatile.Write(ref _pipelines, pipelines);
    }
}
