using System.Buffers.Binary;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;

namespace Grid.Formats.Operations;

/// <summary>The fixed head of a request blob; its layout is drawn in the README of this project.</summary>
/// <param name="Shard">Number of the shard that the batch is for.</param>
/// <param name="Client">The client's incarnation, not 0: beginning with the time of its making, so that of two the later one has the higher id, mostly.</param>
/// <param name="Number">
/// Place of the batch in the client's order for (shard, epoch), from 1; 0 for a batch that stands outside of any order.
/// </param>
/// <param name="Epoch">Reign in which <paramref name="Number"/> counts; 0 while the client does not know it.</param>
/// <param name="AcknowledgedBelow">Every batch of the client below this number has been answered to it, or given up.</param>
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
    public const int Length = 64;

    private const byte RepeatsBit = 1;
    private const byte TracedBit = 2;
    private const int FlagsOffset = 3;
    private const int CountOffset = 44;
    private const int FirstOffset = 48;
    private const int SettledOffset = 56;

    /// <summary>
    /// Number of the first operation in the client's count for the shard, from 1 and over all reigns; the others follow, see <see cref="Operation.Number"/>.
    /// 0 for operations without numbers, of which nothing is remembered: they must not be repeated.
    /// </summary>
    public long FirstOperation { get; init; }

    /// <summary>Every operation of the client below this number is settled: its answer has come, or nobody waits for it.</summary>
    public long SettledBelow { get; init; }

    /// <summary>True when operations of the batch may have been applied before: each is looked up first, and not applied a second time.</summary>
    public bool Repeats { get; init; }

    /// <summary>Starts a request blob: the head, with the counts still 0.</summary>
    public void Write(PooledBuffer buffer)
    {
        Span<byte> head = buffer.GetSpan(Length)[..Length];
        head[0] = Version;
        head[1] = (byte)Durability;
        head[2] = Committed ? (byte)1 : (byte)0;
        head[FlagsOffset] = Repeats ? RepeatsBit : (byte)0;
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], Shard);
        BinaryPrimitives.WriteUInt64LittleEndian(head[8..], Client);
        BinaryPrimitives.WriteInt64LittleEndian(head[16..], Number);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(head[32..], AcknowledgedBelow);
        BinaryPrimitives.WriteInt32LittleEndian(head[40..], TimeoutMs);
        BinaryPrimitives.WriteInt32LittleEndian(head[CountOffset..], 0);
        BinaryPrimitives.WriteInt64LittleEndian(head[FirstOffset..], FirstOperation);
        BinaryPrimitives.WriteInt64LittleEndian(head[SettledOffset..], SettledBelow);
        buffer.Advance(Length);
    }

    /// <summary>Patches the number of operations into a blob that <see cref="Write"/> began.</summary>
    public static void PatchCount(PooledBuffer buffer, int operations) =>
        BinaryPrimitives.WriteInt32LittleEndian(buffer.WritableSpan[CountOffset..], operations);

    /// <summary>Patches the number of the first operation into a blob: those of the others follow from it.</summary>
    public static void PatchFirstOperation(PooledBuffer buffer, long number) =>
        BinaryPrimitives.WriteInt64LittleEndian(buffer.WritableSpan[FirstOffset..], number);

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

    /// <summary>Patches into a finished blob what the client's other operations have come to, and whether these may have been applied before.</summary>
    public static void PatchSession(PooledBuffer buffer, long settledBelow, bool repeats)
    {
        Span<byte> head = buffer.WritableSpan;
        head[FlagsOffset] = (byte)((head[FlagsOffset] & ~RepeatsBit) | (repeats ? RepeatsBit : 0));
        BinaryPrimitives.WriteInt64LittleEndian(head[SettledOffset..], settledBelow);
    }

    /// <summary>Puts the span of whoever sends it behind the operations of a finished blob, or in the place of the one that is there.</summary>
    public static void PatchTrace(PooledBuffer buffer, TraceContext trace)
    {
        if (!IsTraced(buffer.Span))
        {
            buffer.WritableSpan[FlagsOffset] |= TracedBit;
            _ = buffer.GetSpan(TraceContext.Length);
            buffer.Advance(TraceContext.Length);
        }

        trace.Write(buffer.WritableSpan[^TraceContext.Length..]);
    }

    /// <summary>True if a blob carries the span of whoever sent it.</summary>
    public static bool IsTraced(ReadOnlySpan<byte> blob) => blob.Length >= Length + TraceContext.Length && (blob[FlagsOffset] & TracedBit) != 0;

    /// <summary>The span of whoever sent a blob; only of one that <see cref="IsTraced"/>.</summary>
    public static TraceContext ReadTrace(ReadOnlySpan<byte> blob) => TraceContext.Read(blob[^TraceContext.Length..]);

    /// <summary>A blob without the span behind its operations.</summary>
    internal static ReadOnlySpan<byte> WithoutTrace(ReadOnlySpan<byte> blob) => IsTraced(blob) ? blob[..^TraceContext.Length] : blob;

    /// <summary>Reads the shard that a blob is for, and nothing else of it; false if it is too short.</summary>
    public static bool TryReadShard(ReadOnlySpan<byte> blob, out int shard)
    {
        shard = blob.Length < Length ? -1 : BinaryPrimitives.ReadInt32LittleEndian(blob[4..]);
        return shard >= 0;
    }

    /// <summary>Reads the number of a blob's first operation; 0 if they have none. The blob must be long enough.</summary>
    internal static long ReadFirstOperation(ReadOnlySpan<byte> blob) => BinaryPrimitives.ReadInt64LittleEndian(blob[FirstOffset..]);

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
            blob[2] == 1)
        {
            FirstOperation = ReadFirstOperation(blob),
            SettledBelow = BinaryPrimitives.ReadInt64LittleEndian(blob[SettledOffset..]),
            Repeats = (blob[FlagsOffset] & RepeatsBit) != 0,
        };
        operations = BinaryPrimitives.ReadInt32LittleEndian(blob[CountOffset..]);
        if (header.Durability > WriteDurability.Primary || blob[2] > 1 || blob[FlagsOffset] > (RepeatsBit | TracedBit))
            throw new MalformedException("A request with a durability, read mode or flags that are not known.");
        if (header.Shard < 0 || header.Number < 0 || header.Epoch < 0 || header.TimeoutMs < 1)
            throw new MalformedException("A request with a negative shard, number or epoch, or without time left.");
        if (operations < 0 || operations > blob.Length)
            throw new MalformedException($"A request that claims {operations} operations in {blob.Length} bytes.");
        if (header.FirstOperation < 0 || header.SettledBelow < 0 || header.FirstOperation > Operation.NumberMax)
            throw new MalformedException("A request with numbers of operations out of their range.");
        if (header.FirstOperation == 0 ? header.Repeats : header.Number == 0 || header.Client == 0 || header.SettledBelow > header.FirstOperation)
            throw new MalformedException("A request with numbered operations but no place in its client's order, with some that are settled, or that repeats operations without numbers.");
        return header;
    }
}
