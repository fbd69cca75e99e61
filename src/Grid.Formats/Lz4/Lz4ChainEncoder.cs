using K4os.Compression.LZ4.Encoders;

namespace Grid.Formats.Lz4;

/// <summary>Collects content into blocks and encodes each with the 64 KiB before it as its dictionary.</summary>
/// <remarks>
/// The block codec keeps the content in memory of its own, outside of the managed heap, and slides it there. Several
/// blocks' worth of room lets it slide seldom, which counts for small blocks: each slide moves 64 KiB.
/// </remarks>
internal sealed class Lz4ChainEncoder : IDisposable
{
    private const int SpareBlocks = 3;

    private LZ4FastChainEncoder _chain = NewChain();

    /// <summary>The number of bytes in the block begun.</summary>
    public int BytesReady => _chain.BytesReady;

    /// <summary>Appends as much of <paramref name="content"/> as the block begun has room for.</summary>
    /// <returns>The number of bytes taken.</returns>
    public unsafe int Append(ReadOnlySpan<byte> content)
    {
        fixed (byte* source = content)
            return _chain.Topup(source, content.Length);
    }

    /// <summary>Ends the block begun and encodes it into <paramref name="target"/>.</summary>
    /// <returns>Its length, and whether it is stored as it is because encoding does not make it smaller.</returns>
    public unsafe (int Length, bool Stored) Encode(Span<byte> target)
    {
        fixed (byte* destination = target)
        {
            int length = _chain.Encode(destination, target.Length, allowCopy: true);
            return (Math.Abs(length), length < 0);
        }
    }

    /// <summary>Forgets all content, for a new frame.</summary>
    public void Reset()
    {
        _chain.Dispose();
        _chain = NewChain();
    }

    /// <inheritdoc/>
    public void Dispose() => _chain.Dispose();

    private static LZ4FastChainEncoder NewChain() => new(Lz4FrameHeader.OwnBlockBytes, SpareBlocks);
}
