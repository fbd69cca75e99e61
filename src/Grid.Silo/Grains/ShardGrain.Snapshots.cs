using System.Diagnostics;
using Grid.Client.Contracts.Operator;
using Grid.Client.Telemetry;
using Grid.Formats.Buffers;
using Grid.Replication.Primary;
using Grid.Silo.Placement;
using Grid.Silo.Snapshots;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace Grid.Silo.Grains;

/// <content>Snapshots: to their cohort or to a file, and from there to members.</content>
internal sealed partial class ShardGrain
{
    private SnapshotJob? _job;

    void IPrimaryOutput.RequestSync(long request) => syncs.Places.Request(_primary!, OnPlace(_primary!, request));

    void IPrimaryOutput.ReleaseSync() => syncs.Places.Release(_primary!);

    void IPrimaryOutput.BeginSnapshot(SnapshotPlan plan)
    {
        instruments.CountRound(plan);
        Activity? span = _syncTraces.OnSnapshot(plan);
        ShardPrimary reign = _primary!;
        _job = new SnapshotJob(plan, new SnapshotJobSetting
        {
            Shard = _shard,
            Epoch = reign.Epoch,
            ChunkBytes = settings.Current.SnapshotChunkBytes,
            StallTime = TimeSpan.FromMilliseconds(settings.Current.ReplicaTimeoutMs),
            Pace = syncs.Pace,
            Files = syncs.Files,
            Instruments = syncs.Instruments,
            StreamOf = StreamFor,
            WhenHeldAtMost = WhenHeldAtMost,
            OnTurn = new CopyTurns(_hosted!.Copy, _turns).RunAsync,
            MemberFailed = (member, reason) => Post(() => FailMember(reign, member, reason)),
            Time = TimeProvider.System,
        });
        _ = plan.Transport == SyncTransport.Disk ? SaveSnapshotAsync(_job, span) : SendSnapshotAsync(_job, span);
    }

    void IPrimaryOutput.SendSnapshot(SavedSnapshot saved, SnapshotMember member) => _ = SendSavedAsync(_job!, saved, _job!.Admit(member));

    void IPrimaryOutput.CancelSnapshot(long snapshotId)
    {
        if (_job is not { } job || job.Plan.SnapshotId != snapshotId)
            return;
        job.Cancel();
        job.DeleteFile();
        _job = null;
    }

    /// <summary>From any thread: the silo has a place for a sync of this reign.</summary>
    private Action OnPlace(ShardPrimary reign, long request) => () => Post(() =>
    {
        if (_primary == reign)
            Run(static (primary, given, now) => primary.OnSyncPermitted(given, now), request);
        else
            syncs.Places.Release(reign);
    });

    private void FailMember(ShardPrimary reign, in SnapshotMember member, string reason)
    {
        if (_primary == reign)
            Run(static (primary, link, now) => primary.OnMemberFailed(link.Silo, link.Attach, link.reason, now), (member.Silo, member.Attach, reason));
    }

    private Func<PooledBuffer, Task> StreamFor(SnapshotMember member)
    {
        (IAsyncStream<PooledBuffer> commands, IAsyncStream<PooledBuffer> snapshots) = StreamsOf(member.Silo);
        IAsyncStream<PooledBuffer> stream = member.DualChannel ? snapshots : commands;
        return item => stream.OnNextAsync(item);
    }

    private Task WhenHeldAtMost(SnapshotMember member, long bytes) => streamControl.WhenHeldAtMostAsync(
        StreamId.Create(member.DualChannel ? GridConstants.SnapshotStreams : GridConstants.CommandStreams, SiloBoundKey.ForReplica(_shard, member.Silo)), bytes);

    private async Task SendSnapshotAsync(SnapshotJob job, Activity? span)
    {
        SnapshotOutcome? outcome = await CarryOutAsync(job, span, job.SendAsync);
        await job.EndScanAsync();
        if (outcome is not null)
            ReportSent(job.Plan);
        ReportEnded(job.Plan, failed: outcome is null);
        if (_job == job)
            _job = null;
        job.Dispose();
    }

