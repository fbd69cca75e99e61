using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Links;

namespace Grid.Silo.Snapshots;

/// <summary>Numbers the items of one snapshot: pieces from 1, then the end. The same bytes serve every member.</summary>
internal sealed class SnapshotItems(long snapshotId, long epoch)
{
    private long _sequence = 1;

    /// <summary>Bytes of the payload in items so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>Makes an item of a chunk that was left room for the head.</summary>
    public PooledBuffer Piece(PooledBuffer chunk)
    {
        new LinkItem(LinkItemKind.SnapshotChunk, 0, _sequence++, epoch, 0, snapshotId, Bytes, 0).WriteTo(chunk.WritableSpan);
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
        new LinkItem(LinkItemKind.SnapshotEnd, 0, _sequence, epoch, 0, snapshotId, Bytes, 0).Write(item);
        item.WriteInt64(entries);
        LinkItem.Seal(item);
        return item;
    }
}
