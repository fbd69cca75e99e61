using Grid.Formats.Buffers;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Time;
using Grid.Silo.Events;
using Grid.Silo.Placement;
using Grid.Silo.Records;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace Grid.Silo.Grains;

/// <content>
/// Carries out what the state machine wants done. Called under the copy's gate; nothing here calls back into it, which
/// is why what is awaited always yields first.
/// </content>
internal sealed partial class ShardGrain : IPrimaryOutput
{
    private readonly TakenItems _taken = new();
    private readonly Dictionary<string, (IAsyncStream<PooledBuffer> Commands, IAsyncStream<PooledBuffer> Snapshots)> _streamsOf = [];
    private Action<LeaseRequest, CopyName>? _onGranted;
    private string? _downReason;
    private bool _tellsLater;

    void IPrimaryOutput.Send(string silo, long attach, PooledBuffer item)
    {
        Task sending = StreamsOf(silo).Commands.OnNextAsync(item);
        if (sending.IsCompletedSuccessfully)
            _taken.Add(silo, attach);
        else
            _ = ReportSentLaterAsync(sending, silo, attach);
    }

    void IPrimaryOutput.Reply(object token, PooledBuffer reply) => ((ReplyToken)token).Complete(reply, operations, _shard);

    void IPrimaryOutput.WriteRecord(ShardRecord record) => _ = WriteRecordAsync(record);

    void IPrimaryOutput.StartReplica(string silo, long endedAttach) => _ = StartReplicaAsync(silo, _primary!.Epoch, endedAttach);

    void IPrimaryOutput.AskGrants(LeaseRequest request, IReadOnlyList<CopyName> copies)
    {
        foreach (CopyName copy in copies)
            leases.Ask(request, copy, _onGranted ??= OnGranted);
    }

    void IPrimaryOutput.AbandonLink(string silo)
    {
        _job?.Leave(silo);
        string key = SiloBoundKey.ForReplica(_shard, silo);
        streamControl.Abandon(StreamId.Create(GridConstants.CommandStreams, key));
        streamControl.Abandon(StreamId.Create(GridConstants.SnapshotStreams, key));
    }

    void IPrimaryOutput.StepDown(string reason) => _downReason = reason;

    void IPrimaryOutput.Report(PrimaryEvent what, string silo, string details)
    {
        instruments.Count(what);
        LogEvent(_shard, _primary?.Epoch ?? 0, what, silo, details);
        events.Note(what, _shard, _primary?.Epoch ?? 0, silo, what == PrimaryEvent.InSyncChanged ? InSyncText() : details, isThin: (_primary?.Record.InSync.Length ?? 0) <= settings.Current.Replicas);
    }

    private string InSyncText() => $"in sync: {string.Join(", ", _primary?.Record.InSync.Select(static copy => copy.Silo) ?? [])}";

    void IPrimaryOutput.CountBacklogMiss() => instruments.CountBacklogMiss();

    void IPrimaryOutput.CountLinkEnd(LinkEndReason reason) => instruments.Count(reason);

    /// <summary>From any thread: a copy granted the lease. Another reign counts its requests anew: what was granted to the one before means nothing to it.</summary>
    private void OnGranted(LeaseRequest request, CopyName copy) => Post(() =>
    {
        if (_primary?.Epoch == request.Epoch)
            Run(static (primary, grant, now) => primary.OnGranted(grant.copy, grant.Number, now), (copy, request.Number));
    });

    /// <summary>Has something done on the grain's turn.</summary>
    private Task Post(Action turn) =>
        Task.Factory.StartNew(turn, CancellationToken.None, TaskCreationOptions.DenyChildAttach, _turns);

    /// <summary>Tells the state machine which items the streams took at once; that may send more, of which a turn has only so many.</summary>
    private void ReportSent(ShardPrimary primary, Instant now)
    {
        bool some = _taken.Tell((Primary: primary, Now: now), static (told, silo, attach) => told.Primary.OnSent(silo, attach, told.Now));
        if (!some || _tellsLater)
            return;
        _tellsLater = true;
        Post(() =>
        {
            _tellsLater = false;
            Run(static (_, _, _) => { }, 0);
        });
    }

    /// <summary>Ends the activation behind a turn in which the reign ended.</summary>
    private void AfterTurn()
    {
        if (_downReason is null || _primary is null)
            return;
        LogSteppedDown(_shard, _primary.Epoch, _downReason);
        CloseInbox(_downReason);
        if (_hosted?.Primary == _primary)
            _hosted!.Primary = null;
        _primary = null;
        _taken.Clear();
        _wakes?.Dispose();
        DeactivateOnIdle();
    }

    private (IAsyncStream<PooledBuffer> Commands, IAsyncStream<PooledBuffer> Snapshots) StreamsOf(string silo)
    {
        if (!_streamsOf.TryGetValue(silo, out var streams))
        {
            string key = SiloBoundKey.ForReplica(_shard, silo);
            streams = (
                _streams!.GetStream<PooledBuffer>(StreamId.Create(GridConstants.CommandStreams, key)),
                _streams!.GetStream<PooledBuffer>(StreamId.Create(GridConstants.SnapshotStreams, key)));
            _streamsOf.Add(silo, streams);
        }

        return streams;
    }

    private async Task ReportSentLaterAsync(Task sending, string silo, long attach)
    {
        try
        {
            await sending.ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.ForceYielding);
            Run(static (primary, link, now) => primary.OnSent(link.silo, link.attach, now), (silo, attach));
        }
        catch (Exception failure)
        {
            Run(static (primary, link, now) => primary.OnLinkFailed(link.silo, link.attach, link.Message, now), (silo, attach, failure.Message));
        }
    }

    /// <summary>What becomes of the write concerns the reign that wanted it; a later one of this activation has read the record anew.</summary>
    private async Task WriteRecordAsync(ShardRecord record)
    {
        ShardPrimary? writing = _primary;
        RecordWrite write = await records.WriteAsync(record, _etag).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.ForceYielding);
        if (_primary != writing)
            return;
        _etag = write.Current.ETag;
        RecordOutcome outcome = write.Written ? RecordOutcome.Written : RecordOutcome.Conflict;
        Run(static (primary, result, now) => primary.OnRecordWritten(result.outcome, result.Record, now), (outcome, write.Current.Record));
    }

    private async Task StartReplicaAsync(string silo, long epoch, long endedAttach)
    {
        try
        {
            await GrainFactory.GetGrain<IReplicaGrain>(SiloBoundKey.ForReplica(_shard, silo)).FollowAsync(epoch, endedAttach);
        }
        catch (Exception failure)
        {
            LogReplicaNotStarted(failure, _shard, silo);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard}: epoch {Epoch}: {What} ({Silo}): {Details}")]
    private partial void LogEvent(int shard, long epoch, PrimaryEvent what, string silo, string details);

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard}: the reign of epoch {Epoch} is over: {Reason}")]
    private partial void LogSteppedDown(int shard, long epoch, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Shard {Shard}: the replica on {Silo} could not be reached; it is asked again")]
    private partial void LogReplicaNotStarted(Exception failure, int shard, string silo);
}
