using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Links;

namespace Grid.Silo.Snapshots;

/// <summary>Numbers the items of one snapshot: pieces from 1, then the end. The same bytes serve every member.</summary>
/// <param name="snapshotId">The snapshot.</param>
/// <param name="epoch">The reign.</param>
/// <param name="attach">
/// The attach for which they are sent, where that is one only: a saved snapshot may be sent to a replica again, and what is left of the time before must
/// not be taken for it. 0 for a cohort's, which is sent once.
/// </param>
internal sealed class SnapshotItems(long snapshotId, long epoch, long attach = 0)
{
    private long _sequence = 1;

    /// <summary>Bytes of the payload in items so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>Makes an item of a chunk that was left room for the head.</summary>
    public PooledBuffer Piece(PooledBuffer chunk)
    {
        new LinkItem(LinkItemKind.SnapshotChunk, attach, _sequence++, epoch, 0, snapshotId, Bytes, 0).WriteTo(chunk.WritableSpan);
        LinkItem.Seal(chunk);
        Bytes += chunk.Length - LinkItem.HeadLength;
        return chunk;
    }

    /// <summary>A piece without content: a sign of life while the pace holds the others back.</summary>
    public PooledBuffer SignOfLife()
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength);
        item.Advance(LinkItem.HeadLength);
        return Piece(item);
    }

    /// <summary>The end, with the number of entries.</summary>
    public PooledBuffer End(long entries)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + sizeof(long));
        new LinkItem(LinkItemKind.SnapshotEnd, attach, _sequence, epoch, 0, snapshotId, Bytes, 0).Write(item);
        item.WriteInt64(entries);
        LinkItem.Seal(item);
        return item;
    }
}
