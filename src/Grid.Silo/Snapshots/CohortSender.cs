using System.Globalization;
using Grid.Formats.Buffers;

namespace Grid.Silo.Snapshots;

/// <summary>
/// Sends the items of one snapshot to its members, each item encoded once whatever the size of the cohort, at the silo's
/// pace and that of its members.
/// </summary>
/// <remarks>
/// <para>
/// What is under way to a member is held low on purpose: it shares its connection with the command streams, whose items wait
/// behind it, and it is memory that the primary spends beside its data. One chunk travels while the next is made and sent, whatever their size, so at most two are
/// under way. So the next chunk waits for the slowest member, and whoever
/// holds up the others is left behind: who takes nothing for the stall time, and who has others stand idle for longer than that and for
/// more than half of the time that the snapshot has taken. He attaches again, and gets a snapshot at his own speed.
/// </para>
/// <para>While nothing can be sent, the members get a sign of life now and then: they would take silence for the primary's death.</para>
/// </remarks>
/// <param name="members">Who gets it.</param>
/// <param name="items">Numbers the items.</param>
/// <param name="pace">The silo's pace.</param>
/// <param name="stallTime">A member that takes nothing for so long is left behind.</param>
/// <param name="leftBehind">Told, once, of each member that was, and why.</param>
/// <param name="time">The time.</param>
internal sealed class CohortSender(
    IReadOnlyList<SyncMember> members, SnapshotItems items, SyncPace pace, TimeSpan stallTime, Func<SyncMember, string, Task> leftBehind, TimeProvider time)
{
    /// <summary>What may be under way beside chunks: announcements, signs of life, and what a stream counts for each item.</summary>
    private const long SmallBytes = 32 << 10;

    private readonly List<SyncMember> _members = [.. members];
    private readonly TimeSpan _signPeriod = stallTime / 4;
    private readonly long _began = time.GetTimestamp();

    /// <summary>Members that are still there.</summary>
    public int Count
    {
        get
        {
            _members.RemoveAll(static member => member.HasLeft);
            return _members.Count;
        }
    }

    /// <summary>Sends a chunk, whose reference goes with it, and waits until the one before it has arrived.</summary>
    public async ValueTask SendAsync(PooledBuffer chunk, CancellationToken cancellation)
    {
        try
        {
            await pace.WaitAsync((long)chunk.Length * Count, _signPeriod, GiveSign, cancellation);
        }
        catch
        {
            chunk.Release();
            throw;
        }

        long bytes = chunk.Length;
        SendToAll(items.Piece(chunk));
        await WhenHeldAtMostAsync(bytes + SmallBytes, cancellation);
    }

    /// <summary>Says that this was all, and waits until it has arrived.</summary>
    public async ValueTask EndAsync(long entries, CancellationToken cancellation)
    {
        SendToAll(items.End(entries));
        await WhenHeldAtMostAsync(0, cancellation);
    }

    /// <summary>Sends each member an item of its own.</summary>
    public async ValueTask SendEachAsync(Func<SyncMember, PooledBuffer?> itemOf, CancellationToken cancellation)
    {
        foreach (SyncMember member in _members)
        {
            if (!member.HasLeft && itemOf(member) is { } item)
                member.Send(item);
        }

        await WhenHeldAtMostAsync(SmallBytes, cancellation);
    }

    /// <summary>Waits for what is to be sent next, to its end in any case; the members hear of it while it takes long.</summary>
    public async ValueTask<T> WhileMakingAsync<T>(ValueTask<T> making)
    {
        if (making.IsCompletedSuccessfully)
            return making.Result;
        Task<T> made = making.AsTask();
        while (!await EndsWithinAsync(made, _signPeriod, CancellationToken.None))
            GiveSign();
        return await made;
    }

    private void GiveSign() => SendToAll(items.SignOfLife());

    private void SendToAll(PooledBuffer item)
    {
        foreach (SyncMember member in _members)
        {
            if (!member.HasLeft)
                member.Send(item.Retain());
        }

        item.Release();
    }

    /// <summary>Waits for all members at once, and leaves those behind who take too long.</summary>
    private async ValueTask WhenHeldAtMostAsync(long bytes, CancellationToken cancellation)
    {
        List<(SyncMember Member, Task Room)>? late = null;
        foreach (SyncMember member in _members)
        {
            Task room = member.WhenHeldAtMostAsync(bytes);
            if (!room.IsCompletedSuccessfully)
                (late ??= []).Add((member, room));
        }

        if (late is null)
            return;
        long began = time.GetTimestamp();
        List<Task> idle = [.. _members.Except(late.Select(static one => one.Member)).Select(static member => member.WhenHeldAtMostAsync(0))];
        long? othersWaitSince = null;
        while (late.Count > 0)
        {
            IEnumerable<Task> news = late.Select(static one => one.Room);
            if (!await EndsWithinAsync(Task.WhenAny(othersWaitSince is null ? news.Concat(idle) : news), _signPeriod, cancellation))
                GiveSign();
            long now = time.GetTimestamp();
            if (othersWaitSince is null && idle.Exists(static task => task.IsCompleted))
                othersWaitSince = now;
            foreach ((SyncMember member, Task room) in late.ToArray())
            {
                TimeSpan alone = othersWaitSince is { } since ? time.GetElapsedTime(since, now) : TimeSpan.Zero;
                string? problem = room.IsCompleted ? room.Exception?.InnerException?.Message : ProblemOf(member, time.GetElapsedTime(began, now), alone, now);
                if (problem is null && !room.IsCompleted)
                    continue;
                late.Remove((member, room));
                member.HeldUp += alone;
                if (problem is null)
                    idle.Add(member.WhenHeldAtMostAsync(0));
                else
                    await LeaveBehindAsync(member, problem);
            }
        }
    }

    private string? ProblemOf(SyncMember member, TimeSpan waited, TimeSpan alone, long now)
    {
        if (waited >= stallTime)
            return string.Create(CultureInfo.InvariantCulture, $"it took nothing of the snapshot for {waited.TotalMilliseconds:0} ms");
        TimeSpan heldUp = member.HeldUp + alone;
        return heldUp >= stallTime && heldUp >= time.GetElapsedTime(_began, now) / 2
            ? string.Create(CultureInfo.InvariantCulture, $"other members of the cohort stood idle for {heldUp.TotalMilliseconds:0} ms because of it, more than half of the time")
            : null;
    }

    private async Task LeaveBehindAsync(SyncMember member, string problem)
    {
        _members.Remove(member);
        if (member.HasLeft)
            return;
        member.Leave();
        await leftBehind(member, problem);
    }

    private async ValueTask<bool> EndsWithinAsync(Task task, TimeSpan limit, CancellationToken cancellation)
    {
        await task.WaitAsync(limit, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        cancellation.ThrowIfCancellationRequested();
        return task.IsCompleted;
    }
}
