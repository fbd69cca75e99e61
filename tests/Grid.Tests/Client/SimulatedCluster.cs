using Grid.Client;
using Grid.Client.Contracts;
using Grid.Client.Keyspaces;
using Grid.Client.Local;
using Grid.Client.Pipelines;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>How likely each misfortune is, for one call.</summary>
/// <param name="Refused">Thrown at the caller before anything left.</param>
/// <param name="Lost">The request never arrives; the caller is told of a fault.</param>
/// <param name="ReplyLost">The request is executed, the caller is told of a fault, sometimes long before.</param>
/// <param name="Silent">Request or reply vanish, and nothing is told for 30 s.</param>
/// <param name="Twice">A request that was not refused arrives a second time, later.</param>
internal sealed record Misfortunes(double Refused, double Lost, double ReplyLost, double Silent, double Twice)
{
    public static readonly Misfortunes None = new(0, 0, 0, 0, 0);
}

/// <summary>
/// A client and the shards that it talks to, in one thread, on virtual time, everything decided by a seed. Requests are
/// looked at when they arrive, not when they are sent, so a client that touches a blob too early is found out.
/// </summary>
internal sealed class SimulatedCluster : IShardTransport, IClusterInfoSource, IWorkQueue
{
    private const long ResponseTimeoutMs = 30_000;

    private readonly PriorityQueue<Action, (long At, long Sequence)> _events = new();
    private readonly List<IThreadPoolWorkItem> _work = [];
    private long _sequence;

    public SimulatedCluster(
        int seed,
        int shards = 3,
        Action<GridClientOptions>? configure = null,
        Func<OperationDispatcher, PipelineSettings, int, ShardPipeline>? makePipeline = null,
        int bundlesUnderWayMax = 0,
        ILocalCopies? localCopies = null)
    {
        Random = new Random(seed);
        Options = new GridClientOptions();
        configure?.Invoke(Options);
        Shards = [.. Enumerable.Range(0, shards).Select(n => new FakeShard(n, Time))];
        if (bundlesUnderWayMax > 0)
            Fronts = new SimulatedFronts(this, bundlesUnderWayMax);
        IShardTransport transport = Fronts is null ? this : Fronts.Transport;
        Dispatcher = new OperationDispatcher(Options, transport, this, Time, this, new Random(seed + 1), makePipeline, localCopies);
        Grid = new GridClient(Dispatcher, new FailingSerializer());
    }

    public GridClientOptions Options { get; }

    public VirtualTime Time { get; } = new();

    public Random Random { get; }

    public FakeShard[] Shards { get; }

    /// <summary>The fronts, if the client sends bundles.</summary>
    public SimulatedFronts? Fronts { get; }

    public OperationDispatcher Dispatcher { get; }

    public IGrid Grid { get; }

    public Misfortunes Misfortunes { get; set; } = Misfortunes.None;

    /// <summary>The longest way of a message, in milliseconds.</summary>
    public int DelayMaxMs { get; set; } = 3;

    /// <summary>False while the cluster does not answer at all.</summary>
    public bool IsReachable { get; set; } = true;

    /// <summary>Calls made, and the most under way for one shard.</summary>
    public int Calls { get; private set; }

    /// <summary>Blobs that arrived, in that order.</summary>
    public List<byte[]> Arrived { get; } = [];

    public void Queue(IThreadPoolWorkItem work) => _work.Add(work);

    public ValueTask<ClusterInfo> GetAsync() => IsReachable
        ? new(new ClusterInfo(Shards.Length, GridLimits.KeyBytesMax, GridLimits.ValueBytesMax, "fake"))
        : throw new TimeoutException("nobody there");

