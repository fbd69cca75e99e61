using System.Threading.Channels;
using Grid.Streams.Queues;
using Orleans.Streams;

namespace Grid.Streams.Lanes;

/// <summary>
/// What Orleans calls a queue: here the way of one stream at a time from this silo to its consumers, with a pulling agent of
/// its own, so that a stream whose consumer hangs holds up nothing else. Reused when its stream is gone.
/// </summary>
/// <remarks>
/// The agent reads the lane (<see cref="IQueueAdapterReceiver"/>) and gets the stream's bell; the items it gets from the
/// cache's cursor. Thread safe; Orleans calls it from the agent's scheduler.
/// </remarks>
internal sealed class Lane(QueueId id) : IQueueAdapterReceiver, IQueueCache, IStreamBell
{
    private readonly Channel<Signal> _signals = Channel.CreateUnbounded<Signal>(new() { SingleReader = true });
    private readonly IBatchContainer[] _heard = new IBatchContainer[1];
    private volatile StreamQueue? _stream;
    private volatile bool _isStopped;
    private int _nudges;

    private enum Signal
    {
        Bell,
        Nudge,
    }

    /// <summary>The lane's name in Orleans' machinery.</summary>
    public QueueId Id => id;

    /// <summary>Whether the lane's agent has been stopped, as it is when the silo stops.</summary>
    public bool IsStopped => _isStopped;

    /// <summary>Gives the lane to a stream, or takes it back with null.</summary>
    public void Assign(StreamQueue? stream) => _stream = stream;

    /// <inheritdoc/>
    public void Ring() => _signals.Writer.TryWrite(Signal.Bell);

    /// <inheritdoc/>
    public void Nudge()
    {
        if (Interlocked.Exchange(ref _nudges, 1) == 0)
            _signals.Writer.TryWrite(Signal.Nudge);
    }

    /// <inheritdoc/>
    public Task Initialize(TimeSpan timeout)
    {
        _isStopped = false;
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task Shutdown(TimeSpan timeout)
    {
        _isStopped = true;
        _stream?.Fail(GridStreamFailureReason.Stopped);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    [Obsolete("Orleans calls the overload with a cancellation token.")]
    public Task<IList<IBatchContainer>> GetQueueMessagesAsync(int maxCount) => GetQueueMessagesAsync(maxCount, default);

    /// <summary>
    /// Waits for the bell. An empty answer, after a nudge, makes the agent look for streams to forget; so does the end of
    /// the lane, which the agent would take for an error if it were told by an exception.
    /// </summary>
    public async Task<IList<IBatchContainer>> GetQueueMessagesAsync(int maxCount, CancellationToken cancellationToken)
    {
        _stream?.OnAgentIdle();
        try
        {
            while (await _signals.Reader.ReadAsync(cancellationToken) == Signal.Bell)
            {
                if (_stream is not { } stream)
                    continue;

                // The agent is through with the list before it reads again.
                _heard[0] = new Bell(stream);
                return _heard;
            }

            Volatile.Write(ref _nudges, 0);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return [];
        }

        return [];
    }

    /// <inheritdoc/>
    [Obsolete("Orleans calls the overload with a cancellation token.")]
    public Task MessagesDeliveredAsync(IList<IBatchContainer> messages) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task MessagesDeliveredAsync(IList<IBatchContainer> messages, CancellationToken cancellationToken) =>
        Task.CompletedTask;

    /// <inheritdoc/>
    public int GetMaxAddCount() => QueueAdapterConstants.UNLIMITED_GET_QUEUE_MSG;

    /// <inheritdoc/>
    public void AddToCache(IList<IBatchContainer> messages)
    {
        foreach (IBatchContainer message in messages)
            ((Bell)message).Stream.OnBellHeard();
    }

    /// <inheritdoc/>
    public bool TryPurgeFromCache(out IList<IBatchContainer> purgedItems)
    {
        purgedItems = [];
        return false;
    }

    /// <inheritdoc/>
    public IQueueCacheCursor GetCacheCursor(StreamId streamId, StreamSequenceToken? token) =>
        _stream is { } stream && stream.Id == streamId ? stream.Open() : StreamCursor.OfNothing();

    /// <inheritdoc/>
    public bool IsUnderPressure() => false;
}
