using Grid.Formats.Buffers;
using Grid.Replication.Primary;
using Grid.Silo.Telemetry;
using Orleans.Streams;

namespace Grid.Silo.Snapshots;

/// <summary>
/// A member of a cohort, as its sender sees it: the stream on which it gets the snapshot, and whether it is still there.
/// </summary>
/// <remarks>
/// What is under way to a member is held low on purpose: it shares its connection with the command streams, whose items wait
/// behind it, and it is memory that the primary spends beside its data. A member that takes nothing for the stall time is
/// left behind; the others go on.
/// </remarks>
internal sealed class SyncMember(SnapshotMember identity, IAsyncStream<PooledBuffer> stream, Func<long, Task> whenHeldAtMost, TimeSpan stallTime, SyncInstruments instruments)
{
    /// <summary>What may still be under way when the next item is sent: one item travels while the next one is made.</summary>
    private const long BytesUnderWay = 288 << 10;

    private volatile bool _hasLeft;

    public SnapshotMember Identity { get; } = identity;

    /// <summary>True once the member's link has ended: it gets nothing more. Set from any thread.</summary>
    public bool HasLeft => _hasLeft;

    /// <summary>Why the member was left behind; null while it was not.</summary>
    public string? Problem { get; private set; }

    public void Leave() => _hasLeft = true;

    /// <summary>Sends an item, whose reference goes with it, and waits for room. False when the member is not there any more.</summary>
    public ValueTask<bool> SendAsync(PooledBuffer item, CancellationToken cancellation)
    {
        if (_hasLeft)
        {
            item.Release();
            return new(false);
        }

        instruments.OnItem(item.Length);
        return WithinStallTimeAsync(stream.OnNextAsync(item), BytesUnderWay, cancellation);
    }

    /// <summary>Waits until everything has arrived. False when the member is not there any more.</summary>
    public ValueTask<bool> WhenArrivedAsync(CancellationToken cancellation) =>
        _hasLeft ? new(false) : WithinStallTimeAsync(Task.CompletedTask, 0, cancellation);

    private async ValueTask<bool> WithinStallTimeAsync(Task sending, long held, CancellationToken cancellation)
    {
        try
        {
            if (!sending.IsCompletedSuccessfully)
                await sending.WaitAsync(stallTime, cancellation);
            Task arriving = whenHeldAtMost(held);
            if (!arriving.IsCompletedSuccessfully)
                await arriving.WaitAsync(stallTime, cancellation);
            return true;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            _hasLeft = true;
            Problem = failure is TimeoutException ? $"it took nothing of the snapshot for {stallTime.TotalMilliseconds} ms" : failure.Message;
            return false;
        }
    }
}
