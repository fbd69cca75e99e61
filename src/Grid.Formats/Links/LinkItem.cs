using System.Buffers.Binary;
using System.IO.Hashing;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;

namespace Grid.Formats.Links;

/// <summary>What an item of a command or snapshot stream is. The numbers are on the wire: never reuse one.</summary>
public enum LinkItemKind : byte
{
    /// <summary>The link goes on from the replica's log. <c>A</c> = offset at which that log is to end, <c>C</c> = <see cref="LinkTraits"/>.</summary>
    Continue = 1,

    /// <summary>
    /// The link begins with a snapshot; on the command stream and, where the snapshot has a stream of its own, there too,
    /// whichever comes first. <c>A</c> = snapshot id, <c>B</c> = base offset, <c>C</c> = <see cref="LinkTraits"/>; body = length,
    /// lineage and history.
    /// </summary>
    FullSync = 2,

    /// <summary>Mutations of one epoch. <c>A</c> = that epoch, <c>B</c> = first offset, <c>C</c> = count; body = the mutations.</summary>
    Mutations = 3,

    /// <summary>
    /// Sign of life that asks for an acknowledgement, also while the replica waits for its turn. <c>A</c> = end of the
    /// primary's log, <c>B</c> = the moment, by the replica's clock, of the last acknowledgement that the primary had while it
    /// held its lease, 0 when there is none.
    /// </summary>
    Heartbeat = 4,

    /// <summary>
    /// A piece of a snapshot, on the snapshot stream or, with a single channel, on the command stream. The same bytes for
    /// the whole cohort: attach number 0, numbered within the snapshot from 1.
    /// <c>A</c> = snapshot id, <c>B</c> = bytes of the payload before this piece; body = the piece.
    /// </summary>
    SnapshotChunk = 5,

    /// <summary>The end of a snapshot. <c>A</c> = snapshot id, <c>B</c> = bytes of the payload; body = number of entries.</summary>
    SnapshotEnd = 6,

    /// <summary>As <see cref="Mutations"/>; body = the next bytes of the link's VCS frame, which hold exactly these mutations.</summary>
    PackedMutations = 7,
}

/// <summary>What was agreed on for a link, announced in its first item. The bits are on the wire.</summary>
[Flags]
public enum LinkTraits : long
{
    /// <summary>Everything is plain.</summary>
    None = 0,

    /// <summary>The snapshot is a VCS frame.</summary>
    PackedSnapshot = 1,

    /// <summary>Mutations may come packed in one VCS frame that lasts as long as the link.</summary>
    PackedCommands = 2,

    /// <summary>The primary would pack the commands of a replica that can decode them: what a replica must know to see whether a change of its own settings concerns this link.</summary>
    OffersPacking = 4,
}

/// <summary>
/// The head of every item that a primary sends to a replica, checked before anything behind it is looked at.
/// </summary>
/// <param name="Kind">What the item is.</param>
/// <param name="Attach">Number of the attach that the item answers; an item with another one is stale.</param>
/// <param name="Sequence">Place of the item in its stream since the attach, from 0; a hole means items were lost.</param>
/// <param name="Epoch">Reign of the sender.</param>
/// <param name="Committed">The sender's committed offset.</param>
/// <param name="A">See <see cref="LinkItemKind"/>.</param>
/// <param name="B">See <see cref="LinkItemKind"/>.</param>
/// <param name="C">See <see cref="LinkItemKind"/>.</param>
/// <remarks>
/// Layout, little-endian: <c>[version] [kind] [0] [0] [checksum u32] [attach] [sequence] [epoch] [committed] [A] [B] [C]</c>
/// with 64 bits each, then the body. The checksum is the low half of XxHash3 of everything but itself.
/// </remarks>
public readonly record struct LinkItem(
    LinkItemKind Kind, long Attach, long Sequence, long Epoch, long Committed, long A, long B, long C)
{
    /// <summary>The version of the layout.</summary>
    public const byte Version = 1;

    /// <summary>Bytes of the head.</summary>
    public const int HeadLength = 64;

    /// <summary>Starts an item in an empty buffer; the body is appended by the caller, then <see cref="Seal"/> is called.</summary>
    public void Write(PooledBuffer buffer)
    {
        WriteTo(buffer.GetSpan(HeadLength));
        buffer.Advance(HeadLength);
    }

    /// <summary>Writes the head to the first <see cref="HeadLength"/> bytes of <paramref name="target"/>, in front of a body that is there already; then <see cref="Seal"/> is called.</summary>
    public void WriteTo(Span<byte> target)
    {
        Span<byte> head = target[..HeadLength];
        head[0] = Version;
        head[1] = (byte)Kind;
        head[2..8].Clear();
        BinaryPrimitives.WriteInt64LittleEndian(head[8..], Attach);
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(head[32..], Committed);
        BinaryPrimitives.WriteInt64LittleEndian(head[40..], A);
        BinaryPrimitives.WriteInt64LittleEndian(head[48..], B);
        BinaryPrimitives.WriteInt64LittleEndian(head[56..], C);
    }

    /// <summary>Puts the checksum into a finished item.</summary>
    public static void Seal(PooledBuffer item) =>
        BinaryPrimitives.WriteUInt32LittleEndian(item.WritableSpan[4..], Checksum(item.Span));

    /// <summary>Reads the head and gives the body.</summary>
    /// <exception cref="MalformedException">Too short, or damaged on the way.</exception>
    /// <exception cref="LinkFormatException">Of another version.</exception>
    public static LinkItem Read(ReadOnlySpan<byte> item, out ReadOnlySpan<byte> body)
    {
        if (item.Length < HeadLength)
            throw new MalformedException($"A link item of {item.Length} bytes is shorter than its head of {HeadLength}.");
        if (BinaryPrimitives.ReadUInt32LittleEndian(item[4..]) != Checksum(item))
            throw new MalformedException("A link item whose checksum does not fit: it was damaged on the way.");
        if (item[0] != Version)
            throw new LinkFormatException(PayloadFault.Incompatible, $"A link item of layout version {item[0]}; this version reads {Version}. Upgrade the older side.");
        body = item[HeadLength..];
        return new LinkItem(
            (LinkItemKind)item[1],
            BinaryPrimitives.ReadInt64LittleEndian(item[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(item[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(item[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(item[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(item[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(item[48..]),
            BinaryPrimitives.ReadInt64LittleEndian(item[56..]));
    }

    /// <summary>The same in every version: what was damaged on its way is told from what another version made.</summary>
    private static uint Checksum(ReadOnlySpan<byte> item) =>
        (uint)XxHash3.HashToUInt64(item[8..]) ^ BinaryPrimitives.ReadUInt32LittleEndian(item);
}
