using Grid.Formats.Buffers;
using Orleans.Streams;

namespace Grid.Streams.Items;

/// <summary>
/// A delivery of pooled buffers, which it shares with the stream's queue: its own references end when the delivery is over
/// and nobody can still read them.
/// </summary>
/// <remarks>
/// <para>
/// Readers. The serializer reads under a reference to the batch (<see cref="TryPin"/>); Orleans may do so after the
/// delivery has failed, when a message left its queue late, and then finds an empty batch instead of bytes
/// that have gone back to the pool. A consumer on the same silo reads this very instance; nothing tells when a failed
/// attempt of such a consumer lets go of it, so after a failure the buffers are left to the garbage collector.
/// </para>
/// <para>
/// State: <c>_pins</c> counts the delivery itself (1) and readers; at 0 the references end, and it never rises from 0.
/// </para>
/// </remarks>
internal sealed class PooledBatch : StreamBatch
{
    private readonly PooledBuffer[] _items;
    private readonly bool _received;
    private int _pins = 1;
    private int _localReads;
    private int _withdrawn;

    private PooledBatch(StreamId streamId, long sequence, PooledBuffer[] items, bool received)
        : base(streamId, sequence)
    {
        _items = items;
        _received = received;
    }

    /// <summary>The items; on the producer's silo only while the batch is pinned.</summary>
    public ReadOnlySpan<PooledBuffer> Items => _items;

    /// <summary>A batch to deliver; it takes over one reference to each of <paramref name="items"/>.</summary>
    public static PooledBatch ToSend(StreamId streamId, long sequence, PooledBuffer[] items) =>
        new(streamId, sequence, items, received: false);

    /// <summary>A batch that arrived: the buffers are its reader's.</summary>
    public static PooledBatch Received(long sequence, PooledBuffer[] items) =>
        new(default, sequence, items, received: true);

    /// <summary>Keeps the items alive until <see cref="Unpin"/>; false if they are gone.</summary>
    public bool TryPin()
    {
        int pins = Volatile.Read(ref _pins);
        while (pins > 0)
        {
            int seen = Interlocked.CompareExchange(ref _pins, pins + 1, pins);
            if (seen == pins)
                return true;
            pins = seen;
        }

        return false;
    }

    /// <summary>Ends a <see cref="TryPin"/> that returned true.</summary>
    public void Unpin()
    {
        if (Interlocked.Decrement(ref _pins) != 0)
            return;
        foreach (PooledBuffer item in _items)
            item.Release();
    }

    /// <inheritdoc/>
    public override IEnumerable<Tuple<TEvent, StreamSequenceToken>> GetEvents<TEvent>()
    {
        if (!_received)
        {
            if (!TryPin())
                yield break;
            Interlocked.Increment(ref _localReads);
        }

        foreach (PooledBuffer item in _items)
            yield return EventOf<TEvent, PooledBuffer>(item);
    }

    /// <inheritdoc/>
    public override void End(bool acknowledged)
    {
        if (acknowledged && Volatile.Read(ref _localReads) == 1)
            Unpin();
        Withdraw();
    }

    /// <inheritdoc/>
    public override void Withdraw()
    {
        if (Interlocked.Exchange(ref _withdrawn, 1) == 0)
            Unpin();
    }
}
