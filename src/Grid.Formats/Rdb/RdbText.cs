using System.Buffers;
using System.Buffers.Text;

namespace Grid.Formats.Rdb;

/// <summary>
/// A string of an RDB file: raw bytes stand where they were read; integers and compressed ones are decoded into a buffer of
/// this object's own, which grows by what has arrived.
/// </summary>
internal sealed class RdbText : IDisposable
{
    private const int LongestInteger = 11;
    private const int LargestKept = 1 << 20;

    private byte[] _buffer = [];

    /// <summary>Reads a string, wherever its last byte is there.</summary>
    /// <param name="cursor">Where from. After false it needs more bytes.</param>
    /// <param name="bytesMax">The longest string allowed.</param>
    /// <param name="fail">Makes the exception for an error.</param>
    /// <param name="text">The bytes, valid until the next read.</param>
    public bool TryRead(ref RdbCursor cursor, int bytesMax, RdbReader.Fail fail, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (!cursor.TryReadLength(out ulong length, out int encoding))
            return false;
        switch (encoding)
        {
            case -1:
                CheckLength(length, bytesMax, fail);
                return cursor.TryRead(length, out text);
            case RdbFormat.Int8:
                return TryReadInteger(ref cursor, 1, out text);
            case RdbFormat.Int16:
                return TryReadInteger(ref cursor, 2, out text);
            case RdbFormat.Int32:
                return TryReadInteger(ref cursor, 4, out text);
            case RdbFormat.Lzf:
                return TryReadCompressed(ref cursor, bytesMax, fail, out text);
            default:
                throw fail(RdbError.Corrupt, $"string encoding {encoding} is not defined");
        }
    }

    /// <summary>Gives a large buffer back once its string has been used.</summary>
    public void Release()
    {
        if (_buffer.Length > LargestKept)
            Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private static void CheckLength(ulong length, int bytesMax, RdbReader.Fail fail)
    {
        if (length > (ulong)bytesMax)
            throw fail(RdbError.TooLarge, $"a string of {length} bytes where {bytesMax} are allowed");
    }

    private bool TryReadInteger(ref RdbCursor cursor, uint size, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (!cursor.TryRead(size, out ReadOnlySpan<byte> bytes))
            return false;
        int value = size switch
        {
            1 => (sbyte)bytes[0],
            2 => (short)(bytes[0] | (bytes[1] << 8)),
            _ => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24),
        };
        EnsureRoom(LongestInteger);
        Utf8Formatter.TryFormat(value, _buffer, out int written);
        text = _buffer.AsSpan(0, written);
        return true;
    }

    private bool TryReadCompressed(ref RdbCursor cursor, int bytesMax, RdbReader.Fail fail, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (!cursor.TryReadLength(out ulong compressed, out int first) || !cursor.TryReadLength(out ulong length, out int second))
            return false;
        if (first >= 0 || second >= 0)
            throw fail(RdbError.Corrupt, "a compressed string has no plain lengths");
        CheckLength(length, bytesMax, fail);
        if (compressed > length || length > compressed * Lzf.LargestRatio)
            throw fail(RdbError.Corrupt, $"{compressed} compressed bytes cannot stand for {length}");
        if (!cursor.TryRead(compressed, out ReadOnlySpan<byte> bytes))
            return false;
        EnsureRoom((int)length);
        if (!Lzf.TryDecompress(bytes, _buffer.AsSpan(0, (int)length)))
            throw fail(RdbError.Corrupt, "a compressed string cannot be decoded");
        text = _buffer.AsSpan(0, (int)length);
        return true;
    }

    private void EnsureRoom(int length)
    {
        if (_buffer.Length >= length)
            return;
        Dispose();
        _buffer = ArrayPool<byte>.Shared.Rent(length);
    }
}
