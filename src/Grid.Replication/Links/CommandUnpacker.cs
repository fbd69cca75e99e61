using Grid.Formats;
using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Vcs;

namespace Grid.Replication.Links;

/// <summary>The other end of a <see cref="CommandPacker"/>: gives the mutations of an item back.</summary>
/// <remarks>Bounded: an item that unpacks to more than the bound is refused. Errors stick; the link begins anew. Not thread-safe.</remarks>
internal sealed class CommandUnpacker(int itemBytesMax) : IDisposable
{
    private const int FirstBytes = 16 << 10;
    private const int KeptBytes = 1 << 20;

    private readonly VcsFrameReader _reader = new(VcsStreamKind.Commands, new VcsReaderOptions { AllowPlaintext = false });
    private PooledBuffer? _unpacked;

    /// <summary>Bytes of the frame taken in.</summary>
    public long WireBytes => _reader.BytesConsumed;

    /// <summary>Bytes of mutations that came out.</summary>
    public long RawBytes => _reader.BytesProduced;

    /// <summary>Unpacks what an item holds of the frame. Valid until the next call.</summary>
    /// <exception cref="PayloadException">
    /// The frame is damaged, ends, or is of a kind that is not read here; the item ends within a block, or holds more than may be.
    /// </exception>
    public ReadOnlySpan<byte> Unpack(ReadOnlySpan<byte> packed)
    {
        PooledBuffer unpacked = EmptyBuffer();
        VcsReadStatus status;
        while ((status = _reader.Read(ref packed, out ReadOnlySpan<byte> produced)) == VcsReadStatus.Produced)
        {
            if (unpacked.Length + produced.Length > itemBytesMax)
                throw new LinkFormatException(PayloadFault.LimitExceeded, $"An item of the command stream unpacks to more than {itemBytesMax} bytes.", WireBytes);
            unpacked.Write(produced);
        }

        if (status == VcsReadStatus.FrameEnd)
            throw new LinkFormatException(PayloadFault.Corrupt, "The frame of the command stream ended, which it never does.", WireBytes);
        if (!_reader.IsBetweenBlocks)
            throw new LinkFormatException(PayloadFault.Truncated, "An item of the command stream ends within the frame's header or a block of it.", WireBytes);
        return unpacked.Span;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reader.Dispose();
        _unpacked?.Release();
        _unpacked = null;
    }

    /// <summary>One large mutation does not keep its memory for the link's life.</summary>
    private PooledBuffer EmptyBuffer()
    {
        if (_unpacked is { Capacity: > KeptBytes })
        {
            _unpacked.Release();
            _unpacked = null;
        }

        _unpacked ??= PooledBuffer.Rent(FirstBytes);
        _unpacked.Truncate(0);
        return _unpacked;
    }
}
