using System.Buffers.Binary;
using Grid.Formats.Checksums;

namespace Grid.Formats.Rdb;

/// <summary>
/// Reads an RDB file of Redis (versions 1 to 13) or Valkey (11, 80, 81) in pieces of any size, and tells a handler what is
/// in it: string keys in full, everything else by name only.
/// </summary>
/// <remarks>
/// <para>
/// <see cref="Feed"/> takes pieces, <see cref="Complete"/> says that there are no more. Elements that lie whole in a piece
/// are parsed where they are; of others the part that has arrived is kept, in a buffer that grows with it and is bounded by
/// the options. Values of other types are passed over without being kept, whatever their size.
/// </para>
/// <para>
/// Errors stick. When a handler throws, its exception comes out of <see cref="Feed"/>, and further calls throw
/// <see cref="InvalidOperationException"/>. Nothing is allocated per element. Not thread-safe.
/// </para>
/// </remarks>
public sealed partial class RdbReader : IDisposable
{
    private readonly IRdbHandler _handler;
    private readonly RdbReaderOptions _options;
    private readonly RdbCarry _carry = new();
    private readonly RdbText _key = new();
    private readonly RdbText _value = new();
    private readonly RdbSkipper _skipper;
    private readonly RdbSkipCounts _skipped = new();
    private readonly Fail _fail;
    private RdbFormatException? _error;
    private ulong _needed;
    private ulong _crc;
    private long? _expiry;
    private bool _busy;
    private bool _disposed;
    private bool _isValkey;
    private State _state;

