using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;
using Grid.Formats.Buffers;

namespace Grid.Client.Bundles;

/// <summary>One batch on its way in a bundle, and the source of the task that its pipeline waits for. Pooled: its task is awaited once.</summary>
internal sealed class BundledBatch : IValueTaskSource<PooledBuffer>
{
    private const int PoolMax = 4096;
    private static readonly ConcurrentQueue<BundledBatch> Pool = new();

    private ManualResetValueTaskSourceCore<PooledBuffer> _core;

    private BundledBatch()
    {
    }

    /// <summary>The batch's shard.</summary>
    public int Shard { get; private set; }

    /// <summary>The blob; its reference is the pipeline's, which holds it until the task is over.</summary>
    public PooledBuffer Request { get; private set; } = null!;

    /// <summary>Ends with the reply.</summary>
    public ValueTask<PooledBuffer> Task => new(this, _core.Version);

    public static BundledBatch Rent(int shard, PooledBuffer request)
    {
        if (!Pool.TryDequeue(out BundledBatch? batch))
            batch = new();
        batch.Shard = shard;
        batch.Request = request;
        return batch;
    }

    /// <summary>Ends the task. Runs what waits for it right here; this object must not be touched afterwards.</summary>
    public void Complete(PooledBuffer reply) => _core.SetResult(reply);

    /// <summary>Ends the task. Runs what waits for it right here; this object must not be touched afterwards.</summary>
    public void Fail(Exception fault) => _core.SetException(fault);

    public PooledBuffer GetResult(short token)
    {
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            Request = null!;
            _core.Reset();
            if (Pool.Count < PoolMax)
                Pool.Enqueue(this);
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
