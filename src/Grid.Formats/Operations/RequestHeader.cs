using System.Buffers.Binary;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;

namespace Grid.Formats.Operations;

/// <summary>The fixed head of a request blob; its layout is drawn in the README of this project.</summary>
/// <param name="Shard">Number of the shard that the batch is for.</param>
/// <param name="Client">The client's incarnation: random, not 0.</param>
/// <param name="Number">
/// Place of the batch in the client's order for (shard, epoch), from 1; 0 for a batch that stands outside of any order.
/// </param>
/// <param name="Epoch">Reign in which <paramref name="Number"/> counts; 0 while the client does not know it.</param>
/// <param name="AcknowledgedBelow">Every batch of the client below this number has been answered to it.</param>
/// <param name="TimeoutMs">What is left of the caller's deadline, in milliseconds, at least 1.</param>
/// <param name="Durability">What the acknowledgement of a write promises.</param>
/// <param name="Committed">True when reads need no lease (<c>ReadMode.Primary</c>); false for linearizable ones.</param>
public readonly record struct RequestHeader(
    int Shard,
    ulong Client,
    long Number,
    long Epoch,
    long AcknowledgedBelow,
    int TimeoutMs,
    WriteDurability Durability,
    bool Committed)
{
    /// <summary>The version of the layout.</summary>
    public const byte Version = 1;

    /// <summary>Bytes of the head, before the names of keyspaces.</summary>
    public const int Length = 56;

    private const int CountOffset = 48;

    /// <summary>Starts a request blob: the head, with the counts still 0.</summary>
    public void Write(PooledBuffer buffer)
    {
        Span<byte> head = buffer.GetSpan(Length)[..Length];
        head[0] = Version;
        head[1] = (byte)Durability;
        head[2] = Committed ? (byte)1 : (byte)0;
        head[3] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], Shard);
        BinaryPrimitives.WriteUInt64LittleEndian(head[8..], Client);
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], Number);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(head[32..], AcknowledgedBelow);
        BinaryPrimitives.WriteInt32LittleEndian(head[40..], TimeoutMs);
        head[44..Length].Clear();
        buffer.Advance(Length);
    }

    /// <summary>Patches the number of operations into a blob that <see cref="Write"/> began.</summary>
    public static void PatchCount(PooledBuffer buffer, int operations) =>
        BinaryPrimitives.WriteInt32LittleEndian(buffer.WritableSpan[CountOffset..], operations);

    /// <summary>
    /// Patches order and deadline into a finished blob, so that a batch can be sent again without being built again.
    /// </summary>
    public static void PatchOrder(PooledBuffer buffer, long number, long epoch, long acknowledgedBelow, int timeoutMs)
    {
        Span<byte> head = buffer.WritableSpan;
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], number);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], epoch);
        BinaryPrimitives.WriteInt64LittleEndian(head[32..], acknowledgedBelow);
        BinaryPrimitives.WriteInt32LittleEndian(head[40..], timeoutMs);
    }

    /// <summary>Reads the shard that a blob is for, and nothing else of it; false if it is too short.</summary>
    public static bool TryReadShard(ReadOnlySpan<byte> blob, out int shard)
    {
        shard = blob.Length < Length ? -1 : BinaryPrimitives.ReadInt32LittleEndian(blob[4..]);
        return shard >= 0;
    }

    /// <summary>Reads the head and the number of operations.</summary>
    /// <exception cref="MalformedException">Too short, of another version, or with a field out of its range.</exception>
    public static RequestHeader Read(ReadOnlySpan<byte> blob, out int operations)
    {
        if (blob.Length < Length)
            throw new MalformedException($"A request of {blob.Length} bytes is shorter than its head of {Length}.");
        if (blob[0] != Version)
            throw new MalformedException($"A request of layout version {blob[0]}; this version reads {Version}. Upgrade the older side.");
        RequestHeader header = new(
            BinaryPrimitives.ReadInt32LittleEndian(blob[4..]),
            BinaryPrimitives.ReadUInt64LittleEndian(blob[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(blob[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(blob[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(blob[32..]),
            BinaryPrimitives.ReadInt32LittleEndian(blob[40..]),
            (WriteDurability)blob[1],
            blob[2] == 1);
        operations = BinaryPrimitives.ReadInt32LittleEndian(blob[CountOffset..]);
        if (header.Durability > WriteDurability.Primary || blob[2] > 1 || blob[3] != 0)
            throw new MalformedException("A request with a durability or read mode that is not known.");
        if (header.Shard < 0 || header.Number < 0 || header.Epoch < 0 || header.TimeoutMs < 1)
            throw new MalformedException("A request with a negative shard, number or epoch, or without time left.");
        if (operations < 0 || operations > blob.Length)
            throw new MalformedException($"A request that claims {operations} operations in {blob.Length} bytes.");
        return header;
    }
}
