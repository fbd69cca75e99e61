using Grid.Formats.Buffers;
using Grid.Replication.Primary;

namespace Grid.Silo.Snapshots;

/// <summary>
/// A member of a cohort, as its sender sees it: the stream on which it gets the snapshot, and whether it is still there.
/// </summary>
/// <param name="identity">Who it is.</param>
/// <param name="send">Puts an item on its stream; ends when the stream takes more.</param>
/// <param name="whenHeldAtMost">Ends when of what the stream holds now the member has acknowledged all but so many bytes.</param>
internal sealed class SyncMember(SnapshotMember identity, Func<PooledBuffer, Task> send, Func<long, Task> whenHeldAtMost)
{
    private volatile bool _hasLeft;
    private Task _sending = Task.CompletedTask;

    public SnapshotMember Identity { get; } = identity;

    /// <summary>True once the member's link has ended: it gets nothing more. Set from any thread.</summary>
    public bool HasLeft => _hasLeft;

    /// <summary>For how long others have stood idle because of this one.</summary>
    public TimeSpan HeldUp { get; set; }

    public void Leave() => _hasLeft = true;

    /// <summary>Sends an item, whose reference goes with it.</summary>
    public void Send(PooledBuffer item) => _sending = send(item);

    /// <summary>Ends when at most so many bytes of what was sent until now are under way to the member, or fails as its stream did.</summary>
    public async Task WhenHeldAtMostAsync(long bytes)
    {
        if (!_sending.IsCompletedSuccessfully)
            await _sending;
        await whenHeldAtMost(bytes);
    }
}
