using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Replication.Time;
using Grid.Silo.Fronts;

namespace Grid.Silo.Grains;

/// <content>
/// Work from within the silo, without a grain call: bundles' batches and acknowledgements. Each turn takes what has come meanwhile,
/// under the gate once, with one flush behind it.
/// </content>
internal sealed partial class ShardGrain
{
    private const int WorkPerTurnMax = 64;

    private readonly List<ShardWork> _work = [];
    private ShardInbox? _inbox;

    private void OpenInbox()
    {
        if (_primary is null)
            return;
        _inbox ??= new ShardInbox(_ => Task.Factory.StartNew(
            static grain => ((ShardGrain)grain!).WorkOff(),
            this,
            CancellationToken.None,
            TaskCreationOptions.DenyChildAttach,
            _turns));
        _inbox.Open();
        shards.Add(_shard, _inbox);
    }

    private void CloseInbox(string reason)
    {
        if (_inbox is null)
            return;
        shards.Remove(_shard, _inbox);
        _inbox.Close(reason);
    }

    private void WorkOff()
    {
        _inbox!.Take(_work, WorkPerTurnMax);
        if (_primary is null || _hosted is null)
        {
            foreach (ShardWork work in _work)
                work.Refuse(BatchStatus.NotPrimary, $"Shard {_shard} has no primary here.");
            _work.Clear();
            return;
        }

        Run(static (primary, grain, now) => grain.Do(primary, grain._work, now), this, flush: true);
        foreach (ShardWork work in _work)
        {
            if (work.Token is not null)
                AnswerIfReignEnded(work.Token);
            work.Request?.ReleaseReceived();
            work.Token?.OnExecuted();
        }

        _work.Clear();
    }

    private void Do(ShardPrimary primary, List<ShardWork> all, Instant now)
    {
        foreach (ShardWork work in all)
        {
            if (work.Request is not null)
                primary.Expect(work.Request);
        }

        primary.EndExpecting();
        foreach (ShardWork work in all)
        {
            if (work.Token is not null)
                Execute(primary, work.Token, work.Request!, now);
            else
                TakeAcknowledgement(primary, work.Acknowledgement, now);
        }
    }
}
