
namespace Grid.Streams;

/// <summary>
/// What a producer may do with its streams beside <c>OnNextAsync</c>. One per provider and silo, registered under the
/// provider's name: <c>services.GetRequiredKeyedService&lt;IGridStreamControl&gt;(name)</c>. It knows only the streams
/// that this silo produces. Thread safe.
/// </summary>
public interface IGridStreamControl
{
    /// <summary>
    /// Drops all that <paramref name="streamId"/> holds, releases its buffers, ends a failure that the stream is in, and
    /// lets it begin anew: the next item is delivered as if the stream were fresh. Producers that wait for room get
    /// <see cref="GridStreamFailureReason.Abandoned"/>.
    /// </summary>
    /// <remarks>
    /// A delivery that is under way may still reach the consumer, or reach it empty; the stream's next delivery begins when
    /// that one has come back.
    /// </remarks>
    /// <returns>The number of items dropped, those under way included; 0 for an unknown stream.</returns>
    int Abandon(StreamId streamId);

    /// <summary>
    /// Ends when of what the stream holds now at most <paramref name="bytes"/> are unacknowledged, whatever is put on it meanwhile: for a producer that wants
    /// less under way than <see cref="GridStreamOptions.BytesPerStreamMax"/>, or to know that what he sent has arrived (0). At once for an unknown stream.
    /// </summary>
    /// <exception cref="GridStreamException">The stream has failed, or was abandoned meanwhile.</exception>
    Task WhenHeldAtMostAsync(StreamId streamId, long bytes);

    /// <summary>The state of one stream, or null if this silo does not produce it.</summary>
    GridStreamStatistics? FindStatistics(StreamId streamId);

    /// <summary>The state of every stream that this silo produces, in no particular order.</summary>
    IReadOnlyList<GridStreamStatistics> GetStatistics();
}

/// <summary>The state of one stream at its producer's silo. Counts run since the stream's state was made.</summary>
/// <param name="StreamId">The stream.</param>
/// <param name="QueuedBytes">Bytes not yet acknowledged, with <see cref="GridStreamOptions.ItemOverheadBytes"/> for each item.</param>
/// <param name="QueuedItems">Items not yet acknowledged.</param>
/// <param name="IsHoldingProducers">Whether a producer's <c>OnNextAsync</c> is held back.</param>
/// <param name="IsDelivering">Whether a delivery is under way.</param>
/// <param name="DeliveredItems">Items acknowledged by every subscription.</param>
/// <param name="DeliveredBytes">Bytes of those items.</param>
/// <param name="DroppedItems">Items dropped by failures and by <see cref="IGridStreamControl.Abandon"/>.</param>
/// <param name="SinceProgress">Time since an item was queued in the empty stream, or a delivery began or was acknowledged.</param>
/// <param name="Failure">The failure that the stream is in, or null.</param>
public sealed record GridStreamStatistics(
    StreamId StreamId,
    long QueuedBytes,
    int QueuedItems,
    bool IsHoldingProducers,
    bool IsDelivering,
    long DeliveredItems,
    long DeliveredBytes,
    long DroppedItems,
    TimeSpan SinceProgress,
    GridStreamFailureReason? Failure);