    private async Task SaveSnapshotAsync(SnapshotJob job, Activity? span)
    {
        SnapshotOutcome? outcome = await CarryOutAsync(job, span, job.SaveAsync);
        await job.EndScanAsync();
        if (outcome is { } saved)
        {
            Run(static (primary, file, now) => primary.OnSnapshotSaved(file.SnapshotId, file.WireBytes, file.Entries, now), (job.Plan.SnapshotId, saved.WireBytes, saved.Entries));
            return;
        }

        job.DeleteFile();
        ReportEnded(job.Plan, failed: true);
    }

    private async Task SendSavedAsync(SnapshotJob job, SavedSnapshot saved, SyncMember receiver)
    {
        SnapshotMember member = receiver.Identity;
        try
        {
            if (await syncs.Threads.RunAsync(() => job.SendSavedAsync(saved, receiver)).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.ForceYielding))
                Run(static (primary, link, now) => primary.OnSnapshotSent(link.Silo, link.Attach, now), member);
        }
        catch (Exception failure)
        {
            if (failure is not OperationCanceledException)
            {
                LogSnapshotFailed(failure, _shard, job.Plan.SnapshotId);
                Run(static (primary, file, _) => primary.OnSnapshotUnreadable(file.SnapshotId, file.Message), (job.Plan.SnapshotId, failure.Message));
            }

            Run(static (primary, link, now) => primary.OnMemberFailed(link.Silo, link.Attach, "the snapshot was not sent to its end", now), member);
        }
    }

    /// <summary>What the job came to; null when it was cancelled or failed.</summary>
    private async Task<SnapshotOutcome?> CarryOutAsync(SnapshotJob job, Activity? span, Func<Task<SnapshotOutcome>> work)
    {
        long began = Stopwatch.GetTimestamp();
        string ended = "failed";
        try
        {
            SnapshotOutcome outcome = await syncs.Threads.RunAsync(work)
                .ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.ForceYielding);
            LogSnapshotTaken(_shard, _primary?.Epoch ?? 0, job.Plan.SnapshotId, outcome.Entries, outcome.RawBytes, outcome.WireBytes, outcome.MembersServed);
            span?.SetTag("grid.sync.entries", outcome.Entries);
            span?.SetTag("grid.sync.raw.size", outcome.RawBytes);
            span?.SetTag("grid.sync.wire.size", outcome.WireBytes);
            ended = "completed";
            return outcome;
        }
        catch (OperationCanceledException)
        {
            LogSnapshotCancelled(_shard, job.Plan.SnapshotId);
            ended = "cancelled";
        }
        catch (Exception failure)
        {
            LogSnapshotFailed(failure, _shard, job.Plan.SnapshotId);
            events.Add(EventKind.SyncFailed, EventSeverity.Error, _shard, _primary?.Epoch ?? 0, $"a snapshot failed: {failure.Message}");
        }
        finally
        {
            syncs.Instruments.OnEnded(job.Plan.Announcement.Compressed, ended, began);
            GridSpans.Stop(span, ended == "completed" ? null : ended);
        }

        return null;
    }

    private void ReportSent(SnapshotPlan plan)
    {
        foreach (SnapshotMember member in plan.Members)
            Run(static (primary, link, now) => primary.OnSnapshotSent(link.Silo, link.Attach, now), member);
    }

    private void ReportEnded(SnapshotPlan plan, bool failed) =>
        Run(static (primary, end, now) => primary.OnSnapshotEnded(end.SnapshotId, end.failed, now), (plan.SnapshotId, failed));

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard}: epoch {Epoch}: snapshot {Snapshot:x} taken: {Entries} entries, {RawBytes} bytes, {WireBytes} on the wire, sent to {Members} members")]
    private partial void LogSnapshotTaken(int shard, long epoch, long snapshot, long entries, long rawBytes, long wireBytes, int members);

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard}: snapshot {Snapshot:x} was cancelled")]
    private partial void LogSnapshotCancelled(int shard, long snapshot);

    [LoggerMessage(Level = LogLevel.Error, Message = "Shard {Shard}: snapshot {Snapshot:x} failed")]
    private partial void LogSnapshotFailed(Exception failure, int shard, long snapshot);
}
