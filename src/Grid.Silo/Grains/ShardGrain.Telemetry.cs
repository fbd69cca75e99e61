using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Silo.Telemetry;
using Grid.Storage;

namespace Grid.Silo.Grains;

/// <content>What the primary's operations are counted by.</content>
internal sealed partial class ShardGrain
{
    private OperationTally?[] _tallies = new OperationTally?[4];

    void IPrimaryOutput.CountOperations(object token, Keyspace? keyspace, OperationKind kind, OperationStatus status, int count) =>
        ((ReplyToken)token).Tally.Add(new BatchTally.Group(TallyOf(keyspace), kind, status, count));

    void IPrimaryOutput.CountExpired(Keyspace keyspace) => TallyOf(keyspace).AddExpired();

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