    public ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request)
    {
        double fate = Random.NextDouble();
        Misfortunes m = Misfortunes;
        if ((fate -= m.Refused) < 0)
            throw new InvalidOperationException("not connected");
        Calls++;
        TaskCompletionSource<PooledBuffer> answer = new();
        if ((fate -= m.Lost) < 0)
            After(Delay(), () => answer.TrySetException(new InvalidOperationException("rejected")));
        else if ((fate -= m.ReplyLost) < 0)
            LoseReply(shard, request, answer);
        else if ((fate -= m.Silent) < 0)
            BeSilent(shard, request, answer);
        else
            Deliver(shard, request, answer);
        return new(answer.Task);
    }

    /// <summary>Has <paramref name="action"/> done in a while.</summary>
    public void After(long ms, Action action) => _events.Enqueue(action, (Time.NowMs + ms, _sequence++));

    /// <summary>Does everything that is due, in an order that the seed decides, up to a point in time.</summary>
    public void Run(long ms)
    {
        long end = Time.NowMs + ms;
        while (true)
        {
            if (_work.Count > 0)
            {
                int i = Random.Next(_work.Count);
                IThreadPoolWorkItem work = _work[i];
                _work.RemoveAt(i);
                work.Execute();
                continue;
            }

            long next = Math.Min(_events.TryPeek(out _, out (long At, long Sequence) due) ? due.At : long.MaxValue, Time.NextMs ?? long.MaxValue);
            if (next > end)
                break;
            Time.AdvanceTo(next);
            foreach (FakeShard shard in Shards)
                shard.Tick(Time.NowMs);
            if (_events.TryPeek(out _, out due) && due.At <= Time.NowMs)
                _events.Dequeue()();
        }

        Time.AdvanceTo(end);
    }

    /// <summary>Runs until <paramref name="task"/> is over, and gives its result.</summary>
    public T Get<T>(ValueTask<T> task, long withinMs = 60_000)
    {
        Task<T> whole = task.AsTask();
        for (long ms = 0; !whole.IsCompleted && ms < withinMs; ms += 10)
            Run(10);
        Assert.True(whole.IsCompleted, $"not over after {withinMs} ms");
        return whole.GetAwaiter().GetResult();
    }

    private void Deliver(int shard, PooledBuffer request, TaskCompletionSource<PooledBuffer> answer) =>
        After(Delay(), () => Arrive(shard, request, reply => After(Delay(), () => answer.TrySetResult(reply.HandOver()))));

    private void LoseReply(int shard, PooledBuffer request, TaskCompletionSource<PooledBuffer> answer)
    {
        After(Random.Next(400), () => Arrive(shard, request, static reply => reply.Release()));
        After(Random.Next(200), () => answer.TrySetException(new InvalidOperationException("the silo is gone")));
    }

    private void BeSilent(int shard, PooledBuffer request, TaskCompletionSource<PooledBuffer> answer)
    {
        if (Random.Next(2) == 0)
            After(Random.Next(400), () => Arrive(shard, request, static reply => reply.Release()));
        After(ResponseTimeoutMs, () => answer.TrySetException(new TimeoutException("no response")));
    }

    /// <summary>A request comes in at a shard.</summary>
    public void Arrive(int shard, PooledBuffer request, Action<PooledBuffer> answer)
    {
        byte[] bytes = request.Span.ToArray();
        Arrived.Add(bytes);
        BatchStatus? told = null;
        Shards[shard].Handle(bytes, Time.NowMs, reply =>
        {
            told = ReplyHeader.Read(reply.Span).Status;
            answer(reply);
        });
        if (Random.NextDouble() >= Misfortunes.Twice)
            return;
        After(Random.Next(2000), () =>
        {
            if (told is null or BatchStatus.Ok or BatchStatus.Indeterminate)
                Shards[shard].Handle(bytes, Time.NowMs, static reply => reply.Release());
        });
    }

    /// <summary>How long a message takes.</summary>
    public int Delay() => Random.Next(DelayMaxMs + 1);

    private sealed class FailingSerializer : IGridSerializer
    {
        public void Serialize<T>(T value, System.Buffers.IBufferWriter<byte> destination) => throw new NotSupportedException($"no serializer for {typeof(T)}");

        public T Deserialize<T>(ReadOnlySpan<byte> source) => throw new NotSupportedException($"no serializer for {typeof(T)}");
    }
}
