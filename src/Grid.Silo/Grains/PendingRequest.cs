using System.Threading.Tasks.Sources;
using Grid.Formats.Buffers;

namespace Grid.Silo.Grains;

/// <summary>A request that waits for its reply: the token that goes through the state machine.</summary>
internal sealed class PendingRequest : IValueTaskSource<PooledBuffer>
{
    private ManualResetValueTaskSourceCore<PooledBuffer> _source;

    /// <summary>The reply, once it is there.</summary>
    public ValueTask<PooledBuffer> Task => new(this, _source.Version);

    /// <summary>Lets the reply go to the caller, whose it is from now on.</summary>
    public void Complete(PooledBuffer reply) => _source.SetResult(reply.HandOver());

    PooledBuffer IValueTaskSource<PooledBuffer>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<PooledBuffer>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<PooledBuffer>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
