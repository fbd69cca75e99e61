using System.Collections.Concurrent;
using Grid.Client.Operations;

namespace Grid.Client.Pipelines;

/// <summary>
/// Tells the callers of a batch that their calls are over. Callers' continuations run right here, one after the other;
/// lest one that blocks hold up the others, each thread that begins invites one more from the pool to help.
/// </summary>
/// <remarks>Costs one atomic step per call instead of one queued work item, and no allocation.</remarks>
internal sealed class CompletionRun : IThreadPoolWorkItem
{
    private const int PoolMax = 256;
    private static readonly ConcurrentQueue<CompletionRun> Pool = new();

    private PendingOperation?[] _operations = new PendingOperation?[64];
    private IWorkQueue _queue = null!;
    private int _count;
    private int _next;
    private int _threads;

    /// <summary>An empty run.</summary>
    public static CompletionRun Rent(IWorkQueue queue)
    {
        if (!Pool.TryDequeue(out CompletionRun? run))
            run = new();
        run._queue = queue;
        return run;
    }

    /// <summary>Adds a call that is over.</summary>
    public void Add(PendingOperation operation)
    {
        if (_count == _operations.Length)
            Array.Resize(ref _operations, _count * 2);
        _operations[_count++] = operation;
    }

    /// <summary>Tells the callers, on other threads. The run must not be touched afterwards.</summary>
    public void StartElsewhere()
    {
        _threads = 1;
        _next = 0;
        _queue.Queue(this);
    }

    /// <summary>Tells the callers, on this thread and others. The run must not be touched afterwards.</summary>
    public void Start()
    {
        _threads = 1;
        _next = 0;
        ((IThreadPoolWorkItem)this).Execute();
    }

    void IThreadPoolWorkItem.Execute()
    {
        if (_count - Volatile.Read(ref _next) > 1)
        {
            Interlocked.Increment(ref _threads);
            _queue.Queue(this);
        }

        int i;
        while ((i = Interlocked.Increment(ref _next) - 1) < _count)
        {
            PendingOperation operation = _operations[i]!;
            _operations[i] = null;
            operation.Signal();
        }

        if (Interlocked.Decrement(ref _threads) != 0)
            return;
        _count = 0;
        if (Pool.Count < PoolMax)
            Pool.Enqueue(this);
    }
}
