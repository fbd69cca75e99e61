using Grid.Streams.Items;

namespace Grid.Streams.Queues;

/// <summary>A stream's queue with its items.</summary>
/// <inheritdoc/>
internal sealed class StreamQueue<T>(StreamId id, StreamSetting setting, IStreamBell bell) : StreamQueue(id, setting, bell)
{
    private readonly ItemKind<T> _kind = ItemKind<T>.Instance;
    private readonly ItemRing<T> _ring = new();

    /// <inheritdoc/>
    protected override int Count => _ring.Count;

    /// <summary>
    /// Queues <paramref name="items"/>, of which one reference each is taken over unless the queue is closed. The task ends
    /// when the stream has room for more; null if the queue is closed.
    /// </summary>
    public Task? Enqueue(ReadOnlySpan<T> items)
    {
        GridStreamFailureReason? refusal;
        lock (Gate)
        {
            if (IsClosed)
                return null;
            refusal = Refusal();
            if (refusal is null)
            {
                int countBefore = _ring.Count;
                foreach (T item in items)
                {
                    int bytes = _kind.SizeOf(item) + GridStreamOptions.ItemOverheadBytes;
                    _ring.Add(item, bytes);
                    HeldBytes += bytes;
                }

                return OnAdded(countBefore);
            }
        }

        foreach (T item in items)
            _kind.Release(item);
        return Task.FromException(GridStreamException.For(Id, refusal.Value));
    }

    /// <inheritdoc/>
    protected override int RemoveFirst()
    {
        ItemRing<T>.Entry entry = _ring.RemoveFirst();
        _kind.Release(entry.Item);
        return entry.Bytes;
    }

    /// <inheritdoc/>
    protected override StreamBatch? Collect(StreamCursor cursor, int index)
    {
        int count = CountForDelivery(index);
        var items = new T[count];
        for (int i = 0; i < count; i++)
            items[i] = _kind.Retain(_ring[index + i].Item);

        long sequence = cursor.Position;
        cursor.Position += count;
        if (Setting.Faults is { } faults)
            items = FaultInjection.Apply(faults, Id, _kind, items);
        return items.Length > 0 ? _kind.MakeBatch(Id, sequence, items) : null;
    }

    private int CountForDelivery(int index)
    {
        int count = 0;
        long bytes = 0;
        while (index + count < _ring.Count && count < Setting.Options.ItemsPerDeliveryMax)
        {
            bytes += _ring[index + count].Bytes;
            if (count > 0 && bytes > Setting.Options.BytesPerDeliveryMax)
                break;
            count++;
        }

        return count;
    }
}
