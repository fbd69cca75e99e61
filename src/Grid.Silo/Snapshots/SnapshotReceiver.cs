using Grid.Formats.Buffers;
using Grid.Replication.Primary;
using Orleans.Streams;

namespace Grid.Silo.Snapshots;

/// <summary>A member of a cohort as its snapshot's sender sees it: hands it items, and not too many at a time.</summary>
/// <remarks>
/// What is under way is held low on purpose: it shares its connection with the command streams, whose items wait behind it,
/// and it is memory that the primary spends on top of its data.
/// </remarks>
internal sealed class SnapshotReceiver(SnapshotMember identity, IAsyncStream<PooledBuffer> stream, Func<long, Task> whenHeldAtMost, TimeSpan stallTime)
{
    /// <summary>The most bytes under way to a member.</summary>
    public const int BytesUnderWayMax = 512 << 10;

    private volatile bool _hasLeft;

    public SnapshotMember Identity => identity;

    /// <summary>True once the member's link has ended: it gets nothing more.</summary>
    public bool HasLeft => _hasLeft;

    /// <summary>The member's link has ended. From any thread.</summary>
    public void Leave() => _hasLeft = true;

    /// <summary>Sends an item, whose reference goes with it, once there is room.</summary>
    /// <exception cref="TimeoutException">The member took nothing for the stall time.</exception>
    public async Task SendAsync(PooledBuffer item, CancellationToken cancellation)
    {
        SnapshotInstruments.OnItem(item.Length);
        await WithinStallTime(stream.OnNextAsync(item), cancellation);
        await WithinStallTime(whenHeldAtMost(BytesUnderWayMax / 2), cancellation);
    }

    /// <summary>Waits until the member has acknowledged everything.</summary>
    /// <exception cref="TimeoutException">It did not within the stall time.</exception>
    public Task WhenAllTakenAsync(CancellationToken cancellation) => WithinStallTime(whenHeldAtMost(0), cancellation);

    private Task WithinStallTime(Task task, CancellationToken cancellation) =>
        task.IsCompletedSuccessfully ? Task.CompletedTask : task.WaitAsync(stallTime, cancellation);
}
