using System.Buffers;
using Grid.Client.Operations;
using Grid.Client.Pipelines;
using Grid.Formats.Operations;
using OperationStatus = Grid.Formats.Operations.OperationStatus;

namespace Grid.Client.Local;

/// <summary>
/// A read that a copy on this silo answers, in the caller's call: the value is copied out of the copy and read from there as if it were
/// a reply. One object per thread; nothing is allocated but what the reader makes.
/// </summary>
internal sealed class LocalRead : PendingOperation
{
    private const int KeptBytesMax = 1024 * 1024;
    private const int FirstBytes = 1024;

    [ThreadStatic]
    private static LocalRead? _mine;

    private ArrayBufferWriter<byte> _value = new(FirstBytes);

    /// <summary>Reads an entry; false if it is to be asked of the primary.</summary>
    /// <param name="dispatcher">The client's engine.</param>
    /// <param name="copies">The silo's copies.</param>
    /// <param name="keyspace">The keyspace.</param>
    /// <param name="kind">Get or Peek.</param>
    /// <param name="key">The key.</param>
    /// <param name="settings">The call's settings.</param>
    /// <param name="reader">Makes the result.</param>
    /// <param name="state">For the reader.</param>
    /// <param name="result">The result.</param>
    /// <exception cref="GridSerializationException">There is an entry, and the reader cannot read it.</exception>
    public static bool TryRead<T>(
        OperationDispatcher dispatcher,
        ILocalCopies copies,
        string keyspace,
        OperationKind kind,
        ReadOnlySpan<byte> key,
        in CallSettings settings,
        ResultReader<T> reader,
        object? state,
        out T result)
    {
        // A reader that reads the grid itself finds no object here and makes another one.
        LocalRead read = _mine ?? new();
        _mine = null;
        try
        {
            return read.TryReadOnce(dispatcher, copies, keyspace, kind, key, settings, reader, state, out result);
        }
        finally
        {
            read.End();
            _mine = read;
        }
    }

    public override bool Accept(int index, int shard, in OperationResult result) => throw NotSent();

    public override bool Fail(int index, Exception error) => throw NotSent();

    public override void Signal() => throw NotSent();

    protected override void SetCancelled(OperationCanceledException error) => throw NotSent();

    private static NotSupportedException NotSent() => new("A local read is over when its call returns.");

    private bool TryReadOnce<T>(
        OperationDispatcher dispatcher,
        ILocalCopies copies,
        string keyspace,
        OperationKind kind,
        ReadOnlySpan<byte> key,
        in CallSettings settings,
        ResultReader<T> reader,
        object? state,
        out T result)
    {
        bool wantsValue = kind == OperationKind.Get;
        if (!copies.TryRead(keyspace, key, settings.MaxStalenessMs, wantsValue ? _value : null, out LocalEntry entry))
        {
            result = default!;
            return false;
        }

        Begin(dispatcher, keyspace, kind, settings, state, default);
        OperationResult found = new()
        {
            Status = entry.Found ? OperationStatus.Ok : OperationStatus.NotFound,
            HasValue = entry.Found && wantsValue,
            Value = _value.WrittenSpan,
            Version = entry.Version,
            ExpiryUnixMs = entry.ExpiryUnixMs,
        };
        try
        {
            result = reader(this, found);
        }
        catch (Exception e)
        {
            throw ResultErrors.Unreadable(this, entry.Shard, e);
        }

        return true;
    }

    private void End()
    {
        StopListening();
        if (_value.Capacity > KeptBytesMax)
            _value = new(FirstBytes);
        else
            _value.ResetWrittenCount();
    }
}
