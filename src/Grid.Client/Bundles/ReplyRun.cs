using Grid.Client.Pipelines;
using Grid.Formats.Buffers;

namespace Grid.Client.Bundles;

/// <summary>
/// Hands the replies of a bundle to the pipelines that wait for them. Callers' continuations may run right here; lest one that
/// blocks hold up the other shards, each thread that begins invites one more from the pool to help.
/// </summary>
internal sealed class ReplyRun(IWorkQueue work, int capacity) : IThreadPoolWorkItem
{
    private readonly (BundledBatch Batch, PooledBuffer? Reply, Exception? Fault)[] _replies =
        new (BundledBatch, PooledBuffer?, Exception?)[capacity];

    private int _count;
    private int _next;

    /// <summary>Adds the end of a batch: its reply, or why there is none.</summary>
    public void Add(BundledBatch batch, PooledBuffer? reply, Exception? fault) => _replies[_count++] = (batch, reply, fault);

    /// <summary>Tells all, on this thread and others.</summary>
    public void Execute()
    {
        if (_count - Volatile.Read(ref _next) > 1)
            work.Queue(this);
        int i;
        while ((i = Interlocked.Increment(ref _next) - 1) < _count)
        {
            (BundledBatch batch, PooledBuffer? reply, Exception? fault) = _replies[i];
            if (reply is not null)
                batch.Complete(reply);
            else
                batch.Fail(fault!);
        }
    }
}
