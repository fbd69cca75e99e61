using System.Buffers.Binary;
using System.Text;
using Grid.Formats.Buffers;

namespace Grid.Formats.Binary;

/// <summary>Little-endian fields and varints onto the end of a <see cref="PooledBuffer"/>; the mirror of <see cref="SpanReader"/>.</summary>
public static class BufferFields
{
    /// <summary>The most bytes that a varint takes.</summary>
    public const int VarIntBytesMax = 5;

    /// <summary>The most bytes that a long varint takes.</summary>
    public const int VarLongBytesMax = 9;

    /// <summary>Appends one byte.</summary>
    public static void WriteByte(this PooledBuffer buffer, byte value)
    {
        buffer.GetSpan(1)[0] = value;
        buffer.Advance(1);
    }

    /// <summary>Appends a 32-bit number.</summary>
    public static void WriteUInt32(this PooledBuffer buffer, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(buffer.GetSpan(4), value);
        buffer.Advance(4);
    }

    /// <summary>Appends a 64-bit number.</summary>
    public static void WriteUInt64(this PooledBuffer buffer, ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(buffer.GetSpan(8), value);
        buffer.Advance(8);
    }

    /// <summary>Appends a 64-bit number.</summary>
    public static void WriteInt64(this PooledBuffer buffer, long value) => buffer.WriteUInt64((ulong)value);

    /// <summary>Appends a non-negative number in base 128, least significant group first.</summary>
    public static void WriteVarInt(this PooledBuffer buffer, int value)
    {
        Span<byte> span = buffer.GetSpan(VarIntBytesMax);
        buffer.Advance(WriteVarInt(span, value));
    }

    /// <summary>Appends a varint count, then the bytes.</summary>
    public static void WriteBytes(this PooledBuffer buffer, ReadOnlySpan<byte> value)
    {
        buffer.WriteVarInt(value.Length);
        buffer.Write(value);
    }

    /// <summary>Appends a text as UTF-8 behind its varint count.</summary>
    public static void WriteText(this PooledBuffer buffer, string value)
    {
        int count = Encoding.UTF8.GetByteCount(value);
        buffer.WriteVarInt(count);
        Encoding.UTF8.GetBytes(value, buffer.GetSpan(Math.Max(count, 1)));
        buffer.Advance(count);
    }

    /// <summary>Writes a varint at the start of <paramref name="destination"/> and returns its length.</summary>
    public static int WriteVarInt(Span<byte> destination, int value) => WriteVarLong(destination, value);

    /// <summary>Writes a long varint at the start of <paramref name="destination"/> and returns its length.</summary>
    public static int WriteVarLong(Span<byte> destination, long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        ulong rest = (ulong)value;
        int i = 0;
        while (rest >= 0x80)
        {
            destination[i++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        destination[i++] = (byte)rest;
        return i;
    }
}
