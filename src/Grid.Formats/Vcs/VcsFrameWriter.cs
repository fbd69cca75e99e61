using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using Grid.Formats.Lz4;

namespace Grid.Formats.Vcs;

/// <summary>
/// Writes one VCS payload: envelope, then an LZ4 frame of linked 64 KiB blocks.
/// </summary>
/// <remarks>
/// <para>
/// The envelope is written with the first content (or flush of it, or at <see cref="Finish"/>): an empty write emits nothing,
/// and a finished empty stream is an envelope and an empty frame. <see cref="Flush"/> ends the block begun, so that the
/// receiver can decode everything written so far, and keeps the frame and its history.
/// </para>
/// <para>
/// When the sink throws, the frame has a hole: the writer stays failed, and every further call but <see cref="Reset"/> and
/// <see cref="Dispose"/> throws <see cref="InvalidOperationException"/>. Nothing is allocated per call.
/// Not thread-safe.
/// </para>
/// </remarks>
public sealed class VcsFrameWriter : IDisposable
{
    private static readonly int BlockRoom =
        sizeof(uint) + Lz4BlockCompressor.OutputBytesMax(Lz4FrameHeader.OwnBlockBytes) + sizeof(uint);

    private readonly VcsStreamKind _kind;
    private readonly Lz4FrameSettings _settings;
    private readonly Lz4BlockEncoder _encoder = new();
    private readonly XxHash32? _content;
    private IBufferWriter<byte> _sink;
    private State _state;

    /// <summary>A writer of one frame of the kind <paramref name="kind"/> onto <paramref name="sink"/>.</summary>
    public VcsFrameWriter(IBufferWriter<byte> sink, VcsStreamKind kind, Lz4FrameSettings settings)
    {
        ArgumentNullException.ThrowIfNull(sink);
        ArgumentNullException.ThrowIfNull(settings);
        _sink = sink;
        _kind = kind;
        _settings = settings;
        _content = settings.ContentChecksum ? new XxHash32() : null;
    }

    private enum State
    {
        NotBegun,
        Open,
        Writing,
        Finished,
        Disposed,
    }

    /// <summary>The number of content bytes taken.</summary>
    public long RawBytes { get; private set; }

    /// <summary>The number of bytes given to the sink, envelope included.</summary>
    public long WireBytes { get; private set; }

    /// <summary>
    /// Whether compression is paused because the content of late did not get smaller. Blocks are stored as they are then, and
    /// tried again after 1 to 8 MiB.
    /// </summary>
    public bool IsBackingOff => _encoder.IsBackingOff;

    /// <summary>Sends what is written from now on elsewhere, for sinks that hold one batch each.</summary>
    public void Redirect(IBufferWriter<byte> sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        _sink = sink;
    }

    /// <summary>Takes content of any length. It reaches the sink in whole blocks; <see cref="Flush"/> sends the rest.</summary>
    /// <exception cref="InvalidOperationException">The frame is finished, or the sink failed before.</exception>
    public void Write(ReadOnlySpan<byte> content)
    {
        State after = Begin("write");
        if (content.Length > 0)
        {
            EmitHeader(ref after);
            while (content.Length > 0)
            {
                int taken = _encoder.Append(content);
                _content?.Append(content[..taken]);
                RawBytes += taken;
                content = content[taken..];
                if (_encoder.BytesReady == Lz4FrameHeader.OwnBlockBytes)
                    EmitBlock();
            }
        }

        _state = after;
    }

    /// <summary>Emits the block begun, if it holds anything. The frame stays open and its history linked.</summary>
    /// <exception cref="InvalidOperationException">The frame is finished, or the sink failed before.</exception>
    public void Flush()
    {
        State after = Begin("flush");
        if (_encoder.BytesReady > 0)
            EmitBlock();
        _state = after;
    }

    /// <summary>Flushes and closes the frame. Does nothing if it is closed.</summary>
    /// <exception cref="InvalidOperationException">The sink failed before.</exception>
    public void Finish()
    {
        if (_state == State.Finished)
            return;
        State after = Begin("finish");
        EmitHeader(ref after);
        if (_encoder.BytesReady > 0)
            EmitBlock();
        EmitEnd();
        _state = State.Finished;
    }

    /// <summary>Forgets the frame, finished or not, and begins a new one on the same sink. Counters go on.</summary>
    public void Reset()
    {
        ObjectDisposedException.ThrowIf(_state == State.Disposed, this);
        _encoder.Reset();
        _content?.Reset();
        _state = State.NotBegun;
    }

    /// <summary>Gives the encoder's memory back. Does not finish the frame.</summary>
    public void Dispose()
    {
        _state = State.Disposed;
        _encoder.Dispose();
    }

    // Until the call ends well the state says "writing": a call that finds it there comes after one that threw.
    private State Begin(string action)
    {
        ObjectDisposedException.ThrowIf(_state == State.Disposed, this);
        if (_state == State.Writing)
            throw new InvalidOperationException($"Cannot {action}: the sink of this VCS frame failed earlier, and the frame is not whole.");
        if (_state == State.Finished)
            throw new InvalidOperationException($"Cannot {action}: this VCS frame is finished.");
        State before = _state;
        _state = State.Writing;
        return before;
    }

    private void EmitHeader(ref State after)
    {
        if (after == State.Open)
            return;
        Span<byte> target = _sink.GetSpan(VcsEnvelope.Length + Lz4FrameHeader.ShortLength);
        VcsEnvelope.Write(target, _kind);
        Lz4FrameHeader.Write(target[VcsEnvelope.Length..], _settings);
        Advance(VcsEnvelope.Length + Lz4FrameHeader.ShortLength);
        after = State.Open;
    }

    private void EmitBlock()
    {
        int raw = _encoder.BytesReady;
        Span<byte> target = _sink.GetSpan(Math.Min(BlockRoom, 2 * sizeof(uint) + Lz4BlockCompressor.OutputBytesMax(raw)));
        (int length, bool stored) = _encoder.Encode(target[sizeof(uint)..]);
        BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)length | (stored ? Lz4FrameHeader.StoredBit : 0));
        int end = sizeof(uint) + length;
        if (_settings.BlockChecksum)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(target[end..], XxHash32.HashToUInt32(target.Slice(sizeof(uint), length)));
            end += sizeof(uint);
        }

        Advance(end);
    }

    private void EmitEnd()
    {
        int length = _content is null ? sizeof(uint) : 2 * sizeof(uint);
        Span<byte> target = _sink.GetSpan(length);
        target[..sizeof(uint)].Clear();
        if (_content is not null)
            BinaryPrimitives.WriteUInt32LittleEndian(target[sizeof(uint)..], _content.GetCurrentHashAsUInt32());
        Advance(length);
    }

    private void Advance(int count)
    {
        _sink.Advance(count);
        WireBytes += count;
    }
}
