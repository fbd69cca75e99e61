using System.Buffers;
using K4os.Compression.LZ4;

namespace Grid.Formats.Lz4;

/// <summary>
/// The decoded bytes of a frame: the newest block, and before it, if blocks are linked, the 64 KiB that it may refer to.
/// Grows with what blocks can decode to, never with what a header claims.
/// </summary>
internal sealed class Lz4Window(bool linked) : IDisposable
{
    private const int HistoryBytes = 64 << 10;

    // Room for several small blocks, so that the history is not moved for each of them.
    private const int SmallestWindow = 256 << 10;

    // A match of n bytes costs at least n / 255 bytes of input.
    private const int LargestRatio = 255;

    private byte[] _buffer = [];
    private int _end;

    /// <summary>Decodes a compressed block of at most <paramref name="blockBytesMax"/> bytes.</summary>
    /// <returns>False if the block is malformed or decodes to more than that.</returns>
    public bool TryDecode(ReadOnlySpan<byte> block, int blockBytesMax, out ReadOnlySpan<byte> decoded)
    {
        int room = (int)Math.Min(blockBytesMax, (long)block.Length * LargestRatio);
        MakeRoom(room);
        int history = linked ? Math.Min(_end, HistoryBytes) : 0;
        int length = LZ4Codec.Decode(block, _buffer.AsSpan(_end, room), _buffer.AsSpan(_end - history, history));
        if (length < 0)
        {
            decoded = default;
            return false;
        }

        decoded = Commit(length);
        return true;
    }

    /// <summary>Takes a block that is stored as it is.</summary>
    public ReadOnlySpan<byte> Store(ReadOnlySpan<byte> block)
    {
        MakeRoom(block.Length);
        block.CopyTo(_buffer.AsSpan(_end));
        return Commit(block.Length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _end = 0;
    }

    private ReadOnlySpan<byte> Commit(int length)
    {
        ReadOnlySpan<byte> block = _buffer.AsSpan(_end, length);
        _end += length;
        return block;
    }

    private void MakeRoom(int room)
    {
        if (!linked)
            _end = 0;
        if (_buffer.Length - _end >= room)
            return;

        int history = Math.Min(_end, HistoryBytes);
        ReadOnlySpan<byte> kept = _buffer.AsSpan(_end - history, history);
        if (_buffer.Length - HistoryBytes >= room)
        {
            kept.CopyTo(_buffer);
        }
        else
        {
            int size = linked ? Math.Max(SmallestWindow, HistoryBytes + room) : Math.Max(HistoryBytes, room);
            byte[] larger = ArrayPool<byte>.Shared.Rent(size);
            kept.CopyTo(larger);
            if (_buffer.Length > 0)
                ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        _end = history;
    }
}
