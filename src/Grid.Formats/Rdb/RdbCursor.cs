using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Grid.Formats.Rdb;

/// <summary>
/// Reads fields off bytes of which there may be too few. A read that fails says in <see cref="Needed"/> how many bytes, from
/// the start, it takes to get beyond the point at which it failed.
/// </summary>
internal ref struct RdbCursor(ReadOnlySpan<byte> data)
{
    private readonly ReadOnlySpan<byte> _data = data;

    /// <summary>The number of bytes read.</summary>
    public int Position { get; set; }

    /// <summary>After a failed read: the bytes needed, counted from the start.</summary>
    public ulong Needed { get; private set; }

    /// <summary>The bytes not yet read.</summary>
    public readonly int Available => _data.Length - Position;

    public bool TryRead(ulong count, out ReadOnlySpan<byte> bytes)
    {
        if (count > (ulong)(_data.Length - Position))
        {
            Needed = (ulong)Position + count;
            bytes = default;
            return false;
        }

        bytes = _data.Slice(Position, (int)count);
        Position += (int)count;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReadByte(out byte value)
    {
        if (Position < _data.Length)
        {
            value = _data[Position++];
            return true;
        }

        Needed = (ulong)Position + 1;
        value = 0;
        return false;
    }

    /// <summary>Reads a length or, if <paramref name="encoding"/> comes out as 0 or more, the mark of an encoded string.</summary>
    public bool TryReadLength(out ulong length, out int encoding)
    {
        length = 0;
        encoding = -1;
        if (!TryReadByte(out byte first))
            return false;
        if (first < RdbFormat.Length14)
        {
            length = first;
            return true;
        }

        if (first < RdbFormat.Length32)
        {
            if (!TryReadByte(out byte second))
                return false;
            length = ((ulong)(first & 0x3F) << 8) | second;
            return true;
        }

        if (first >= RdbFormat.Encoded)
        {
            encoding = first & 0x3F;
            return true;
        }

        // 0x82 to 0xBF are not defined: say so by an encoding that nobody knows.
        if (first > RdbFormat.Length64)
        {
            encoding = first;
            return true;
        }

        if (!TryRead(first == RdbFormat.Length32 ? 4u : 8u, out ReadOnlySpan<byte> bytes))
            return false;
        length = first == RdbFormat.Length32
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : BinaryPrimitives.ReadUInt64BigEndian(bytes);
        return true;
    }
}
