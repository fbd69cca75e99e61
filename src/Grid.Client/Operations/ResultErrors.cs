using Grid.Formats.Binary;
using Grid.Formats.Operations;

namespace Grid.Client.Operations;

/// <summary>What the caller is told of an operation that the shard refused, or whose answer makes no sense.</summary>
internal static class ResultErrors
{
    /// <summary>The exception for <paramref name="status"/>, or null if it is a result.</summary>
    public static GridException? Of(PendingOperation operation, int shard, OperationStatus status) =>
        status <= OperationStatus.ConditionFailed ? null : Make(operation, shard, status);

    /// <summary>The exception for an answer that could not be read as what the caller asked for.</summary>
    public static Exception Unreadable(PendingOperation operation, int shard, Exception error) => error switch
    {
        GridException => error,
        MalformedException => new GridException(
            $"The answer of shard {shard} to a {operation.Kind} on keyspace '{operation.Keyspace}' is damaged: {error.Message} " +
            "Silo and client are probably of different versions.", error)
        { Shard = shard, Keyspace = operation.Keyspace },
        _ => new GridSerializationException(
            $"What is under the key in keyspace '{operation.Keyspace}' (shard {shard}) could not be read as the type asked for: {error.Message} " +
            "Read it as bytes, or use the serializer and type that it was written with.", error)
        { Shard = shard, Keyspace = operation.Keyspace },
    };

    private static GridException Make(PendingOperation operation, int shard, OperationStatus status)
    {
        string where = $"keyspace '{operation.Keyspace}' (shard {shard})";
        return status switch
        {
            OperationStatus.NotANumber => new GridCounterException(
                $"The value under the key in {where} is not a decimal number of 64 bits; nothing was changed. Set it to one, or use another key.")
            { Shard = shard, Keyspace = operation.Keyspace },
            OperationStatus.Overflow => new GridCounterException(
                $"The counter in {where} would leave the range of 64 bits; nothing was changed.")
            { Shard = shard, Keyspace = operation.Keyspace },
            OperationStatus.NotEnoughReplicas => new GridNotEnoughReplicasException(
                $"Too few replicas are in sync for a replicated write to {where}; nothing was changed. `grid status` shows which are missing; Durability.Primary writes without them.")
            { Shard = shard, Keyspace = operation.Keyspace },
            OperationStatus.Indeterminate => new GridIndeterminateException(
                $"A write to {where} was applied, but its replication cannot be confirmed: it may be lost. Read the entry before repeating it.")
            { Shard = shard, Keyspace = operation.Keyspace },
            OperationStatus.SessionExpired when operation.IsWrite => new GridIndeterminateException(
                $"The answer to a {operation.Kind} on {where} was lost, and the shard remembers too little of this client to tell whether it took effect. Read the entry before repeating it.")
            { Shard = shard, Keyspace = operation.Keyspace },
            OperationStatus.SessionExpired or OperationStatus.Overtaken => new GridUnavailableException(
                $"The answer to a {operation.Kind} on {where} was lost, and a later operation of this client on the same key may have taken effect, so that it cannot be done in its place; " +
                "nothing was changed. Start it again.")
            { Shard = shard, Keyspace = operation.Keyspace },
            OperationStatus.Overloaded => new GridOverloadedException(
                $"Shard {shard} has no room for a {operation.Kind} on {where}; nothing was changed. Try again later, or give the silos more memory.")
            { Shard = shard, Keyspace = operation.Keyspace },
            _ => new GridException(
                $"Shard {shard} refused a {operation.Kind} on {where} as invalid; nothing was changed. The silo's limits may be lower than this client's: compare their versions.")
            { Shard = shard, Keyspace = operation.Keyspace },
        };
    }
}
