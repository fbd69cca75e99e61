using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Replication.Time;
using Grid.Silo.Telemetry;
using Grid.Storage;

namespace Grid.Silo.Grains;

/// <content>What the primary's operations are counted and traced by.</content>
internal sealed partial class ShardGrain
{
    private readonly AwaitedAcknowledgements _awaited = new();
    private OperationTally?[] _tallies = new OperationTally?[4];
    private SyncTraces _syncTraces = new(0);

    void IPrimaryOutput.CountOperations(object token, Keyspace? keyspace, OperationKind kind, OperationStatus status, int count) =>
        ((ReplyToken)token).Tally.Add(new BatchTally.Group(TallyOf(keyspace), kind, status, count));

    void IPrimaryOutput.NoteExecuted(object token, long offset)
    {
        if (((ReplyToken)token).Trace is not { } trace)
            return;
        trace.NoteExecuted(offset);
        if (offset > 0)
            _awaited.Add(trace.Shard, offset, _primary!.ViewLinks().Where(static link => link.Phase == LinkPhase.Online).Select(static link => link.Silo));
    }

    void IPrimaryOutput.CountExpired(Keyspace keyspace) => TallyOf(keyspace).AddExpired();

    private void Execute(ShardPrimary primary, ReplyToken token, PooledBuffer request, Instant now)
    {
        token.Trace = BatchTrace.AtShard(token.Trace, request, _shard, primary.Epoch);
        primary.Execute(token, request, now);
    }

    private void TakeAcknowledgement(ShardPrimary primary, in AcknowledgeCall acknowledgement, Instant now)
    {
        if (!_awaited.IsEmpty)
            _awaited.OnAcknowledged(acknowledgement);
        primary.OnAcknowledged(acknowledgement.ToAcknowledgement(), now);
    }

    /// <summary>Looked up by name once in the activation's life: a keyspace keeps its number.</summary>
    private OperationTally TallyOf(Keyspace? keyspace)
    {
        if (keyspace is null)
            return operations.TallyOf("");
        if (keyspace.Id >= _tallies.Length)
            Array.Resize(ref _tallies, Math.Max(keyspace.Id + 1, _tallies.Length * 2));
        OperationTally? tally = _tallies[keyspace.Id];
        if (tally is null || (tally.Keyspace != keyspace.Name && tally.Keyspace != Client.Telemetry.GridTelemetry.OtherKeyspaces))
            _tallies[keyspace.Id] = tally = operations.TallyOf(keyspace.Name);
        return tally;
    }
}