    /// <summary>A reader of one file, which reports to <paramref name="handler"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public RdbReader(IRdbHandler handler, RdbReaderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        _handler = handler;
        _options = options ?? RdbReaderOptions.Default;
        _options.Validate();
        _fail = MakeError;
        _skipper = new RdbSkipper(_fail);
    }

    /// <summary>Makes the exception for an error, and makes it stick.</summary>
    internal delegate RdbFormatException Fail(RdbError error, string detail);

    private enum State
    {
        Header,
        Element,
        SkippedValue,
        Checksum,
        Ended,
    }

    /// <summary>The number of bytes parsed.</summary>
    public long BytesConsumed { get; private set; }

    /// <summary>The number of string keys reported.</summary>
    public long Entries { get; private set; }

    /// <summary>What was skipped, as counts by the names of <see cref="IRdbHandler.OnSkipped"/>.</summary>
    public IReadOnlyDictionary<string, long> SkippedByType => _skipped.ByType;

    /// <summary>The format's version, 0 until the header has been read.</summary>
    public int Version { get; private set; }

    /// <summary>Whether the end, with its checksum, has been read.</summary>
    public bool IsEnded => _state == State.Ended;

    /// <summary>Takes the next piece of the file.</summary>
    /// <exception cref="RdbFormatException">The file cannot be read, now or since an earlier call.</exception>
    /// <exception cref="InvalidOperationException">The handler threw in an earlier call.</exception>
    public void Feed(ReadOnlySpan<byte> input)
    {
        ThrowIfUnusable();
        _busy = true;
        int at = 0;
        int summed = 0;
        while (at < input.Length)
        {
            bool inChecksum = _state >= State.Checksum;
            at += _carry.Length == 0 ? Parse(input[at..]) : ParseCarried(input[at..]);
            if (_state >= State.Checksum && !inChecksum)
            {
                Sum(input[..at]);
                summed = input.Length;
            }
        }

        if (_state < State.Checksum)
            Sum(input[summed..]);
        _busy = false;
    }

    /// <summary>Says that no more input will come.</summary>
    /// <exception cref="RdbFormatException">The file is not whole, or an earlier error.</exception>
    /// <exception cref="InvalidOperationException">The handler threw in an earlier call.</exception>
    public void Complete()
    {
        ThrowIfUnusable();
        if (_state != State.Ended)
            throw _fail(RdbError.Truncated, _state == State.Header ? "the file ends in its header" : "the file ends before its end mark and checksum");
    }

    /// <summary>Gives the buffers back.</summary>
    public void Dispose()
    {
        _disposed = true;
        _carry.Dispose();
        _key.Dispose();
        _value.Dispose();
    }

    // Parses one step; what does not suffice for it becomes the carry. Returns how many bytes were taken.
    private int Parse(ReadOnlySpan<byte> input)
    {
        _needed = Step(input, out int consumed);
        BytesConsumed += consumed;
        if (_needed == 0)
            return consumed;
        _carry.Append(input[consumed..], _needed);
        return input.Length;
    }

    // Adds to the carry just what its step needs, so that the step ends where the carry ends.
    private int ParseCarried(ReadOnlySpan<byte> input)
    {
        int taken = (int)Math.Min(_needed - (ulong)_carry.Length, (ulong)input.Length);
        _carry.Append(input[..taken], _needed);
        if ((ulong)_carry.Length == _needed)
        {
            _needed = Step(_carry.Bytes, out int consumed);
            BytesConsumed += consumed;
            _carry.Drop(consumed);
        }

        return taken;
    }

    /// <summary>Parses one element, or some of a skipped value.</summary>
    /// <returns>0, or the number of bytes needed after the consumed ones to get further.</returns>
    private ulong Step(ReadOnlySpan<byte> data, out int consumed)
    {
        consumed = 0;
        if (_state == State.SkippedValue)
        {
            ulong needed = _skipper.Skip(data, out consumed);
            if (needed == 0)
                _state = State.Element;
            return needed;
        }

        RdbCursor cursor = new(data);
        bool done = _state switch
        {
            State.Header => TryReadHeader(ref cursor),
            State.Element => TryReadElement(ref cursor),
            State.Checksum => TryReadChecksum(ref cursor),
            _ => throw _fail(RdbError.Corrupt, "bytes follow the file's end"),
        };
        if (!done)
            return cursor.Needed;
        consumed = cursor.Position;
        return 0;
    }

    private bool TryReadHeader(ref RdbCursor cursor)
    {
        if (!cursor.TryRead(RdbFormat.HeaderBytes, out ReadOnlySpan<byte> header))
            return false;
        _isValkey = header.StartsWith("VALKEY"u8);
        if (!_isValkey && !header.StartsWith("REDIS"u8))
            throw _fail(RdbError.Corrupt, "the file does not begin with REDIS or VALKEY");
        int version = 0;
        foreach (byte digit in header[(_isValkey ? 6 : 5)..])
        {
            if (digit is < (byte)'0' or > (byte)'9')
                throw _fail(RdbError.Corrupt, "the version in the header is no number");
            version = version * 10 + digit - '0';
        }

        bool known = _isValkey
            ? version is >= RdbFormat.OldestValkeyVersion and <= RdbFormat.NewestValkeyVersion
            : version is >= 1 and <= RdbFormat.NewestRedisVersion;
        if (!known)
            throw _fail(RdbError.Unsupported, $"{(_isValkey ? "Valkey" : "Redis")} RDB version {version} is not known");
        Version = version;
        _state = State.Element;
        _handler.OnHeader(version, _isValkey);
        return true;
    }

    private bool TryReadChecksum(ref RdbCursor cursor)
    {
        if (!cursor.TryRead(RdbFormat.ChecksumBytes, out ReadOnlySpan<byte> bytes))
            return false;
        ulong expected = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        if (_options.VerifyChecksum && expected != 0 && expected != _crc)
            throw _fail(RdbError.ChecksumMismatch, $"the file says {expected:x16}, its bytes say {_crc:x16}");
        End();
        return true;
    }

    private void End()
    {
        _state = State.Ended;
        _handler.OnEnd();
    }

    private void Sum(ReadOnlySpan<byte> bytes)
    {
        if (_options.VerifyChecksum)
            _crc = Crc64Jones.Append(_crc, bytes);
    }

    private RdbFormatException MakeError(RdbError error, string detail) =>
        _error = new RdbFormatException(error, detail, BytesConsumed);

    private void ThrowIfUnusable()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_error is { } earlier)
            throw new RdbFormatException(earlier.Error, earlier.Detail, earlier.Offset);
        if (_busy)
            throw new InvalidOperationException("The handler of this RDB reader threw earlier; the file cannot be read on.");
    }
}
