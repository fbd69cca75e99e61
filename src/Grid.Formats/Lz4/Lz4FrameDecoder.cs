using System.Buffers.Binary;
using System.IO.Hashing;
using Grid.Formats.Vcs;

namespace Grid.Formats.Lz4;

/// <summary>
/// A strict, incremental decoder of one LZ4 frame. It takes what the <c>lz4</c> tool takes, except dictionaries and what
/// is not a frame (legacy and skippable ones), and never touches a byte after the frame's end.
/// </summary>
/// <remarks>
/// Errors are thrown by <c>fail</c>, which the owner supplies: it knows the position, and makes the error stick.
/// </remarks>
internal sealed class Lz4FrameDecoder(bool verifyChecksums, long outputBytesMax, Lz4FrameDecoder.Fail fail) : IDisposable
{
    private readonly Lz4Gather _gather = new();
    private readonly byte[] _descriptor = new byte[Lz4FrameHeader.FlagsLength + 9];
    private Lz4FrameHeader _header;
    private Lz4Window? _window;
    private XxHash32? _content;
    private ulong _produced;
    private uint _block;
    private State _state;

    /// <summary>Makes the exception for an error found in the frame.</summary>
    public delegate VcsFormatException Fail(VcsError error, string detail);

    private enum State
    {
        Magic,
        Flags,
        HeaderTail,
        BlockSize,
        Block,
        ContentChecksum,
        Ended,
    }

    /// <summary>The number of bytes taken in.</summary>
    public long Consumed => _gather.Taken;

    /// <summary>Whether the frame is closed.</summary>
    public bool IsEnded => _state == State.Ended;

    /// <summary>Whether the next byte begins a block, or the end mark.</summary>
    public bool IsBetweenBlocks => _state == State.BlockSize && _gather.Held == 0;

    /// <summary>Where in the frame the decoder is, for the message of a truncation.</summary>
    public string Position => _state switch
    {
        State.Magic or State.Flags or State.HeaderTail => "in the LZ4 frame's header",
        State.ContentChecksum => "before the LZ4 frame's content checksum",
        State.Block => "in an LZ4 block",
        _ => "before the LZ4 frame's end mark",
    };

    /// <summary>Takes input until a block is decoded, the frame ends, or nothing is left.</summary>
    public VcsReadStatus Read(ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> produced)
    {
        produced = default;
        while (_state != State.Ended)
        {
            if (!_gather.TryTake(ref input, PieceLength(), out ReadOnlySpan<byte> piece))
                return VcsReadStatus.NeedInput;
            if (_state == State.Block)
            {
                produced = DecodeBlock(piece);
                _state = State.BlockSize;
                if (produced.Length > 0)
                    return VcsReadStatus.Produced;
            }
            else
            {
                _state = Next(piece);
            }
        }

        return VcsReadStatus.FrameEnd;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gather.Dispose();
        _window?.Dispose();
    }

    private int PieceLength() => _state switch
    {
        State.Flags => Lz4FrameHeader.FlagsLength,
        State.HeaderTail => Lz4FrameHeader.TailLength(_descriptor[0]),
        State.Block => (int)(_block & ~Lz4FrameHeader.StoredBit) + (_header.BlockChecksum ? sizeof(uint) : 0),
        _ => sizeof(uint),
    };

    private State Next(ReadOnlySpan<byte> piece)
    {
        switch (_state)
        {
            case State.Magic:
                if (BinaryPrimitives.ReadUInt32LittleEndian(piece) != Lz4FrameHeader.Magic)
                    throw fail(VcsError.Corrupt, "no LZ4 frame follows the envelope");
                return State.Flags;

            case State.Flags:
                if (Lz4FrameHeader.CheckFlags(piece) is { } wrong)
                    throw fail(VcsError.Corrupt, wrong);
                piece.CopyTo(_descriptor);
                return State.HeaderTail;

            case State.HeaderTail:
                BeginFrame(piece);
                return State.BlockSize;

            case State.BlockSize:
                _block = BinaryPrimitives.ReadUInt32LittleEndian(piece);
                if (_block == 0)
                    return EndOfBlocks();
                if ((_block & ~Lz4FrameHeader.StoredBit) > _header.BlockBytesMax)
                    throw fail(VcsError.Corrupt, $"an LZ4 block of {_block & ~Lz4FrameHeader.StoredBit} bytes where {_header.BlockBytesMax} are the most");
                return State.Block;

            default:
                if (_content is not null && _content.GetCurrentHashAsUInt32() != BinaryPrimitives.ReadUInt32LittleEndian(piece))
                    throw fail(VcsError.Corrupt, "the LZ4 frame's content checksum differs");
                return State.Ended;
        }
    }

    private void BeginFrame(ReadOnlySpan<byte> tail)
    {
        tail.CopyTo(_descriptor.AsSpan(Lz4FrameHeader.FlagsLength));
        if (!Lz4FrameHeader.TryParse(_descriptor.AsSpan(0, Lz4FrameHeader.FlagsLength + tail.Length), out _header))
            throw fail(VcsError.Corrupt, "the LZ4 frame header's checksum differs");
        _window = new Lz4Window(_header.LinkedBlocks);
        if (verifyChecksums && _header.ContentChecksum)
            _content = new XxHash32();
    }

    private State EndOfBlocks()
    {
        if (_header.ContentBytes is { } announced && announced != _produced)
            throw fail(VcsError.Corrupt, $"the LZ4 frame announced {announced} bytes and holds {_produced}");
        return _header.ContentChecksum ? State.ContentChecksum : State.Ended;
    }

    private ReadOnlySpan<byte> DecodeBlock(ReadOnlySpan<byte> piece)
    {
        ReadOnlySpan<byte> body = piece;
        if (_header.BlockChecksum)
        {
            body = piece[..^sizeof(uint)];
            uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(piece[^sizeof(uint)..]);
            if (verifyChecksums && XxHash32.HashToUInt32(body) != checksum)
                throw fail(VcsError.Corrupt, "an LZ4 block's checksum differs");
        }

        ReadOnlySpan<byte> decoded;
        if ((_block & Lz4FrameHeader.StoredBit) != 0)
            decoded = _window!.Store(body);
        else if (!_window!.TryDecode(body, _header.BlockBytesMax, out decoded))
            throw fail(VcsError.Corrupt, "an LZ4 block cannot be decoded");

        if ((ulong)decoded.Length > (ulong)outputBytesMax - _produced)
            throw fail(VcsError.OutputLimit, $"more than {outputBytesMax} bytes come out");
        if (_header.ContentBytes is { } announced && (ulong)decoded.Length > announced - _produced)
            throw fail(VcsError.Corrupt, $"the LZ4 frame announced {announced} bytes and holds more");
        _content?.Append(decoded);
        _produced += (ulong)decoded.Length;
        return decoded;
    }
}
