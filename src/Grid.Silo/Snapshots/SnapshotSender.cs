using Grid.Formats.Buffers;
using Grid.Replication.Primary;

namespace Grid.Silo.Snapshots;

/// <summary>Sends one snapshot to its cohort: each item is made once, whatever the size of the cohort.</summary>
/// <remarks>A member that takes nothing for the stall time is left behind; the others go on.</remarks>
internal sealed class SnapshotSender : IDisposable
{
    private readonly SnapshotPlan _plan;
    private readonly SnapshotSenderSetting _setting;
    private readonly SnapshotReceiver[] _everyone;
    private readonly List<SnapshotReceiver> _members;
    private readonly SnapshotItems _items;

    public SnapshotSender(SnapshotPlan plan, SnapshotSenderSetting setting)
    {
        _plan = plan;
        _setting = setting;
        _everyone = [.. plan.Members.Select(setting.ReceiverOf)];
        _members = [.. _everyone];
        _items = new SnapshotItems(plan, setting.Shard, setting.Epoch, setting.ChunkBytes, setting.OnTurn);
    }

    /// <summary>Tells every member what comes.</summary>
    public async Task AnnounceAsync(CancellationToken cancellation)
    {
        foreach (SnapshotReceiver member in _members.ToArray())
            await SendAsync(member, _plan.Announcement.ToItem(member.Identity.Attach, 0, _setting.Epoch, committed: 0), cancellation);
    }

    /// <summary>Tells every member that it still comes.</summary>
    public Task SignOfLifeAsync(CancellationToken cancellation) => SendToAllAsync(_items.SignOfLife(), cancellation);

    /// <summary>Runs off the grain until the snapshot has arrived, nobody is left to take it, or it is cancelled.</summary>
    public async Task<SnapshotOutcome> RunAsync(CancellationToken cancellation)
    {
        while (_members.Count > 0 && await _items.NextAsync(cancellation) is { } item)
            await SendToAllAsync(item, cancellation);
        foreach (SnapshotReceiver member in _members.ToArray())
            await TryAsync(member, static (receiver, token) => receiver.WhenAllTakenAsync(token), cancellation);
        SnapshotOutcome outcome = _items.Outcome(_members.Count);
        SnapshotInstruments.OnSent(outcome);
        return outcome;
    }

    /// <summary>Gives the memory back, once nothing runs any more.</summary>
    public void Dispose() => _items.Dispose();

    /// <summary>A member's link has ended: it gets nothing more. From any thread.</summary>
    public void Leave(string silo)
    {
        foreach (SnapshotReceiver member in _everyone.Where(member => member.Identity.Silo == silo))
            member.Leave();
    }

    /// <summary>Frees the scan; on a turn, like everything that touches the store.</summary>
    public bool EndScan()
    {
        _plan.Scan.Dispose();
        return true;
    }

    private async Task SendToAllAsync(PooledBuffer item, CancellationToken cancellation)
    {
        for (int i = _members.Count - 1; i >= 0; i--)
            await SendAsync(_members[i], item.Retain(), cancellation);
        item.Release();
    }

    private Task SendAsync(SnapshotReceiver member, PooledBuffer item, CancellationToken cancellation)
    {
        if (!member.HasLeft)
            return TryAsync(member, (receiver, token) => receiver.SendAsync(item, token), cancellation);
        _members.Remove(member);
        item.Release();
        return Task.CompletedTask;
    }

    private async Task TryAsync(SnapshotReceiver member, Func<SnapshotReceiver, CancellationToken, Task> send, CancellationToken cancellation)
    {
        try
        {
            await send(member, cancellation);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            _members.Remove(member);
            string reason = failure is TimeoutException ? $"it took nothing of the snapshot for {_setting.StallTime.TotalMilliseconds} ms" : failure.Message;
            await _setting.OnTurn(() => _setting.MemberFailed(member.Identity, reason));
        }
    }
}

/// <summary>What a snapshot's sender needs of its surroundings.</summary>
internal sealed record SnapshotSenderSetting
{
    public required int Shard { get; init; }

    public required long Epoch { get; init; }

    /// <summary>The most bytes of an item.</summary>
    public required int ChunkBytes { get; init; }

    /// <summary>A member that takes nothing for this long is left behind.</summary>
    public required TimeSpan StallTime { get; init; }

    /// <summary>How a member is reached.</summary>
    public required Func<SnapshotMember, SnapshotReceiver> ReceiverOf { get; init; }

    /// <summary>Runs something on the primary's turn, under the copy's gate.</summary>
    public required Func<Func<bool>, Task<bool>> OnTurn { get; init; }

    /// <summary>Says, on the turn, that a member was left behind.</summary>
    public required Func<SnapshotMember, string, bool> MemberFailed { get; init; }
}
