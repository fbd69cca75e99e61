using Grid.Streams.Items;
using Orleans.Streams;

namespace Grid.Streams.Queues;

/// <summary>
/// One subscription's place in a stream, driven by the stream's pulling agent: each <see cref="MoveNext"/> acknowledges the
/// delivery before it and puts the next one together from all that is waiting.
/// </summary>
/// <remarks>The fields belong to the queue and are read and written under its lock.</remarks>
internal sealed class StreamCursor(StreamQueue? queue) : IQueueCacheCursor
{
    private StreamBatch? _current;

    /// <summary>Sequence of the next item to deliver.</summary>
    internal long Position;

    /// <summary>Sequence of the oldest item not acknowledged.</summary>
    internal long Held;

    /// <summary>The delivery under way.</summary>
    internal StreamBatch? InFlight;

    /// <summary>Whether the delivery under way was withdrawn: its outcome no longer concerns the stream.</summary>
    internal bool IsWithdrawn;

    /// <summary>Whether the agent has found nothing and must be woken by the bell.</summary>
    internal bool IsIdle = true;

    /// <summary>A cursor for a stream that is not known any more: always at its end.</summary>
    public static StreamCursor OfNothing() => new(null);

    /// <inheritdoc/>
    public bool MoveNext() => (_current = queue?.Take(this)) is not null;

    /// <inheritdoc/>
    public IBatchContainer? GetCurrent(out Exception? exception)
    {
        exception = null;
        return _current;
    }

    /// <inheritdoc/>
    public void Refresh(StreamSequenceToken token)
    {
        // The cursor sees the queue itself: there is nothing to refresh.
    }

    /// <inheritdoc/>
    public void RecordDeliveryFailure() => queue?.OnDeliveryFailed(this);

    /// <inheritdoc/>
    public void Dispose() => queue?.Close(this);
}
