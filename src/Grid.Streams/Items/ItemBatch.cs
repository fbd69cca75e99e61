using Orleans.Streams;

namespace Grid.Streams.Items;

/// <summary>A delivery of items that need no care: whatever the serializer can carry.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Grid.ItemBatch`1")]
internal sealed class ItemBatch<T>(StreamId streamId, long sequence, T[] items) : StreamBatch(streamId, sequence)
{
    [Id(0)]
    private T[] _items = items;

    /// <inheritdoc/>
    public override IEnumerable<Tuple<TEvent, StreamSequenceToken>> GetEvents<TEvent>()
    {
        foreach (T item in Volatile.Read(ref _items))
            yield return EventOf<TEvent, T>(item);
    }

    /// <inheritdoc/>
    public override void End(bool acknowledged)
    {
        // The items are ordinary objects: nothing to give back.
    }

    /// <inheritdoc/>
    public override void Withdraw() => Volatile.Write(ref _items, []);
}
