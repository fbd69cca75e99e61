using System.Threading.Tasks.Sources;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Silo.Telemetry;

namespace Grid.Silo.Grains;

/// <summary>A request that waits for its reply: the token that goes through the state machine. It is answered once; later answers are dropped.</summary>
internal abstract class ReplyToken
{
    private int _answered;
    private BatchTally _tally = new();

    /// <summary>What the request's operations came to. One thread at a time.</summary>
    public ref BatchTally Tally => ref _tally;

    /// <summary>The request's spans; null when it is not traced.</summary>
    public BatchTrace? Trace { get; set; }

    /// <summary>Lets the reply go to the caller, whose it is from now on. Nothing of the caller's runs right here.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="meter">Counts what the request has done; null where its primary is elsewhere.</param>
    /// <param name="shard">The request's shard.</param>
    public void Complete(PooledBuffer reply, OperationMeter? meter = null, int shard = 0)
    {
        if (Interlocked.Exchange(ref _answered, 1) != 0)
        {
            reply.Release();
            return;
        }

        meter?.Count(_tally, ReplyHeader.ReadStatus(reply.Span), shard);
        Trace?.End(ReplyHeader.ReadStatus(reply.Span));
        Answer(reply.HandOver());
    }

    /// <summary>The state machine has executed the request, or put it in its order; its reply may have to wait.</summary>
    public virtual void OnExecuted()
    {
        // Only who waits for several requests wants to know.
    }

    /// <summary>Takes the one reply.</summary>
    protected abstract void Answer(PooledBuffer reply);
}

/// <summary>A request by a call of its own.</summary>
/// <param name="elsewhere">True when whoever waits has no scheduler of its own on which it goes on, so that it must go on elsewhere.</param>
internal sealed class PendingRequest(bool elsewhere) : ReplyToken, IValueTaskSource<PooledBuffer>
{
    private ManualResetValueTaskSourceCore<PooledBuffer> _source = new() { RunContinuationsAsynchronously = elsewhere };

    /// <summary>The reply, once it is there.</summary>
    public ValueTask<PooledBuffer> Task => new(this, _source.Version);

    PooledBuffer IValueTaskSource<PooledBuffer>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<PooledBuffer>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<PooledBuffer>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    protected override void Answer(PooledBuffer reply) => _source.SetResult(reply);
}
