using System.Buffers.Binary;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;

namespace Grid.Formats.Operations;

/// <summary>
/// One operation of a request blob. The spans point into the blob.
/// </summary>
/// <remarks>
/// <para>
/// Layout: <c>[kind] [flags | condition &lt;&lt; 4 | onlyLookUp &lt;&lt; 7]</c>, then, by kind, key, value, version, time to live, delta, cursor
/// and limits; see the README of this project. The keyspace of an operation is the one that the last
/// <c>keyspace</c> mark before it named, so that a batch for one keyspace names it once. Its number is that of the
/// operation before it plus one, unless a <c>number</c> mark before it says how many are left out.
/// </para>
/// </remarks>
public ref struct Operation
{
    /// <summary>The mark that names the keyspace of the operations behind it.</summary>
    internal const byte KeyspaceMark = 0x7F;

    /// <summary>The mark that leaves numbers out before the next operation.</summary>
    internal const byte NumberMark = 0x7E;

    /// <summary>The highest number of an operation: more than a client sends to a shard in a thousand years.</summary>
    public const long NumberMax = 1L << 60;

    /// <summary>
    /// Its place in its client's count for the shard, the same whenever it is sent; 0 for one of which nothing is to be remembered. Ascends within a batch.
    /// </summary>
    public long Number { get; set; }

    /// <summary>What to do.</summary>
    public OperationKind Kind { get; set; }

    /// <summary>Bits that modify it.</summary>
    public OperationFlags Flags { get; set; }

    /// <summary>When a write takes place.</summary>
    public WriteCondition Condition { get; set; }

    /// <summary>The keyspace's name as UTF-8.</summary>
    public ReadOnlySpan<byte> Keyspace { get; set; }

    /// <summary>The key; for a scan the prefix that keys must have.</summary>
    public ReadOnlySpan<byte> Key { get; set; }

    /// <summary>The value to write.</summary>
    public ReadOnlySpan<byte> Value { get; set; }

    /// <summary>The version that <see cref="WriteCondition.IfVersion"/> asks for.</summary>
    public ulong Version { get; set; }

    /// <summary>Time to live in milliseconds, or with <see cref="OperationFlags.ExpiresAt"/> its end; 0 for none.</summary>
    public long TimeToLiveMs { get; set; }

    /// <summary>What to add to a counter.</summary>
    public long Delta { get; set; }

    /// <summary>Where a scan goes on: a position in hash order.</summary>
    public ulong Cursor { get; set; }

    /// <summary>The most entries that a scan returns in one page, at least 1.</summary>
    public int EntriesMax { get; set; }

    /// <summary>Bytes after which a scan's page ends.</summary>
    public int BytesMax { get; set; }
}

/// <summary>Writes operations behind the head of a request blob.</summary>
/// <remarks>Lives in the hands of one thread at a time; owns nothing: the buffer stays its caller's.</remarks>
public struct OperationWriter(PooledBuffer buffer)
{
    private string? _keyspace;
    private long _expected;

    /// <summary>Operations written so far.</summary>
    public int Count { get; private set; }

    /// <summary>
    /// Appends one operation of <paramref name="keyspace"/>; <see cref="Operation.Keyspace"/> is not looked at. The first one's number goes into the head.
    /// </summary>
    public void Write(string keyspace, in Operation operation)
    {
        if (operation.Number != 0)
            WriteNumber(operation.Number);
        if (!ReferenceEquals(keyspace, _keyspace) && keyspace != _keyspace)
        {
            buffer.WriteByte(Operation.KeyspaceMark);
            buffer.WriteText(keyspace);
            _keyspace = keyspace;
        }

        int longest = 2 + (2 * BufferFields.VarIntBytesMax) + operation.Key.Length + operation.Value.Length + 24;
        Span<byte> span = buffer.GetSpan(longest);
        span[0] = (byte)operation.Kind;
        span[1] = (byte)((byte)operation.Flags | ((byte)operation.Condition << ConditionShift));
        int i = 2;
        if (HasKey(operation.Kind))
        {
            i += BufferFields.WriteVarInt(span[i..], operation.Key.Length);
            operation.Key.CopyTo(span[i..]);
            i += operation.Key.Length;
        }

        if (operation.Kind == OperationKind.Set)
        {
            i += BufferFields.WriteVarInt(span[i..], operation.Value.Length);
            operation.Value.CopyTo(span[i..]);
            i += operation.Value.Length;
        }

        if (operation.Condition == WriteCondition.IfVersion)
            i += WriteUInt64(span[i..], operation.Version);
        if (HasTimeToLive(operation.Kind))
            i += WriteUInt64(span[i..], (ulong)operation.TimeToLiveMs);
        if (operation.Kind == OperationKind.Increment)
            i += WriteUInt64(span[i..], (ulong)operation.Delta);
        if (operation.Kind == OperationKind.Scan)
        {
            i += WriteUInt64(span[i..], operation.Cursor);
            i += BufferFields.WriteVarInt(span[i..], operation.EntriesMax);
            i += BufferFields.WriteVarInt(span[i..], operation.BytesMax);
        }

        buffer.Advance(i);
        Count++;
    }

