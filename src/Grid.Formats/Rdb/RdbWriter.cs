using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Grid.Formats.Rdb;

/// <summary>
/// Writes the elements of an RDB file, version 10, onto a buffer. The eight bytes of checksum after the end mark are the
/// business of whoever sees all bytes, see <see cref="WriteChecksum"/>.
/// </summary>
/// <remarks>Allocates nothing. Not thread-safe.</remarks>
public sealed class RdbWriter
{
    // An expiry, a type and two lengths.
    private const int EntryOverheadMax = 1 + sizeof(long) + 1 + 2 * LengthBytesMax;
    private const int LengthBytesMax = 1 + sizeof(ulong);

    // Longer values are copied in pieces that the sink chooses, so that it need not find room for them in one piece.
    private const int OnePieceMax = 8 << 10;

    private IBufferWriter<byte> _sink;

    /// <summary>A writer onto <paramref name="sink"/>.</summary>
    public RdbWriter(IBufferWriter<byte> sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        _sink = sink;
    }

    /// <summary>The number of bytes written.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>Sends what is written from now on elsewhere. Elements are never split between sinks.</summary>
    public void Redirect(IBufferWriter<byte> sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        _sink = sink;
    }

    /// <summary>Writes <c>REDIS0010</c>.</summary>
    public void WriteHeader() => WriteRaw("REDIS0010"u8);

    /// <summary>Writes an AUX field. Readers that do not know its name skip it.</summary>
    public void WriteAux(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        WriteByte(RdbFormat.Aux);
        WriteString(name);
        WriteString(value);
    }

    /// <summary>Writes an AUX field whose name and value are text.</summary>
    public void WriteAux(string name, string value)
    {
        WriteByte(RdbFormat.Aux);
        WriteText(name);
        WriteText(value);
    }

    /// <summary>Says that the following keys are of database <paramref name="database"/>, 0 or more.</summary>
    public void WriteSelectDb(int database)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(database);
        WriteByte(RdbFormat.SelectDb);
        WriteLength((ulong)database);
    }

    /// <summary>Says how many keys follow in this database, and how many of them expire: a hint for the reader's tables.</summary>
    public void WriteResizeDb(ulong keys, ulong keysWithExpiry)
    {
        WriteByte(RdbFormat.ResizeDb);
        WriteLength(keys);
        WriteLength(keysWithExpiry);
    }

    /// <summary>Writes a string key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="expiryUnixMs">Milliseconds since 1970, or 0 for none.</param>
    public void WriteEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs)
    {
        bool onePiece = value.Length <= OnePieceMax;
        int room = EntryOverheadMax + key.Length + (onePiece ? value.Length : 0);
        Span<byte> target = _sink.GetSpan(room);
        int at = 0;
        if (expiryUnixMs != 0)
        {
            target[0] = RdbFormat.ExpiryMs;
            BinaryPrimitives.WriteInt64LittleEndian(target[1..], expiryUnixMs);
            at = 1 + sizeof(long);
        }

        target[at++] = RdbFormat.StringType;
        at += PutLength(target[at..], (ulong)key.Length);
        key.CopyTo(target[at..]);
        at += key.Length;
        at += PutLength(target[at..], (ulong)value.Length);
        if (onePiece)
        {
            value.CopyTo(target[at..]);
            at += value.Length;
        }

        Advance(at);
        if (!onePiece)
            WriteRaw(value);
    }

    /// <summary>Writes the end mark. Only the checksum may follow.</summary>
    public void WriteEnd() => WriteByte(RdbFormat.End);

    /// <summary>Writes the checksum that follows the end mark; 0 says that there is none.</summary>
    /// <param name="sink">Where to.</param>
    /// <param name="crc">The <see cref="Checksums.Crc64Jones"/> of all bytes from the header to the end mark.</param>
    public static void WriteChecksum(IBufferWriter<byte> sink, ulong crc)
    {
        ArgumentNullException.ThrowIfNull(sink);
        BinaryPrimitives.WriteUInt64LittleEndian(sink.GetSpan(RdbFormat.ChecksumBytes), crc);
        sink.Advance(RdbFormat.ChecksumBytes);
    }

    private static int PutLength(Span<byte> target, ulong length)
    {
        switch (length)
        {
            case < 1 << 6:
                target[0] = (byte)length;
                return 1;
            case < 1 << 14:
                BinaryPrimitives.WriteUInt16BigEndian(target, (ushort)(length | (RdbFormat.Length14 << 8)));
                return 2;
            case <= uint.MaxValue:
                target[0] = RdbFormat.Length32;
                BinaryPrimitives.WriteUInt32BigEndian(target[1..], (uint)length);
                return 1 + sizeof(uint);
            default:
                target[0] = RdbFormat.Length64;
                BinaryPrimitives.WriteUInt64BigEndian(target[1..], length);
                return LengthBytesMax;
        }
    }

    private void WriteLength(ulong length) => Advance(PutLength(_sink.GetSpan(LengthBytesMax), length));

    private void WriteString(ReadOnlySpan<byte> value)
    {
        WriteLength((ulong)value.Length);
        WriteRaw(value);
    }

    private void WriteText(string value)
    {
        int count = Encoding.UTF8.GetByteCount(value);
        WriteLength((ulong)count);
        Encoding.UTF8.GetBytes(value, _sink.GetSpan(Math.Max(count, 1)));
        Advance(count);
    }

    private void WriteByte(byte value)
    {
        _sink.GetSpan(1)[0] = value;
        Advance(1);
    }

    private void WriteRaw(ReadOnlySpan<byte> bytes)
    {
        _sink.Write(bytes);
        BytesWritten += bytes.Length;
    }

    private void Advance(int count)
    {
        _sink.Advance(count);
        BytesWritten += count;
    }
}
