using Grid.Formats.Lz4;

namespace Grid.Formats.Vcs;

/// <summary>
/// Reads a payload that is either plain or a VCS frame, in pieces of any size: the same bytes give the same output and the
/// same error however they are split.
/// </summary>
/// <remarks>
/// <para>
/// Call <see cref="Read"/> with a piece of input until it no longer answers <see cref="VcsReadStatus.Produced"/>. Each call
/// produces at most one block (64 KiB in frames of ours, never over 4 MiB), so a caller bounds its work by counting. What is
/// produced points into the input for a plain payload and into the reader's window for a frame, and is valid until the next
/// call: nothing is copied that need not be.
/// </para>
/// <para>
/// Bytes after the frame's end are never touched: they are the caller's. When no more input will come, call
/// <see cref="ValidateFrameEnd"/> ("the frame is closed", what follows is somebody else's) or <see cref="ValidateEnd"/>
/// ("and nothing follows").
/// </para>
/// <para>Errors stick: after one, every further call throws it again. Memory held is bounded by 4 MiB blocks and grows only
/// as bytes arrive. Not thread-safe.</para>
/// </remarks>
public sealed class VcsFrameReader : IDisposable
{
    private readonly VcsStreamKind _expectedKind;
    private readonly VcsReaderOptions _options;
    private Lz4FrameDecoder? _frame;
    private VcsFormatException? _error;
    private int _envelope;
    private bool _disposed;

    /// <summary>A reader for one payload of the kind <paramref name="expectedKind"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public VcsFrameReader(VcsStreamKind expectedKind, VcsReaderOptions? options = null)
    {
        _options = options ?? VcsReaderOptions.Default;
        ArgumentOutOfRangeException.ThrowIfNegative(_options.OutputBytesMax, nameof(options));
        _expectedKind = expectedKind;
    }

    /// <summary>How the payload is encoded, as soon as its first bytes tell.</summary>
    public VcsEncoding Encoding { get; private set; }

    /// <summary>The number of payload bytes taken in.</summary>
    public long BytesConsumed => Encoding == VcsEncoding.Plaintext ? BytesProduced : _envelope + (_frame?.Consumed ?? 0);

    /// <summary>The number of bytes produced.</summary>
    public long BytesProduced { get; private set; }

    /// <summary>Whether the frame is closed. Always false for a plain payload, which has no end of its own.</summary>
    public bool IsFrameEnded => _frame is { IsEnded: true };

    /// <summary>Whether the next byte of the frame begins a block, or its end: where a writer that was flushed has stopped.</summary>
    public bool IsBetweenBlocks => _frame is { IsBetweenBlocks: true };

    /// <summary>Takes bytes off the front of <paramref name="input"/> and produces at most one run of decoded bytes.</summary>
    /// <exception cref="VcsFormatException">The payload cannot be read, now or since an earlier call.</exception>
    public VcsReadStatus Read(ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> produced)
    {
        ThrowIfUnusable();
        VcsReadStatus status = Encoding switch
        {
            VcsEncoding.Lz4 => _frame!.Read(ref input, out produced),
            VcsEncoding.Plaintext => ReadPlaintext(ref input, out produced),
            _ => ReadEnvelope(ref input, out produced),
        };
        BytesProduced += produced.Length;
        return status;
    }

    /// <summary>
    /// Says that this payload gets no more input; what follows belongs to the caller. A plain payload may end anywhere.
    /// </summary>
    /// <exception cref="VcsFormatException">The envelope is cut short, the frame is not closed, or an earlier error.</exception>
    public void ValidateFrameEnd()
    {
        ThrowIfUnusable();
        if (Encoding == VcsEncoding.Lz4 && !IsFrameEnded)
            throw Fail(VcsError.Truncated, $"it ends {_frame?.Position ?? "in the LZ4 frame's header"}");
        if (Encoding != VcsEncoding.Unknown)
            return;
        if (_envelope > 0)
            throw Fail(VcsError.Incompatible, $"the envelope is cut short, {_envelope} of {VcsEnvelope.Length} bytes");
        if (!_options.AllowPlaintext)
            throw Fail(VcsError.Truncated, "it is empty");
    }

    /// <summary>As <see cref="ValidateFrameEnd"/>, and that nothing follows.</summary>
    /// <param name="remaining">What <see cref="Read"/> left of the last input.</param>
    /// <exception cref="VcsFormatException">As <see cref="ValidateFrameEnd"/>, or bytes follow the frame.</exception>
    public void ValidateEnd(ReadOnlySpan<byte> remaining)
    {
        ValidateFrameEnd();
        if (remaining.Length > 0)
            throw Fail(VcsError.Corrupt, $"{remaining.Length} bytes follow its end");
    }

    /// <summary>Gives the buffers back.</summary>
    public void Dispose()
    {
        _disposed = true;
        _frame?.Dispose();
    }

    private VcsReadStatus ReadEnvelope(ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> produced)
    {
        produced = default;
        ReadOnlySpan<byte> magic = VcsEnvelope.Magic;
        while (_envelope < VcsEnvelope.Length)
        {
            if (input.IsEmpty)
                return VcsReadStatus.NeedInput;
            byte value = input[0];
            if (_envelope < magic.Length)
            {
                if (value != magic[_envelope])
                    return BeginPlaintext(ref input, out produced);
            }
            else if (VcsEnvelope.Check(_envelope, value, _expectedKind) is { } wrong)
            {
                throw Fail(VcsError.Incompatible, wrong);
            }

            _envelope++;
            input = input[1..];
        }

        Encoding = VcsEncoding.Lz4;
        _frame = new Lz4FrameDecoder(_options.VerifyChecksums, _options.OutputBytesMax, Fail);
        return _frame.Read(ref input, out produced);
    }

    private VcsReadStatus BeginPlaintext(ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> produced)
    {
        if (!_options.AllowPlaintext)
            throw Fail(VcsError.Incompatible, "it has no envelope");
        Encoding = VcsEncoding.Plaintext;
        if (_envelope == 0)
            return ReadPlaintext(ref input, out produced);

        // The bytes held back while they looked like an envelope are known: they are its first ones.
        ReadOnlySpan<byte> held = VcsEnvelope.Magic[.._envelope];
        if (held.Length > _options.OutputBytesMax)
            throw Fail(VcsError.OutputLimit, $"more than {_options.OutputBytesMax} bytes come out");
        produced = held;
        return VcsReadStatus.Produced;
    }

    private VcsReadStatus ReadPlaintext(ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> produced)
    {
        produced = default;
        if (input.IsEmpty)
            return VcsReadStatus.NeedInput;
        long room = _options.OutputBytesMax - BytesProduced;
        if (room == 0)
            throw Fail(VcsError.OutputLimit, $"more than {_options.OutputBytesMax} bytes come out");
        int taken = (int)Math.Min(room, input.Length);
        produced = input[..taken];
        input = input[taken..];
        return VcsReadStatus.Produced;
    }

    private VcsFormatException Fail(VcsError error, string detail) =>
        _error = new VcsFormatException(error, detail, BytesConsumed);

    private void ThrowIfUnusable()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_error is { } earlier)
            throw new VcsFormatException(earlier.Error, earlier.Detail, earlier.Offset);
    }
}
