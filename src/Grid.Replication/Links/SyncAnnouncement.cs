using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Mutations;

namespace Grid.Replication.Links;

/// <summary>
/// What a replica must know before the first piece of a snapshot and the first mutation behind it. The first item of
/// the snapshot stream, and the item that turns the command stream to the mutations behind the base: it comes on both,
/// so that it does not matter which stream is ahead.
/// </summary>
/// <param name="SnapshotId">Random name of the snapshot.</param>
/// <param name="BaseOffset">The snapshot is the state after exactly this mutation.</param>
/// <param name="Compressed">True for a VCS frame.</param>
/// <param name="Lineage">The line of data.</param>
/// <param name="History">The log's history up to the base.</param>
public sealed record SyncAnnouncement(long SnapshotId, long BaseOffset, bool Compressed, Guid Lineage, IReadOnlyList<EpochStart> History)
{
    /// <summary>Bytes of the payload as it travels, where they are known before it is sent; 0 where they are not.</summary>
    public long Length { get; init; }

    /// <summary>How the command stream travels; the same for the whole snapshot only by chance, since each link agrees on its own.</summary>
    public LinkTraits CommandTraits { get; init; }

    /// <summary>Builds the item.</summary>
    public PooledBuffer ToItem(long attach, long sequence, long epoch, long committed)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + 32 + (History.Count * 16));
        LinkTraits traits = CommandTraits | (Compressed ? LinkTraits.PackedSnapshot : LinkTraits.None);
        new LinkItem(LinkItemKind.FullSync, attach, sequence, epoch, committed, SnapshotId, BaseOffset, (long)traits).Write(item);
        item.WriteInt64(Length);
        Lineage.TryWriteBytes(item.GetSpan(16));
        item.Advance(16);
        item.WriteUInt32((uint)History.Count);
        foreach (EpochStart start in History)
        {
            item.WriteInt64(start.Epoch);
            item.WriteInt64(start.FirstOffset);
        }

        LinkItem.Seal(item);
        return item;
    }

    /// <summary>Reads the item.</summary>
    /// <exception cref="MalformedException">The body is damaged.</exception>
    public static SyncAnnouncement Read(in LinkItem item, ReadOnlySpan<byte> body)
    {
        SpanReader reader = new(body);
        long length = reader.ReadInt64();
        Guid lineage = new(reader.Read(16));
        uint count = reader.ReadUInt32();
        if (count > reader.Remaining / 16)
            throw new MalformedException($"A history of {count} epochs in {reader.Remaining} bytes.");
        EpochStart[] history = new EpochStart[count];
        EpochStart last = default;
        for (int i = 0; i < history.Length; i++)
        {
            EpochStart start = new(reader.ReadInt64(), reader.ReadInt64());
            if (start.Epoch <= last.Epoch || start.FirstOffset <= last.FirstOffset)
                throw new MalformedException($"A history in which {start} follows {last}.");
            history[i] = last = start;
        }

        if (reader.Remaining != 0 || item.B < last.FirstOffset || length < 0)
            throw new MalformedException($"An announcement of a snapshot of {length} bytes at {item.B} with {reader.Remaining} bytes left, whose last epoch is {last}.");
        LinkTraits traits = (LinkTraits)item.C;
        return new SyncAnnouncement(item.A, item.B, traits.HasFlag(LinkTraits.PackedSnapshot), lineage, history)
        {
            Length = length,
            CommandTraits = traits & ~LinkTraits.PackedSnapshot,
        };
    }
}
