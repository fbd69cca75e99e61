using System.Runtime.ExceptionServices;
using Grid.Formats.Rdb;
using Grid.Formats.Vcs;

namespace Grid.Formats.Snapshots;

/// <summary>
/// Reads a snapshot, plain or in a VCS frame, in pieces of any size, and tells a handler what is in it.
/// </summary>
/// <remarks>
/// <see cref="Feed"/> takes pieces, <see cref="Complete"/> says that there are no more; only then, when everything has been
/// found right, comes <see cref="ISnapshotHandler.OnEnd"/>. Whatever is wrong is a <see cref="PayloadException"/>, and
/// sticks. Not thread-safe.
/// </remarks>
public sealed class SnapshotReader : IDisposable
{
    private readonly SnapshotReaderOptions _options;
    private readonly VcsFrameReader _frame;
    private readonly SnapshotAssembler _assembler;
    private RdbReader? _rdb;
    private PayloadException? _error;

    /// <summary>A reader of one snapshot, which reports to <paramref name="handler"/>.</summary>
    public SnapshotReader(ISnapshotHandler handler, SnapshotReaderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        _options = options ?? SnapshotReaderOptions.Default;
        _options.ForRdb(VcsEncoding.Plaintext).Validate();
        _frame = new VcsFrameReader(VcsStreamKind.Snapshot, _options.ForFrame());
        _assembler = new SnapshotAssembler(handler);
    }

    /// <summary>How the snapshot travels, as soon as its first bytes tell.</summary>
    public VcsEncoding Encoding => _frame.Encoding;

    /// <summary>The number of bytes taken in, as they travelled.</summary>
    public long WireBytes => _frame.BytesConsumed;

    /// <summary>The number of bytes of the uncompressed file read.</summary>
    public long RawBytes => _frame.BytesProduced;

    /// <summary>The number of entries reported.</summary>
    public long Entries => _assembler.Entries;

    /// <summary>Takes the next piece.</summary>
    /// <exception cref="PayloadException">The snapshot cannot be read, now or since an earlier call.</exception>
    public void Feed(ReadOnlySpan<byte> input)
    {
        ThrowIfFailed();
        try
        {
            VcsReadStatus status;
            while ((status = _frame.Read(ref input, out ReadOnlySpan<byte> raw)) == VcsReadStatus.Produced)
                Rdb().Feed(raw);
            if (status == VcsReadStatus.FrameEnd)
                _frame.ValidateEnd(input);
        }
        catch (PayloadException e)
        {
            _error = e;
            throw;
        }
    }

    /// <summary>Says that there are no more pieces.</summary>
    /// <exception cref="PayloadException">The snapshot is not whole, or an earlier error.</exception>
    public void Complete()
    {
        ThrowIfFailed();
        try
        {
            _frame.ValidateEnd([]);
            Rdb().Complete();
            _assembler.Complete(RawBytes);
        }
        catch (PayloadException e)
        {
            _error = e;
            throw;
        }
    }

    /// <summary>Gives the buffers back.</summary>
    public void Dispose()
    {
        _frame.Dispose();
        _rdb?.Dispose();
    }

    private RdbReader Rdb()
    {
        if (_rdb is null)
        {
            _rdb = new RdbReader(_assembler, _options.ForRdb(_frame.Encoding));
            _assembler.Reader = _rdb;
        }

        return _rdb;
    }

    private void ThrowIfFailed()
    {
        if (_error is not null)
            ExceptionDispatchInfo.Throw(_error);
    }
}
