using Grid.Formats.Binary;
using Grid.Formats.Buffers;

namespace Grid.Formats.Operations;

/// <summary>
/// A page of a scan, the value of its result: the next cursor, whether the shard is done, then entries.
/// </summary>
/// <remarks>
/// Layout: <c>[cursor u64] [done u8] [keys only u8] [count u32]</c>, then per entry key and value behind varint counts,
/// version u64, expiry i64; value and expiry are left out when only keys were asked for.
/// </remarks>
public sealed class ScanPageWriter
{
    /// <summary>Bytes before the first entry.</summary>
    public const int HeadLength = 14;

    private readonly PooledBuffer _buffer;
    private readonly bool _keysOnly;
    private readonly int _start;
    private int _count;

    /// <summary>Begins a page at the end of <paramref name="buffer"/>.</summary>
    public ScanPageWriter(PooledBuffer buffer, bool keysOnly)
    {
        _buffer = buffer;
        _keysOnly = keysOnly;
        _start = buffer.Length;
        buffer.GetSpan(HeadLength)[..HeadLength].Clear();
        buffer.Advance(HeadLength);
    }

    /// <summary>Appends an entry.</summary>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ulong version, long expiryUnixMs)
    {
        _buffer.WriteBytes(key);
        if (!_keysOnly)
            _buffer.WriteBytes(value);
        _buffer.WriteUInt64(version);
        if (!_keysOnly)
            _buffer.WriteInt64(expiryUnixMs);
        _count++;
    }

    /// <summary>Ends the page with the cursor of the next one.</summary>
    public void End(ulong cursor, bool done)
    {
        Span<byte> head = _buffer.WritableSpan[_start..];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(head, cursor);
        head[8] = done ? (byte)1 : (byte)0;
        head[9] = _keysOnly ? (byte)1 : (byte)0;
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(head[10..], _count);
    }
}

/// <summary>Reads a page of a scan.</summary>
public ref struct ScanPageReader
{
    private readonly bool _keysOnly;
    private SpanReader _reader;
    private int _left;

    /// <summary>Begins to read <paramref name="page"/>.</summary>
    /// <exception cref="MalformedException">The page is damaged.</exception>
    public ScanPageReader(ReadOnlySpan<byte> page)
    {
        _reader = new SpanReader(page);
        Cursor = _reader.ReadUInt64();
        Done = _reader.ReadByte() == 1;
        _keysOnly = _reader.ReadByte() == 1;
        Count = _left = (int)_reader.ReadUInt32();
        if (Count < 0 || Count > page.Length)
            throw new MalformedException($"A page that claims {Count} entries in {page.Length} bytes.");
    }

    /// <summary>Where the next page begins.</summary>
    public ulong Cursor { get; }

    /// <summary>True when the shard has no further page.</summary>
    public bool Done { get; }

    /// <summary>Entries in the page.</summary>
    public int Count { get; }

    /// <summary>Reads the next entry; false at the end.</summary>
    /// <exception cref="MalformedException">The page is damaged.</exception>
    public bool TryRead(out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out ulong version, out long expiryUnixMs)
    {
        key = value = default;
        version = 0;
        expiryUnixMs = 0;
        if (_left == 0)
            return false;
        _left--;
        key = _reader.ReadBytes();
        if (!_keysOnly)
            value = _reader.ReadBytes();
        version = _reader.ReadUInt64();
        if (!_keysOnly)
            expiryUnixMs = _reader.ReadInt64();
        return true;
    }
}
