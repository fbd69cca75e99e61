using Grid.Formats.Buffers;

namespace Grid.Client.Pipelines;

/// <summary>Carries request blobs to the primaries of shards. Calls may overtake each other.</summary>
internal interface IShardTransport
{
    /// <summary>Carries one blob, as <see cref="Contracts.IShardGrain.ExecuteAsync"/> documents.</summary>
    /// <remarks>
    /// An exception thrown by the call itself means that nothing was handed over. One that ends the task says nothing of
    /// the request's fate: Orleans rejects messages that were written to a broken connection in the same words as
    /// messages that never left, and a client's connection sends what was in flight when it broke a second time. An
    /// answer, though, is the last word on its call: once a request was refused, no second copy of it is applied.
    /// </remarks>
    ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request);
}

/// <summary>All that a client needs of a cluster. A silo has one of its own, which knows the shards in its process.</summary>
internal interface IGridTransport : IShardTransport, IClusterInfoSource, IDisposable;

/// <summary>Where the pipelines' work is done: the thread pool, or, in tests and simulation, one step at a time.</summary>
internal interface IWorkQueue
{
    /// <summary>Has <paramref name="work"/> executed soon, on no caller's stack and in no caller's context.</summary>
    void Queue(IThreadPoolWorkItem work);
}

/// <summary>The thread pool.</summary>
internal sealed class ThreadPoolWorkQueue : IWorkQueue
{
    public static readonly ThreadPoolWorkQueue Instance = new();

    public void Queue(IThreadPoolWorkItem work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
}
