using System.Buffers;

namespace Grid.Formats.Rdb;

/// <summary>The front part of an element whose rest has not arrived. Grows with what arrives, at most doubling.</summary>
internal sealed class RdbCarry : IDisposable
{
    private const int SmallestBuffer = 4 << 10;
    private const int LargestKept = 1 << 20;

    private byte[] _buffer = [];
    private int _length;

    /// <summary>The bytes held.</summary>
    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    /// <summary>The number of bytes held.</summary>
    public int Length => _length;

    /// <summary>Appends <paramref name="bytes"/>, of an element that will have <paramref name="expected"/> bytes at least.</summary>
    public void Append(ReadOnlySpan<byte> bytes, ulong expected)
    {
        int needed = _length + bytes.Length;
        if (_buffer.Length < needed)
        {
            int doubled = (int)Math.Min(expected, (ulong)Math.Max(SmallestBuffer, 2L * _buffer.Length));
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, doubled));
            Bytes.CopyTo(larger);
            if (_buffer.Length > 0)
                ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        bytes.CopyTo(_buffer.AsSpan(_length));
        _length = needed;
    }

    /// <summary>Drops the first <paramref name="count"/> bytes.</summary>
    public void Drop(int count)
    {
        _length -= count;
        if (_length > 0)
            _buffer.AsSpan(count, _length).CopyTo(_buffer);
        else if (_buffer.Length > LargestKept)
            Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _length = 0;
    }
}
