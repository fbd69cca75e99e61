using System.Buffers.Binary;

namespace Grid.Formats.Binary;

/// <summary>
/// Reads little-endian fields and varints out of a span, with every length checked. Any misfit is a
/// <see cref="MalformedException"/> that names the offset.
/// </summary>
/// <remarks>Lives on the stack of one thread.</remarks>
public ref struct SpanReader(ReadOnlySpan<byte> data)
{
    private readonly ReadOnlySpan<byte> _data = data;

    /// <summary>Bytes read so far.</summary>
    public int Position { get; private set; }

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => _data.Length - Position;

    /// <summary>Reads one byte.</summary>
    public byte ReadByte() => Read(1)[0];

    /// <summary>Reads a 32-bit number.</summary>
    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Read(4));

    /// <summary>Reads a 64-bit number.</summary>
    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Read(8));

    /// <summary>Reads a 64-bit number.</summary>
    public long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(Read(8));

    /// <summary>Reads a number in base 128, least significant group first, of at most five bytes.</summary>
    public int ReadVarInt()
    {
        uint result = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            byte b = ReadByte();
            if (shift == 28 && b > 0x07)
                break;
            result |= (uint)(b & 0x7F) << shift;
            if ((b & 0x80) == 0)
                return (int)result;
        }

        throw new MalformedException($"A length at byte {Position} does not fit 31 bits.");
    }

    /// <summary>Reads a number in base 128, least significant group first, of at most nine bytes.</summary>
    public long ReadVarLong()
    {
        ulong result = 0;
        for (int shift = 0; shift < 63; shift += 7)
        {
            byte b = ReadByte();
            result |= (ulong)(b & 0x7F) << shift;
            if ((b & 0x80) == 0)
                return (long)result;
        }

        throw new MalformedException($"A number at byte {Position} does not fit 63 bits.");
    }

    /// <summary>Takes the next <paramref name="count"/> bytes.</summary>
    public ReadOnlySpan<byte> Read(int count)
    {
        if ((uint)count > (uint)Remaining)
            throw new MalformedException($"{count} bytes expected at byte {Position}, {Remaining} are left.");
        ReadOnlySpan<byte> taken = _data.Slice(Position, count);
        Position += count;
        return taken;
    }

    /// <summary>Takes bytes whose count stands before them as a varint.</summary>
    public ReadOnlySpan<byte> ReadBytes() => Read(ReadVarInt());
}

/// <summary>Bytes that do not have the layout which they claim: damaged on the way, or made by another version.</summary>
public sealed class MalformedException(string message) : FormatException(message);
