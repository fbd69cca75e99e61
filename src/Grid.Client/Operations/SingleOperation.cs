using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;
using Grid.Client.Pipelines;
using Grid.Formats.Operations;

namespace Grid.Client.Operations;

/// <summary>One operation of one call, and the source of its <see cref="ValueTask{TResult}"/>; taken from a pool and put back when its result is fetched.</summary>
/// <typeparam name="T">What the caller gets.</typeparam>
internal sealed class SingleOperation<T> : PendingOperation, IValueTaskSource<T>
{
    private const int LocalMax = 64;
    private const int SharedMax = 8192;

    private static readonly ConcurrentQueue<SingleOperation<T>> Shared = new();

    [ThreadStatic]
    private static Stack<SingleOperation<T>>? _local;

    private ManualResetValueTaskSourceCore<T> _core;
    private ResultReader<T> _reader = null!;
    private T _result = default!;
    private Exception? _error;
    private bool _reusable;

    private SingleOperation()
    {
    }

    /// <summary>The task that the caller awaits, once.</summary>
    public ValueTask<T> Task => new(this, _core.Version);

    /// <summary>Takes one from the pool, ready for a call.</summary>
    public static SingleOperation<T> Rent(
        OperationDispatcher dispatcher,
        string keyspace,
        OperationKind kind,
        in CallSettings settings,
        ResultReader<T> reader,
        object? state,
        CancellationToken token)
    {
        Stack<SingleOperation<T>> local = _local ??= new(LocalMax);
        if (!local.TryPop(out SingleOperation<T>? operation) && !Shared.TryDequeue(out operation))
            operation = new();
        operation._reader = reader;
        operation.Begin(dispatcher, keyspace, kind, settings, state, token);
        return operation;
    }

    public override bool Accept(int index, int shard, in OperationResult result)
    {
        if (!TryClaim())
            return false;
        _error = ResultErrors.Of(this, shard, result.Status);
        if (_error is not null)
            return true;
        try
        {
            _result = _reader(this, result);
        }
        catch (Exception e)
        {
            _error = ResultErrors.Unreadable(this, shard, e);
        }

        return true;
    }

    public override bool Fail(int index, Exception error)
    {
        if (!TryClaim())
            return false;
        _error = error;
        return true;
    }

    public override void Signal()
    {
        ReportOver(_error);
        _reusable = StopListening();
        if (_error is { } error)
            _core.SetException(error);
        else
            _core.SetResult(_result);
    }

    protected override void SetCancelled(OperationCanceledException error) => _error = error;

    public T GetResult(short token)
    {
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            if (_reusable)
                Return();
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private void Return()
    {
        _reusable = false;
        _result = default!;
        _error = null;
        _core.Reset();
        Stack<SingleOperation<T>> local = _local ??= new(LocalMax);
        if (local.Count < LocalMax)
            local.Push(this);
        else if (Shared.Count < SharedMax)
            Shared.Enqueue(this);
    }
}
