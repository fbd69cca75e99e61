namespace Grid.Formats.Operations;

/// <summary>What an operation does. The numbers are on the wire: never reuse one.</summary>
public enum OperationKind : byte
{
    /// <summary>Reads an entry: value, version, expiry.</summary>
    Get = 1,

    /// <summary>Reads an entry's version and expiry without its value.</summary>
    Peek = 2,

    /// <summary>Writes an entry, on the condition that its <see cref="WriteCondition"/> states.</summary>
    Set = 3,

    /// <summary>Removes an entry, on the condition that its <see cref="WriteCondition"/> states.</summary>
    Delete = 4,

    /// <summary>Gives an existing entry another expiry, or none.</summary>
    Expire = 5,

    /// <summary>Adds to a signed 64-bit counter, kept as decimal text; an absent one counts as 0.</summary>
    Increment = 6,

    /// <summary>Removes all entries of the keyspace in this shard.</summary>
    Clear = 7,

    /// <summary>Reads a page of entries in hash order.</summary>
    Scan = 8,

    /// <summary>Reads the keyspace's statistics in this shard.</summary>
    Statistics = 9,
}

/// <summary>When a write takes place.</summary>
public enum WriteCondition : byte
{
    /// <summary>Always.</summary>
    None = 0,

    /// <summary>Only if there is no such entry.</summary>
    IfAbsent = 1,

    /// <summary>Only if there is such an entry.</summary>
    IfPresent = 2,

    /// <summary>Only if the entry has the given version.</summary>
    IfVersion = 3,
}

/// <summary>Bits that modify an operation.</summary>
[Flags]
public enum OperationFlags : byte
{
    /// <summary>Nothing special.</summary>
    None = 0,

    /// <summary>On <see cref="OperationKind.Set"/>: when the condition fails, return the entry that is there (get-or-add).</summary>
    ReturnExisting = 1,

    /// <summary>On <see cref="OperationKind.Set"/> and <see cref="OperationKind.Increment"/>: keep the expiry of the entry that is overwritten.</summary>
    KeepExpiry = 2,

    /// <summary>On <see cref="OperationKind.Scan"/>: keys and versions only.</summary>
    KeysOnly = 4,

    /// <summary>On <see cref="OperationKind.Set"/>: <see cref="Operation.TimeToLiveMs"/> is the moment of expiry, in Unix milliseconds.</summary>
    ExpiresAt = 8,

    /// <summary>
    /// In a batch that <see cref="RequestHeader.Repeats"/>: the answer is only looked up, and the operation not done if there is none, since its client
    /// had the answer to a later one on the same key.
    /// </summary>
    OnlyLookUp = 0x80,
}

/// <summary>How one operation ended.</summary>
public enum OperationStatus : byte
{
    /// <summary>Done; the entry or the result follows.</summary>
    Ok = 0,

    /// <summary>There is no such entry.</summary>
    NotFound = 1,

    /// <summary>The condition did not hold; nothing was changed.</summary>
    ConditionFailed = 2,

    /// <summary>The value is not a decimal number of 64 bits; nothing was changed.</summary>
    NotANumber = 3,

    /// <summary>The counter would leave the range of 64 bits; nothing was changed.</summary>
    Overflow = 4,

    /// <summary>Too few in-sync replicas to take a replicated write; nothing was changed.</summary>
    NotEnoughReplicas = 5,

    /// <summary>The write was applied, but what was promised of it cannot be known.</summary>
    Indeterminate = 6,

    /// <summary>The shard has as many uncommitted or stored bytes as it may hold; nothing was changed. Try again later.</summary>
    Overloaded = 7,

    /// <summary>Key or value is over its limit, or a field is out of its range; nothing was changed.</summary>
    Invalid = 8,

    /// <summary>
    /// A repeated operation that was not applied and is not any more, because a later one of its client on the same key was; nothing was changed.
    /// </summary>
    Overtaken = 9,

    /// <summary>
    /// A repeated operation of which the shard remembers nothing any more: it may have been applied or not, and is not applied now.
    /// </summary>
    SessionExpired = 10,
}

/// <summary>How a whole batch was received.</summary>
public enum BatchStatus : byte
{
    /// <summary>Executed; one result for each operation follows.</summary>
    Ok = 0,

    /// <summary>This activation does not reign over the shard: nothing was applied. Ask again; the shard is being taken over.</summary>
    NotPrimary = 1,

    /// <summary>Batches before this one are missing: nothing of it was applied. Send again from the number given.</summary>
    ResendFrom = 2,

    /// <summary>The shard has no copy that may serve: nothing was applied. The message says what the operator can do.</summary>
    Unavailable = 3,

    /// <summary>The blob is malformed or of another version: nothing was applied.</summary>
    Malformed = 4,

    /// <summary>The primary lost its reign while the batch waited for its commit: what was written may or may not survive.</summary>
    Indeterminate = 5,

    /// <summary>The shard holds as many waiting requests as it may: nothing was applied.</summary>
    Overloaded = 6,

    /// <summary>
    /// The batch is numbered in another reign than the one that answers: nothing was applied. Number anew, from 1, in
    /// the reign given. Every client's first batch to a shard gets this answer and so learns the reign.
    /// </summary>
    EpochChanged = 7,
}

/// <summary>What an acknowledgement of a write promises.</summary>
public enum WriteDurability : byte
{
    /// <summary>Every member of the in-sync set has the mutation.</summary>
    Replicated = 0,

    /// <summary>The primary has applied the mutation; it is lost if the primary dies before it replicates.</summary>
    Primary = 1,
}
