using PooledBuffer = Grid.Formats.Buffers.PooledBuffer;

namespace Grid.Client.Contracts;

/// <summary>
/// Batches of several shards in one call, or their replies: blobs, each with a place that its reply has as well.
/// </summary>
/// <remarks>
/// <para>
/// In a request the places are the caller's to choose, each once, from 0 to below <see cref="CountMax"/>. In a reply an empty blob
/// stands for a batch of which nothing is known: it was passed on, and no answer came back.
/// </para>
/// <para>
/// Ownership: a bundle adds nothing to that of its blobs. The sender of a request keeps its references, as with
/// <see cref="IShardGrain.ExecuteAsync"/>; the blobs of a reply are handed over. The receiver of either ends each blob with
/// <see cref="PooledBuffer.ReleaseReceived"/>. Not thread-safe; not changed any more once it is sent.
/// </para>
/// </remarks>
public sealed class BatchBundle
{
    /// <summary>The most batches in one bundle.</summary>
    public const int CountMax = 4096;

    private (int Place, PooledBuffer Blob)[] _items;

    /// <summary>An empty bundle.</summary>
    /// <param name="capacity">How many batches are expected.</param>
    /// <param name="ticket">See <see cref="Ticket"/>.</param>
    public BatchBundle(int capacity, long ticket = 0)
    {
        _items = new (int, PooledBuffer)[Math.Max(capacity, 4)];
        Ticket = ticket;
    }

    /// <summary>
    /// In a reply: 0 if every batch of the call is answered; otherwise what <see cref="IFrontGrain.CollectAsync"/> gives the
    /// missing replies for.
    /// </summary>
    public long Ticket { get; private set; }

    /// <summary>The number of blobs.</summary>
    public int Count { get; private set; }

    /// <summary>The blob at <paramref name="index"/>, and its place.</summary>
    public (int Place, PooledBuffer Blob) this[int index] => _items[index];

    /// <summary>Appends a blob.</summary>
    public void Add(int place, PooledBuffer blob)
    {
        if (Count == _items.Length)
            Array.Resize(ref _items, Count * 2);
        _items[Count++] = (place, blob);
    }

    /// <summary>Changes the ticket, before the bundle is sent.</summary>
    public BatchBundle WithTicket(long ticket)
    {
        Ticket = ticket;
        return this;
    }

    /// <summary>Ends the receiver's reference to every blob.</summary>
    public void ReleaseReceived()
    {
        for (int i = 0; i < Count; i++)
            _items[i].Blob.ReleaseReceived();
    }
}
