using System.Diagnostics;
using Grid.Client.Contracts.Operator;
using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Takeover;
using Grid.Silo.Copies;
using Grid.Silo.Events;
using Grid.Silo.Records;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Grains;

/// <content>How an activation comes to reign, and how its reign ends.</content>
internal sealed partial class ShardGrain
{
    private static readonly TimeSpan ReignWait = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(200);

    private Task<string?>? _beginning;
    private string? _etag;
    private bool _unavailable;
    private long _retryAtMs;
    private long _soughtSince;

    /// <summary>Why the shard does not serve; null once it does.</summary>
    private async ValueTask<string?> WaitForReignAsync()
    {
        if (_primary is not null)
            return null;
        if (role.Ended.IsCancellationRequested)
            return $"Shard {_shard} is on a silo that stops; try again.";
        BeginReign();
        try
        {
            return await _beginning!.WaitAsync(ReignWait);
        }
        catch (TimeoutException)
        {
            return $"Shard {_shard} is still being taken over; try again.";
        }
    }

    /// <summary>
    /// A caller that remembers where the shard was makes an activation there, and would do so again and again: one that is in the wrong place
    /// answers nobody, and takes itself, with the calls that wait for it, to where the shard belongs.
    /// </summary>
    private async Task BeginReignOrMoveOnAsync()
    {
        (TakeoverPlan Plan, StoredRecord? Stored)? decided = null;
        _soughtSince = Stopwatch.GetTimestamp();
        try
        {
            decided = await polls.DecideAsync(_shard, ignoreLocalReign: true);
            if (decided.Value.Plan is { Silo.Length: > 0 } plan && plan.Silo != membership.Local)
            {
                LogMovesOn(_shard, plan.Silo, plan.Reason);
                MoveOn();
                return;
            }
        }
        catch (Exception failure)
        {
            LogTakeoverFailed(failure, _shard);
        }

        BeginReign(decided);
    }

    private void MoveOn()
    {
        _wakes?.Dispose();
        this.MigrateOnIdle();
    }

    private void BeginReign((TakeoverPlan Plan, StoredRecord? Stored)? decided = null)
    {
        if (_primary is null && !role.Ended.IsCancellationRequested && _beginning is null or { IsCompleted: true })
            _beginning = BeginReignAsync(decided);
    }

    private void BeginReignAgainWhenDue()
    {
        if (_beginning is { IsCompleted: true } && SiloClock.Now.MonotonicMs >= _retryAtMs)
            BeginReign();
    }

    private async Task<string?> BeginReignAsync((TakeoverPlan Plan, StoredRecord? Stored)? decided)
    {
        string? problem;
        try
        {
            problem = await TryTakeOverAsync(decided ?? await polls.DecideAsync(_shard, ignoreLocalReign: true));
        }
        catch (Exception failure)
        {
            _unavailable = true;
            problem = $"Shard {_shard} cannot be taken over: {failure.Message}";
            LogTakeoverFailed(failure, _shard);
            events.Add(EventKind.Failure, EventSeverity.Error, _shard, 0, $"the shard cannot be taken over: {failure.Message}");
        }

        _retryAtMs = SiloClock.Now.MonotonicMs + (long)RetryPause.TotalMilliseconds;
        return problem;
    }

    private async Task<string?> TryTakeOverAsync((TakeoverPlan Plan, StoredRecord? Stored) decided)
    {
        (TakeoverPlan plan, StoredRecord? stored) = decided;
        _unavailable = plan.Verdict == TakeoverVerdict.Unavailable;
        if (_unavailable || stored is null)
            return $"Shard {_shard} is unavailable: {plan.Reason}.";
        if (plan.Silo != membership.Local)
        {
            MoveOn();
            return $"Shard {_shard} belongs on silo {plan.Silo}: {plan.Reason}.";
        }

        HostedCopy hosted = host.GetOrCreate(_shard);
        if (Own(hosted, plan) is not { } token)
            return $"Shard {_shard}: the copy to be adopted was replaced meanwhile; try again.";
        ShardCopy copy = hosted.Copy;
        ShardRecord next = stored.Record.WithPrimary(copy.Name, plan.Epoch, plan.InSync, Guid.NewGuid());
        RecordWrite write = await records.WriteAsync(next, stored.ETag);
        if (!write.Written)
            return $"Shard {_shard} was taken over by somebody else: {write.Current.Record}.";

        // The primary before may serve reads until the last grant of this copy has ended: nothing is committed or served in the new reign
        // before. The copy has refused its epoch since it was owned, so there is none after that.
        long waitMs = plan.WaitMs(copy, SiloClock.Now.MonotonicMs);
        if (waitMs > 0)
            await Task.Delay(TimeSpan.FromMilliseconds(waitMs));
        if (!Reign(hosted, copy, token, write.Current))
            return $"Shard {_shard}: the copy has got another owner before the reign of epoch {plan.Epoch} began; try again.";
        takeovers.OnReign(plan, _soughtSince);
        events.NoteReign(plan, _shard, _soughtSince);
        return null;
    }

    /// <summary>Takes the copy from whoever works on it: from here on its tail is frozen, and it refuses older epochs.</summary>
    private static long? Own(HostedCopy hosted, TakeoverPlan plan) => hosted.Use<long?>(copy =>
    {
        bool fits = plan.Verdict == TakeoverVerdict.Create
            ? copy.Log.EndOffset == 0 && copy.State != CopyState.Loading
            : copy.Name == plan.Copy && copy.State == CopyState.Complete;
        if (!fits || hosted.IsFreed)
            return null;
        copy.State = CopyState.Complete;
        copy.Observe(plan.Epoch, 0);
        hosted.Replica?.Dispose();
        hosted.Replica = null;
        return copy.TakeOwnership();
    });

    /// <summary>
    /// Begins the reign. False when the copy has got another owner since it was taken: while older grants ended, the primary before may have asked a
    /// replica to follow it on this copy. That one is not turned away, since by what it tells its primary hears that its reign is over.
    /// </summary>
    private bool Reign(HostedCopy hosted, ShardCopy copy, long token, StoredRecord stored)
    {
        lock (copy.Gate)
        {
            if (!copy.IsOwnedBy(token))
                return false;
            _etag = stored.ETag;
            _hosted = hosted;
            _primary = new ShardPrimary(copy, token, stored.Record, settings.Current.ToPrimaryOptions(), SiloEntropy.Instance, this);
            hosted.Primary = _primary;
            hosted.IsPinned = false;
        }

        _membershipSeen = membership.Current.Version;
        _avoided = [];
        AvoidDrainingSilos();
        Run(static (primary, alive, now) => primary.Start(alive, now), membership.Current.Active);
        OpenInbox();

        // The silo's end may have come meanwhile, and it is told once.
        if (role.Ended.IsCancellationRequested)
            StepDown("the silo stops");
        return true;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Shard {Shard}: the activation moves on to silo {Silo}: {Reason}")]
    private partial void LogMovesOn(int shard, string silo, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Shard {Shard} cannot be taken over")]
    private partial void LogTakeoverFailed(Exception failure, int shard);
}
