
namespace Grid.Streams;

/// <summary>Why a stream did not take an item, or dropped what it held.</summary>
public enum GridStreamFailureReason
{
    /// <summary>A delivery failed again and again for <see cref="GridStreamOptions.RetryTimeMax"/>.</summary>
    DeliveryFailed = 1,

    /// <summary>No delivery was acknowledged for <see cref="GridStreamOptions.DeliveryTimeMax"/>.</summary>
    DeliveryTimeout = 2,

    /// <summary>No grain class subscribes to the stream's namespace.</summary>
    NoConsumer = 3,

    /// <summary>What was queued was dropped by <see cref="IGridStreamControl.Abandon"/> while the producer waited for room.</summary>
    Abandoned = 4,

    /// <summary>The producer did not wait for room until <see cref="GridStreamOptions.BytesPerStreamHardMax"/> was reached.</summary>
    Full = 5,

    /// <summary>The silo produces <see cref="GridStreamOptions.StreamsMax"/> streams already.</summary>
    TooManyStreams = 6,

    /// <summary>The silo is stopping.</summary>
    Stopped = 7,
}

/// <summary>
/// A stream refused an item or lost what it held. Except for <see cref="GridStreamFailureReason.Full"/>,
/// <see cref="GridStreamFailureReason.Abandoned"/> and <see cref="GridStreamFailureReason.TooManyStreams"/>, which concern
/// the one call, the stream stays failed until <see cref="IGridStreamControl.Abandon"/>.
/// </summary>
[GenerateSerializer]
[Alias("Grid.StreamException")]
public sealed class GridStreamException : Exception
{
    /// <summary>A failure of <paramref name="streamId"/>, with what to do next in <paramref name="message"/>.</summary>
    public GridStreamException(StreamId streamId, GridStreamFailureReason reason, string message)
        : base(message)
    {
        StreamId = streamId;
        Reason = reason;
    }

    /// <summary>The stream concerned.</summary>
    [Id(0)]
    public StreamId StreamId { get; }

    /// <summary>What happened.</summary>
    [Id(1)]
    public GridStreamFailureReason Reason { get; }

    internal static GridStreamException For(StreamId streamId, GridStreamFailureReason reason) =>
        new(streamId, reason, $"Stream {streamId}: {Explain(reason)}");

    private static string Explain(GridStreamFailureReason reason) => reason switch
    {
        GridStreamFailureReason.DeliveryFailed =>
            "the consumer could not be reached or kept failing, and what was queued is dropped; abandon the stream to begin anew.",
        GridStreamFailureReason.DeliveryTimeout =>
            "the consumer acknowledged nothing in time, and what was queued is dropped; abandon the stream to begin anew.",
        GridStreamFailureReason.NoConsumer =>
            "no grain class has an implicit subscription to its namespace, and what was queued is dropped.",
        GridStreamFailureReason.Abandoned => "what was queued was abandoned.",
        GridStreamFailureReason.Full =>
            "the item was refused because the producer does not wait for the tasks of OnNextAsync.",
        GridStreamFailureReason.TooManyStreams =>
            "the item was refused because this silo produces as many streams as StreamsMax allows.",
        GridStreamFailureReason.Stopped => "the silo is stopping, and what was queued is dropped.",
        _ => reason.ToString(),
    };
}
