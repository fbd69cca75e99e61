using System.Buffers;
using K4os.Compression.LZ4.Encoders;

namespace Grid.Formats.Lz4;

/// <summary>
/// Collects content into blocks and encodes each with the 64 KiB before it as its dictionary; backs off while that does
/// not pay.
/// </summary>
/// <remarks>
/// <para>
/// The block codec keeps the content in memory of its own, outside of the managed heap, and slides it there. Several
/// blocks' worth of room lets it slide seldom, which counts for small blocks: each slide moves 64 KiB.
/// </para>
/// <para>
/// Backing off: content that does not get smaller costs as much time as content that does, and more than a link has to give.
/// After some of it in a row blocks are stored untried; from time to time a few are tried again, at intervals that double
/// while they fail. An encoder that starts anew refers to nothing before it, so the frame stays right whatever was skipped.
/// </para>
/// </remarks>
internal sealed class Lz4BlockEncoder : IDisposable
{
    private const int SpareBlocks = 3;

    // A block that saves less than a sixteenth does not pay.
    private const int SavingShift = 4;

    private const int FirstTrialBytes = 256 << 10;
    private const int TrialBytes = 64 << 10;
    private const int FirstPauseBytes = 1 << 20;
    private const int LongestPauseBytes = 8 << 20;

    private LZ4FastChainEncoder? _chain = NewChain();
    private byte[] _stored = [];
    private int _storedLength;
    private int _trialLeft = FirstTrialBytes;
    private int _pause = FirstPauseBytes;
    private int _pauseLeft;

    /// <summary>Whether blocks are stored untried at present.</summary>
    public bool IsBackingOff => _chain is null;

    /// <summary>The number of bytes in the block begun.</summary>
    public int BytesReady => _chain?.BytesReady ?? _storedLength;

    /// <summary>Appends as much of <paramref name="content"/> as the block begun has room for.</summary>
    /// <returns>The number of bytes taken.</returns>
    public unsafe int Append(ReadOnlySpan<byte> content)
    {
        if (_chain is not null)
        {
            fixed (byte* source = content)
                return _chain.Topup(source, content.Length);
        }

        int taken = Math.Min(content.Length, Lz4FrameHeader.OwnBlockBytes - _storedLength);
        content[..taken].CopyTo(_stored.AsSpan(_storedLength));
        _storedLength += taken;
        return taken;
    }

    /// <summary>Ends the block begun and encodes it into <paramref name="target"/>.</summary>
    /// <returns>Its length, and whether it is stored as it is because encoding does not make it smaller.</returns>
    public (int Length, bool Stored) Encode(Span<byte> target) => _chain is null ? Store(target) : Compress(_chain, target);

    /// <summary>Forgets all content, for a new frame.</summary>
    public void Reset()
    {
        _chain?.Dispose();
        _chain = NewChain();
        _storedLength = 0;
        _trialLeft = FirstTrialBytes;
        _pause = FirstPauseBytes;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _chain?.Dispose();
        if (_stored.Length > 0)
            ArrayPool<byte>.Shared.Return(_stored);
        _stored = [];
    }

    private static LZ4FastChainEncoder NewChain() => new(Lz4FrameHeader.OwnBlockBytes, SpareBlocks);

    private unsafe (int Length, bool Stored) Compress(LZ4FastChainEncoder chain, Span<byte> target)
    {
        int raw = chain.BytesReady;
        int length;
        fixed (byte* destination = target)
            length = chain.Encode(destination, target.Length, allowCopy: true);
        bool stored = length < 0;
        length = Math.Abs(length);
        if (length <= raw - (raw >> SavingShift))
        {
            _trialLeft = FirstTrialBytes;
            _pause = FirstPauseBytes;
        }
        else if ((_trialLeft -= raw) <= 0)
        {
            BackOff();
        }

        return (length, stored);
    }

    private (int Length, bool Stored) Store(Span<byte> target)
    {
        int length = _storedLength;
        _stored.AsSpan(0, length).CopyTo(target);
        _storedLength = 0;
        if ((_pauseLeft -= length) <= 0)
        {
            _chain = NewChain();
            _trialLeft = TrialBytes;
        }

        return (length, true);
    }

    private void BackOff()
    {
        _chain!.Dispose();
        _chain = null;
        if (_stored.Length == 0)
            _stored = ArrayPool<byte>.Shared.Rent(Lz4FrameHeader.OwnBlockBytes);
        _pauseLeft = _pause;
        _pause = Math.Min(2 * _pause, LongestPauseBytes);
    }
}
