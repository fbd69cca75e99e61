using System.Threading.Tasks.Sources;
using Grid.Formats.Operations;

namespace Grid.Client.Operations;

/// <summary>Many operations of one kind under one call: one for each of its keys, or one for each shard.</summary>
/// <typeparam name="T">What the caller gets for each.</typeparam>
internal sealed class ManyOperation<T>(int count, ResultReader<T> reader) : PendingOperation, IValueTaskSource<T[]>
{
    private readonly T[] _results = new T[count];
    private readonly Lock _failuresGate = new();
    private ManualResetValueTaskSourceCore<T[]> _core;
    private List<GridFailure>? _failures;
    private OperationCanceledException? _cancelled;
    private int _left = count;

    /// <summary>The task that the caller awaits, once.</summary>
    public ValueTask<T[]> Task => new(this, _core.Version);

    public override bool Accept(int index, int shard, in OperationResult result)
    {
        if (IsOver)
            return false;
        Exception? error = ResultErrors.Of(this, shard, result.Status);
        try
        {
            if (error is null)
                _results[index] = reader(this, result);
        }
        catch (Exception e)
        {
            error = ResultErrors.Unreadable(this, shard, e);
        }

        return error is null ? EndOne() : Fail(index, error);
    }

    public override bool Fail(int index, Exception error)
    {
        lock (_failuresGate)
            (_failures ??= []).Add(new GridFailure(index, error));
        return EndOne();
    }

    public override void Signal()
    {
        Exception? error = _cancelled ?? (Exception?)(_failures is { } failures ? MakeError(failures) : null);
        ReportOver(error);
        StopListening();
        if (error is not null)
            _core.SetException(error);
        else
            _core.SetResult(_results);
    }

    protected override void SetCancelled(OperationCanceledException error) => _cancelled = error;

    public T[] GetResult(short token) => _core.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private bool EndOne() => Interlocked.Decrement(ref _left) == 0 && TryClaim();

    private GridManyException MakeError(List<GridFailure> failures)
    {
        failures.Sort(static (a, b) => a.Index.CompareTo(b.Index));
        return GridManyException.Of(Keyspace, _results.Length, failures);
    }
}
