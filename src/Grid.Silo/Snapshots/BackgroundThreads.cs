using System.Collections.Concurrent;

namespace Grid.Silo.Snapshots;

/// <summary>
/// A few threads for work that is long and can wait: tasks started on them, and what follows their awaits, run there and never on the pool's
/// threads, which answer the clients. On Linux the system gives them less of the processor where it is short.
/// </summary>
internal sealed class BackgroundThreads : TaskScheduler, IDisposable
{
    // A third of the share of an ordinary thread: enough to get on with where the clients take all they can.
    private const int BackgroundNiceness = 5;
    private const int ThreadsMax = 4;

    private readonly BlockingCollection<Task> _queue = [];

    /// <summary>Starts a thread for each processor, up to a few.</summary>
    public BackgroundThreads()
    {
        for (int i = 0; i < Math.Min(Environment.ProcessorCount, ThreadsMax); i++)
            new Thread(Run) { IsBackground = true, Name = "grid background", Priority = ThreadPriority.BelowNormal }.Start();
    }

    /// <summary>Runs something on one of these threads.</summary>
    public Task RunAsync(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this);

    /// <summary>Runs something, and what follows its awaits, on these threads.</summary>
    public Task<T> RunAsync<T>(Func<Task<T>> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <summary>Ends the threads once they have done what is queued. What comes later, from work that is being cancelled, runs on the pool.</summary>
    public void Dispose()
    {
        lock (_queue)
            _queue.CompleteAdding();
    }

    protected override IEnumerable<Task> GetScheduledTasks() => _queue;

    protected override void QueueTask(Task task)
    {
        lock (_queue)
        {
            if (!_queue.IsAddingCompleted)
            {
                _queue.Add(task);
                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(static late => late.Threads.TryExecuteTask(late.Task), (Threads: this, Task: task), preferLocal: false);
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    private void Run()
    {
        Niceness.OfThisThread(BackgroundNiceness);
        foreach (Task task in _queue.GetConsumingEnumerable())
            TryExecuteTask(task);
    }
}
