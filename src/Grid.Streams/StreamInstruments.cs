using System.Diagnostics.Metrics;

namespace Grid.Streams;

/// <summary>What a provider reports on the meter "Grid"; every instrument carries the attribute <c>grid.stream.provider</c>.</summary>
internal sealed class StreamInstruments : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _deliveredItems;
    private readonly Counter<long> _deliveredBytes;
    private readonly Counter<long> _droppedItems;
    private readonly Counter<long> _failures;
    private readonly KeyValuePair<string, object?> _provider;

    /// <param name="provider">The provider's name.</param>
    /// <param name="statistics">Read when somebody observes.</param>
    public StreamInstruments(string provider, Func<IReadOnlyList<GridStreamStatistics>> statistics)
    {
        _provider = new("grid.stream.provider", provider);
        _meter = new Meter("Grid");
        _deliveredItems = _meter.CreateCounter<long>("grid.stream.items", "{item}", "Items acknowledged by their consumers.");
        _deliveredBytes = _meter.CreateCounter<long>("grid.stream.io", "By", "Bytes of those items.");
        _droppedItems = _meter.CreateCounter<long>("grid.stream.items.dropped", "{item}", "Items dropped by failures and abandons.");
        _failures = _meter.CreateCounter<long>("grid.stream.failures", "{failure}", "Streams that failed, by type of reason.");
        _meter.CreateObservableUpDownCounter(
            "grid.stream.queue.usage",
            () => new Measurement<long>(statistics().Sum(static s => s.QueuedBytes), _provider),
            "By",
            "Bytes not yet acknowledged.");
        _meter.CreateObservableUpDownCounter(
            "grid.stream.streams",
            () => new Measurement<int>(statistics().Count, _provider),
            "{stream}",
            "Streams that this silo produces.");
    }

    public void OnDelivered(long items, long bytes)
    {
        _deliveredItems.Add(items, _provider);
        _deliveredBytes.Add(bytes, _provider);
    }

    public void OnDropped(long items) => _droppedItems.Add(items, _provider);

    public void OnFailed(GridStreamFailureReason reason) =>
        _failures.Add(1, _provider, new KeyValuePair<string, object?>("error.type", NameOf(reason)));

    private static string NameOf(GridStreamFailureReason reason) => reason switch
    {
        GridStreamFailureReason.DeliveryFailed => "delivery_failed",
        GridStreamFailureReason.DeliveryTimeout => "delivery_timeout",
        GridStreamFailureReason.NoConsumer => "no_consumer",
        GridStreamFailureReason.Abandoned => "abandoned",
        GridStreamFailureReason.Full => "full",
        GridStreamFailureReason.TooManyStreams => "too_many_streams",
        _ => "stopped",
    };

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();
}
