using System.Buffers;

namespace Grid.Formats.Lz4;

/// <summary>
/// Collects content into blocks and encodes each with the 64 KiB before it as its dictionary; backs off while that does
/// not pay.
/// </summary>
/// <remarks>
/// <para>
/// The content lies in a buffer of its own and slides there by whole 64 KiB. Room for several blocks lets it slide seldom.
/// </para>
/// <para>
/// Backing off: content that does not get smaller costs as much time as content that does, and more than a link has to give.
/// After some of it in a row blocks are stored untried; from time to time a few are tried again, at intervals that double
/// while they fail. What was stored is history for the blocks after it like everything else.
/// </para>
/// </remarks>
internal sealed class Lz4BlockEncoder : IDisposable
{
    private const int SlideBytes = 64 << 10;
    private const int WindowBytes = 4 * SlideBytes;

    // A block that saves less than a sixteenth does not pay.
    private const int SavingShift = 4;

    private const int FirstTrialBytes = 256 << 10;
    private const int TrialBytes = 64 << 10;
    private const int FirstPauseBytes = 1 << 20;
    private const int LongestPauseBytes = 8 << 20;

    private readonly Lz4BlockCompressor _compressor = new();
    private byte[] _window = ArrayPool<byte>.Shared.Rent(WindowBytes);
    private int _start;
    private int _end;
    private int _trialLeft = FirstTrialBytes;
    private int _pause = FirstPauseBytes;
    private int _pauseLeft;

    /// <summary>Whether blocks are stored untried at present.</summary>
    public bool IsBackingOff => _pauseLeft > 0;

    /// <summary>The number of bytes in the block begun.</summary>
    public int BytesReady => _end - _start;

    /// <summary>Appends as much of <paramref name="content"/> as the block begun has room for.</summary>
    /// <returns>The number of bytes taken, at least 1 unless the block is full.</returns>
    public int Append(ReadOnlySpan<byte> content)
    {
        if (_end == WindowBytes)
            Slide();
        int taken = Math.Min(content.Length, Math.Min(Lz4FrameHeader.OwnBlockBytes - BytesReady, WindowBytes - _end));
        content[..taken].CopyTo(_window.AsSpan(_end));
        _end += taken;
        return taken;
    }

    /// <summary>Ends the block begun and encodes it into <paramref name="target"/>.</summary>
    /// <returns>Its length, and whether it is stored as it is because encoding does not make it smaller.</returns>
    public (int Length, bool Stored) Encode(Span<byte> target)
    {
        int raw = BytesReady;
        int length = raw;
        if (IsBackingOff)
        {
            if ((_pauseLeft -= raw) <= 0)
                _trialLeft = TrialBytes;
        }
        else
        {
            length = _compressor.Encode(_window.AsSpan(0, _end), _start, target);
            NoteSaving(raw, length);
        }

        bool stored = length >= raw;
        if (stored)
            _window.AsSpan(_start, raw).CopyTo(target);
        _start = _end;
        return (stored ? raw : length, stored);
    }

    /// <summary>Forgets all content, for a new frame.</summary>
    public void Reset()
    {
        _compressor.Reset();
        _start = 0;
        _end = 0;
        _trialLeft = FirstTrialBytes;
        _pause = FirstPauseBytes;
        _pauseLeft = 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_window.Length > 0)
            ArrayPool<byte>.Shared.Return(_window);
        _window = [];
    }

    private void NoteSaving(int raw, int length)
    {
        if (length <= raw - (raw >> SavingShift))
        {
            _trialLeft = FirstTrialBytes;
            _pause = FirstPauseBytes;
        }
        else if ((_trialLeft -= raw) <= 0)
        {
            _pauseLeft = _pause;
            _pause = Math.Min(2 * _pause, LongestPauseBytes);
        }
    }

    /// <summary>Makes room: what is more than a match's reach before the block goes. By whole 64 KiB, as the compressor wants it.</summary>
    private void Slide()
    {
        int gone = (_start - SlideBytes) / SlideBytes * SlideBytes;
        _window.AsSpan(gone, _end - gone).CopyTo(_window);
        _start -= gone;
        _end -= gone;
    }
}
