using System.Diagnostics;
using Grid.Client.Pipelines;
using Grid.Client.Telemetry;
using Grid.Formats.Operations;

namespace Grid.Client.Operations;

/// <summary>
/// A call that is not over: one operation, or many of one kind. It sits as one entry per operation in the batches that
/// carry it.
/// </summary>
/// <remarks>
/// Whoever moves <see cref="_phase"/> from pending to claimed ends the call: the pipeline that has its (last) answer, or
/// the caller's cancellation. An entry belongs to one batch at a time, and a pipeline answers each entry once.
/// </remarks>
internal abstract class PendingOperation
{
    private const int Pending = 0;
    private const int Claimed = 1;

    private int _phase;
    private CancellationToken _token;
    private CancellationTokenRegistration _registration;
    private OperationDispatcher? _dispatcher;
    private long _began;

    /// <summary>The keyspace's name.</summary>
    public string Keyspace { get; private set; } = "";

    /// <summary>What to do.</summary>
    public OperationKind Kind { get; private set; }

    /// <summary>Durability and read mode; operations in which they differ do not share a batch.</summary>
    public CallSettings Settings { get; private set; }

    /// <summary>When the call gives up, on the dispatcher's clock.</summary>
    public long DeadlineMs { get; set; }

    /// <summary>What the result is read into or with.</summary>
    public object? State { get; private set; }

    /// <summary>The call's span; null when it is not recorded.</summary>
    public Activity? Span { get; private set; }

    /// <summary>True if the operation changes something, so that it must not be done twice.</summary>
    public bool IsWrite => Kind is OperationKind.Set or OperationKind.Delete or OperationKind.Expire or OperationKind.Increment or OperationKind.Clear;

    /// <summary>True once the call is over for its caller.</summary>
    public bool IsOver => Volatile.Read(ref _phase) != Pending;

    /// <summary>Takes the answer to entry <paramref name="index"/>; true if the call is over and <see cref="Signal"/> is due.</summary>
    public abstract bool Accept(int index, int shard, in OperationResult result);

    /// <summary>Ends entry <paramref name="index"/> with an error; true if the call is over and <see cref="Signal"/> is due.</summary>
    public abstract bool Fail(int index, Exception error);

    /// <summary>Tells the caller. The last thing done with this object by whoever ended the call.</summary>
    public abstract void Signal();

    /// <summary>Prepares for a call and listens to its cancellation.</summary>
    public void Begin(
        OperationDispatcher dispatcher, string keyspace, OperationKind kind, in CallSettings settings, object? state, CancellationToken token, int count = 1)
    {
        _dispatcher = dispatcher;
        _phase = Pending;
        Keyspace = keyspace;
        Kind = kind;
        Settings = settings;
        State = state;
        _began = dispatcher.Meter.Now();
        Span = GridSpans.StartCall(keyspace, kind, count);
        if (!token.CanBeCanceled)
            return;
        _token = token;
        _registration = token.UnsafeRegister(static operation => ((PendingOperation)operation!).Cancel(), this);
    }

    /// <summary>Claims the right to end the call; false if somebody else did.</summary>
    protected bool TryClaim() => Interlocked.CompareExchange(ref _phase, Claimed, Pending) == Pending;

    /// <summary>Reports what the call came to, before its caller is told.</summary>
    protected void ReportOver(Exception? error)
    {
        if (_began != 0 || error is not null)
            _dispatcher!.Meter.OnOver(this, _began, error);
        if (Span is null)
            return;
        GridSpans.Stop(Span, error is null ? null : ClientMeter.ErrorTypeOf(error));
        Span = null;
    }

    /// <summary>Stops listening to the caller's cancellation; false if it is just being told, so that this object must not be used again.</summary>
    protected bool StopListening()
    {
        State = null;
        if (_token == default)
            return true;
        _token = default;
        return _registration.Unregister();
    }

    /// <summary>Makes <paramref name="error"/> what <see cref="Signal"/> will tell.</summary>
    protected abstract void SetCancelled(OperationCanceledException error);

    private void Cancel()
    {
        CancellationToken token = _token;
        if (!TryClaim())
            return;
        SetCancelled(new OperationCanceledException(
            $"The call on keyspace '{Keyspace}' was cancelled. If it was under way already, it may have taken effect.", token));
        _dispatcher!.NoteAbandoned();
        CompletionRun over = CompletionRun.Rent(_dispatcher.Work);
        over.Add(this);
        over.StartElsewhere();
    }
}

/// <summary>Turns a result into what the caller gets. The result's spans are valid during the call only.</summary>
internal delegate T ResultReader<out T>(PendingOperation operation, in OperationResult result);
