using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Replica;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Grains;

/// <content>Carries out what the state machine wants done. Called under the copy's gate; nothing here calls back into it.</content>
internal sealed partial class ReplicaGrain
{
    void IReplicaOutput.Attach(AttachRequest request) => _ = AttachAsync(request);

    void IReplicaOutput.Acknowledge(Acknowledgement acknowledgement) => _acknowledgement = acknowledgement;

    ShardCopy IReplicaOutput.MakeCopy(Guid copyId) => host.MakeCopy(_shard, copyId);

    void IReplicaOutput.InstallCopy(ShardCopy next, ShardCopy old) => _hosted!.Install(next);

    void IReplicaOutput.Dismiss() => _dismissed = true;

    void IReplicaOutput.Report(ReplicaEvent what, string details)
    {
        instruments.Count(what);
        _sync?.On(what);
        LogEvent(_shard, _replica?.EpochFollowed ?? 0, what, details);
    }

    private async Task AttachAsync(AttachRequest request)
    {
        AttachAnswer? answer;
        try
        {
            answer = await _primary!.AttachAsync(AttachCall.From(request, _sync?.TraceParent)).AsTask()
                .ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.ForceYielding);
        }
        catch (Exception failure)
        {
            LogAttachFailed(failure, _shard);
            answer = null;
        }

        Run((replica, now) => replica.OnAttachAnswered(request.Attach, answer, now));
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard}: epoch {Epoch}: replica: {What}: {Details}")]
    private partial void LogEvent(int shard, long epoch, ReplicaEvent what, string details);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Shard {Shard}: the primary could not be reached; the replica attaches again")]
    private partial void LogAttachFailed(Exception failure, int shard);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Shard {Shard}: a stream of the replica failed; the replica attaches again")]
    private partial void LogStreamFailed(Exception failure, int shard);
}
