using Grid.Formats.Buffers;
using Grid.Replication.Primary;
using Orleans.Streams;

namespace Grid.Silo.Snapshots;

/// <summary>
/// A member of a cohort, as its sender sees it: the stream on which it gets the snapshot, and whether it is still there.
/// </summary>
/// <remarks>A member that takes nothing for the stall time is left behind; the others go on.</remarks>
internal sealed class SyncMember(SnapshotMember identity, IAsyncStream<PooledBuffer> stream, TimeSpan stallTime)
{
    private volatile bool _hasLeft;

    public SnapshotMember Identity { get; } = identity;

    /// <summary>True once the member's link has ended: it gets nothing more. Set from any thread.</summary>
    public bool HasLeft => _hasLeft;

    /// <summary>Why the member was left behind; null while it was not.</summary>
    public string? Problem { get; private set; }

    public void Leave() => _hasLeft = true;

    /// <summary>Sends an item, whose reference goes with it. False when the member is not there any more.</summary>
    public async ValueTask<bool> SendAsync(PooledBuffer item, CancellationToken cancellation)
    {
        if (_hasLeft)
        {
            item.Release();
            return false;
        }

        try
        {
            SnapshotInstruments.OnItem(item.Length);
            Task sending = stream.OnNextAsync(item);
            if (!sending.IsCompletedSuccessfully)
                await sending.WaitAsync(stallTime, cancellation);
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
