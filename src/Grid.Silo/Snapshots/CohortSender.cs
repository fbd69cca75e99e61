using Grid.Formats.Buffers;

namespace Grid.Silo.Snapshots;

/// <summary>
/// Sends the items of one snapshot to its members, each item encoded once whatever the size of the cohort, at the silo's
/// pace.
/// </summary>
/// <param name="members">Who gets it.</param>
/// <param name="items">Numbers the items.</param>
/// <param name="pace">The silo's pace.</param>
/// <param name="stallTime">A member that takes nothing for so long is left behind.</param>
/// <param name="leftBehind">Told, once, of each member that was.</param>
internal sealed class CohortSender(
    IReadOnlyList<SyncMember> members, SnapshotItems items, SyncPace pace, TimeSpan stallTime, Func<SyncMember, Task> leftBehind)
{
    private readonly List<SyncMember> _members = [.. members];

    /// <summary>Members that are still there.</summary>
    public int Count => _members.Count;

    /// <summary>Sends a chunk, whose reference goes with it.</summary>
    public async ValueTask SendAsync(PooledBuffer chunk, CancellationToken cancellation)
    {
        await pace.WaitAsync((long)chunk.Length * _members.Count, stallTime / 4, () => SendToAllAsync(items.SignOfLife(), cancellation), cancellation);
        await SendToAllAsync(items.Piece(chunk), cancellation);
    }

    /// <summary>Says that this was all, and waits until it has arrived.</summary>
    public async ValueTask EndAsync(long entries, CancellationToken cancellation)
    {
        await SendToAllAsync(items.End(entries), cancellation);
        for (int i = _members.Count - 1; i >= 0; i--)
            await KeepIfAsync(i, await _members[i].WhenArrivedAsync(cancellation));
    }

    /// <summary>Sends each member an item of its own.</summary>
    public async ValueTask SendEachAsync(Func<SyncMember, PooledBuffer?> itemOf, CancellationToken cancellation)
    {
        for (int i = _members.Count - 1; i >= 0; i--)
        {
            if (itemOf(_members[i]) is { } item)
                await SendToAsync(i, item, cancellation);
        }
    }

    private async ValueTask SendToAllAsync(PooledBuffer item, CancellationToken cancellation)
    {
        for (int i = _members.Count - 1; i >= 0; i--)
            await SendToAsync(i, item.Retain(), cancellation);
        item.Release();
    }

    private async ValueTask SendToAsync(int index, PooledBuffer item, CancellationToken cancellation) =>
        await KeepIfAsync(index, await _members[index].SendAsync(item, cancellation));

    private async ValueTask KeepIfAsync(int index, bool isThere)
    {
        SyncMember member = _members[index];
        if (isThere)
            return;
        _members.RemoveAt(index);
        if (member.Problem is not null)
            await leftBehind(member);
    }
}