    internal const int ConditionShift = 4;

    /// <summary>Every flag that stands in the byte beside the condition.</summary>
    internal const byte FlagBits = 0x8F;

    private void WriteNumber(long number)
    {
        if (Count == 0)
        {
            RequestHeader.PatchFirstOperation(buffer, number);
        }
        else if (number != _expected)
        {
            Span<byte> span = buffer.GetSpan(1 + BufferFields.VarLongBytesMax);
            span[0] = Operation.NumberMark;
            buffer.Advance(1 + BufferFields.WriteVarLong(span[1..], number - _expected));
        }

        _expected = number + 1;
    }

    internal static bool HasKey(OperationKind kind) => kind is not (OperationKind.Clear or OperationKind.Statistics);

    internal static bool HasTimeToLive(OperationKind kind) =>
        kind is OperationKind.Set or OperationKind.Expire or OperationKind.Increment;

    private static int WriteUInt64(Span<byte> span, ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(span, value);
        return 8;
    }
}

/// <summary>Reads the operations of a request blob one after the other.</summary>
/// <remarks>Lives on the stack of one thread; the blob must outlive it.</remarks>
public ref struct OperationReader
{
    private readonly int _count;
    private SpanReader _reader;
    private ReadOnlySpan<byte> _keyspace;
    private long _number;
    private int _read;

    /// <summary>Begins behind the head of <paramref name="blob"/>.</summary>
    /// <param name="blob">The whole blob.</param>
    /// <param name="operations">The number of operations, from <see cref="RequestHeader.Read"/>.</param>
    public OperationReader(ReadOnlySpan<byte> blob, int operations)
    {
        _reader = new SpanReader(RequestHeader.WithoutTrace(blob));
        _reader.Read(RequestHeader.Length);
        _number = RequestHeader.ReadFirstOperation(blob);
        _count = operations;
    }

    /// <summary>Reads the next operation; false at the end.</summary>
    /// <exception cref="MalformedException">The blob is damaged; nothing behind this point can be read.</exception>
    public bool TryRead(out Operation operation)
    {
        operation = default;
        if (_read == _count)
        {
            if (_reader.Remaining != 0)
                throw new MalformedException($"{_reader.Remaining} bytes follow the last operation.");
            return false;
        }

        byte kind = ReadMarks();
        if (kind is 0 or > (byte)OperationKind.Statistics)
            throw new MalformedException($"Operation kind {kind} is not known to this version.");
        if (_keyspace.IsEmpty)
            throw new MalformedException("An operation without a keyspace.");
        byte modifiers = _reader.ReadByte();
        operation.Kind = (OperationKind)kind;
        operation.Flags = (OperationFlags)(modifiers & OperationWriter.FlagBits);
        operation.Condition = (WriteCondition)((modifiers & ~OperationWriter.FlagBits) >> OperationWriter.ConditionShift);
        operation.Keyspace = _keyspace;
        operation.Number = _number == 0 ? 0 : _number++;
        if (operation.Condition > WriteCondition.IfVersion)
            throw new MalformedException($"Write condition {(byte)operation.Condition} is not known to this version.");
        _read++;
        if (OperationWriter.HasKey(operation.Kind))
            operation.Key = _reader.ReadBytes();
        if (operation.Kind == OperationKind.Set)
            operation.Value = _reader.ReadBytes();
        if (operation.Condition == WriteCondition.IfVersion)
            operation.Version = _reader.ReadUInt64();
        if (OperationWriter.HasTimeToLive(operation.Kind))
            operation.TimeToLiveMs = _reader.ReadInt64();
        if (operation.TimeToLiveMs < 0)
            throw new MalformedException("A negative time to live.");
        if (operation.Kind == OperationKind.Increment)
            operation.Delta = _reader.ReadInt64();
        if (operation.Kind != OperationKind.Scan)
            return true;
        operation.Cursor = _reader.ReadUInt64();
        operation.EntriesMax = _reader.ReadVarInt();
        operation.BytesMax = _reader.ReadVarInt();
        return true;
    }

    /// <summary>Reads what stands between two operations, and the kind of the next one.</summary>
    private byte ReadMarks()
    {
        while (true)
        {
            byte kind = _reader.ReadByte();
            switch (kind)
            {
                case Operation.KeyspaceMark:
                    _keyspace = _reader.ReadBytes();
                    break;
                case Operation.NumberMark:
                    long leftOut = _reader.ReadVarLong();
                    if (_number == 0 || leftOut == 0 || leftOut > Operation.NumberMax - _number)
                        throw new MalformedException($"{leftOut} numbers are left out before operation {_number}.");
                    _number += leftOut;
                    break;
                default:
                    return kind;
            }
        }
    }
}
