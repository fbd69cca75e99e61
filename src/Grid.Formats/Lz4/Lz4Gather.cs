using System.Buffers;

namespace Grid.Formats.Lz4;

/// <summary>
/// Brings together a piece of known length that may arrive in any number of parts. A piece that lies whole in the input is
/// handed out in place; otherwise its bytes are kept in a buffer that grows as they arrive, not by what was announced.
/// </summary>
internal sealed class Lz4Gather : IDisposable
{
    private const int SmallestBuffer = 4 << 10;

    private byte[] _buffer = [];
    private int _length;

    /// <summary>The number of bytes taken off inputs so far.</summary>
    public long Taken { get; private set; }

    /// <summary>Bytes kept of a piece that is not whole yet.</summary>
    public int Held => _length;

    /// <summary>Takes bytes off <paramref name="input"/> until the piece of <paramref name="count"/> bytes is whole.</summary>
    /// <returns>True with the piece, valid until the next call; false if all input was taken and more is needed.</returns>
    public bool TryTake(ref ReadOnlySpan<byte> input, int count, out ReadOnlySpan<byte> piece)
    {
        if (_length == 0 && input.Length >= count)
        {
            piece = input[..count];
            input = input[count..];
            Taken += count;
            return true;
        }

        int taken = Math.Min(count - _length, input.Length);
        Append(input[..taken], count);
        input = input[taken..];
        Taken += taken;
        if (_length < count)
        {
            piece = default;
            return false;
        }

        piece = _buffer.AsSpan(0, count);
        _length = 0;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _length = 0;
    }

    private void Append(ReadOnlySpan<byte> bytes, int count)
    {
        int needed = _length + bytes.Length;
        if (_buffer.Length < needed)
        {
            int size = Math.Max(needed, Math.Min(count, Math.Max(SmallestBuffer, 2 * _buffer.Length)));
            byte[] larger = ArrayPool<byte>.Shared.Rent(size);
            _buffer.AsSpan(0, _length).CopyTo(larger);
            if (_buffer.Length > 0)
                ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        bytes.CopyTo(_buffer.AsSpan(_length));
        _length = needed;
    }
}
