using Grid.Formats.Operations;
using Grid.Server.Chaos.Histories;

namespace Grid.Tests.Simulation;

/// <summary>
/// What the clients of one shard asked for and were told, nothing else: whatever the state machines and the other oracles believe, there must
/// be an order of it that is linearizable, key by key.
/// </summary>
internal sealed class ClientHistory(World world, int shard)
{
    private static readonly LinearizabilityOptions Bounds = new() { StepsMax = 200_000, ConfigurationsMax = 5000, FrontierMax = 500 };

    private readonly List<HistoryOperation> _operations = [];

    /// <summary>A call was answered: one result for each operation.</summary>
    public void Answered(ClientCall call, List<SimResult> results)
    {
        for (int i = 0; i < results.Count; i++)
            Add(call, call.Operations[i], results[i], OutcomeOf(results[i].Status));
    }

    /// <summary>A call got no results.</summary>
    /// <param name="call">The call.</param>
    /// <param name="outcome">Whether it is known that nothing of it was applied.</param>
    public void Ended(ClientCall call, HistoryOutcome outcome)
    {
        foreach (SimOperation operation in call.Operations)
            Add(call, operation, null, outcome);
    }

    /// <summary>Checks all keys.</summary>
    public void Check()
    {
        History history = new(World.UnixEpochMs, _operations);
        foreach (KeyVerdict verdict in LinearizabilityChecker.Check(history, Bounds with { ClockErrorMs = world.ClockErrorMs + 2 }))
        {
            world.Count($"Key{verdict.Verdict}");
            if (verdict.Verdict == LinearizabilityVerdict.Violated)
                throw world.Violation($"Shard {shard}, linearizability: {verdict.Excerpt}");
        }
    }

    private void Add(ClientCall call, SimOperation operation, SimResult? result, HistoryOutcome outcome)
    {
        if (operation.Kind is OperationKind.Scan or OperationKind.Statistics || call.Committed)
            return;
        bool isKnown = outcome is not (HistoryOutcome.Unknown or HistoryOutcome.Refused);
        bool showsExpiry = isKnown && result is { Version: not 0 } && (result.ExpiryUnixMs != 0 || operation.Kind == OperationKind.Get);
        _operations.Add(new HistoryOperation
        {
            Client = (int)call.Client.Id,
            CallUs = call.BegunUs,
            ReturnUs = outcome == HistoryOutcome.Unknown ? null : world.NowUs,
            Keyspace = operation.Keyspace,
            Key = operation.Key,
            Action = ActionOf(operation.Kind),
            Value = NameOf(operation.Value) ?? "",
            Condition = operation.Condition,
            IfVersion = operation.Condition == WriteCondition.IfVersion ? operation.Version : 0,
            KeepsExpiry = operation.Flags.HasFlag(OperationFlags.KeepExpiry),
            TimeToLiveMs = operation.TimeToLiveMs,
            Delta = operation.Kind == OperationKind.Increment ? 1 : 0,
            Outcome = outcome,
            Version = isKnown && outcome != HistoryOutcome.Absent ? result!.Version : 0,
            Found = isKnown ? NameOf(result!.Value) : null,
            Number = outcome == HistoryOutcome.Done && operation.Kind == OperationKind.Increment ? result!.Number : null,
            ExpiresAtMs = showsExpiry ? result!.ExpiryUnixMs : null,
            MayBeLost = outcome == HistoryOutcome.Done && call.Durability == WriteDurability.Primary && Oracle.IsWrite(operation),
        });
    }

    /// <summary>Values of clients are "client:number:padding": the padding tells nothing.</summary>
    private static string? NameOf(string? value) => value?.TrimEnd('.');

    private static HistoryAction ActionOf(OperationKind kind) => kind switch
    {
        OperationKind.Get => HistoryAction.Get,
        OperationKind.Peek => HistoryAction.Exists,
        OperationKind.Set => HistoryAction.Set,
        OperationKind.Delete => HistoryAction.Delete,
        OperationKind.Expire => HistoryAction.Expire,
        OperationKind.Increment => HistoryAction.Increment,
        _ => HistoryAction.Clear,
    };

    private static HistoryOutcome OutcomeOf(OperationStatus status) => status switch
    {
        OperationStatus.Ok => HistoryOutcome.Done,
        OperationStatus.NotFound => HistoryOutcome.Absent,
        OperationStatus.ConditionFailed => HistoryOutcome.Failed,
        OperationStatus.NotANumber => HistoryOutcome.NotANumber,
        OperationStatus.Overflow => HistoryOutcome.Overflow,
        OperationStatus.Indeterminate or OperationStatus.SessionExpired => HistoryOutcome.Unknown,
        _ => HistoryOutcome.Refused,
    };
}
