namespace Grid.Client;

/// <summary>What the acknowledgement of a write promises.</summary>
public enum Durability
{
    /// <summary>Every copy in the shard's in-sync set has the write; it survives the loss of a silo.</summary>
    Replicated = 0,

    /// <summary>The primary has applied the write; it is lost if the primary dies before it replicates.</summary>
    Primary = 1,
}

/// <summary>What a read promises.</summary>
public enum ReadMode
{
    /// <summary>The newest committed value, by a primary that holds a valid lease: single-key operations are linearizable.</summary>
    Linearizable = 0,

    /// <summary>Committed data of the primary without its lease: just after a change of primary it may be older by moments.</summary>
    Primary = 1,

    /// <summary>
    /// Committed data of a copy on the caller's own silo, replica's or primary's, at most <see cref="CallOptions.MaxStaleness"/>
    /// old, without any message. Where there is none so fresh, and in a client outside of the silos, the read is
    /// <see cref="Linearizable"/>. It stands outside of the order of this client's operations: it may miss a write of its own
    /// that is acknowledged already, and of two reads the later may show the older state when different copies answer; those
    /// that one copy answers do not go back in time. Scans and statistics are read at the primaries.
    /// </summary>
    Local = 2,
}

/// <summary>Settings of one call; what is null comes from the keyspace's options, then from the client's.</summary>
public readonly record struct CallOptions
{
    /// <summary>What the acknowledgement of a write promises; null for the keyspace's default.</summary>
    public Durability? Durability { get; init; }

    /// <summary>What a read promises; null for the keyspace's default.</summary>
    public ReadMode? ReadMode { get; init; }

    /// <summary>How old the state that a read by <see cref="ReadMode.Local"/> shows may be: 1 ms to 1 day; null for the keyspace's default.</summary>
    public TimeSpan? MaxStaleness { get; init; }

    /// <summary>
    /// How long the call may take, waiting and retries included: 1 ms to 1 day; null for the keyspace's default. Deadlines
    /// are looked at every 15 ms.
    /// </summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>Defaults for the calls made through one keyspace object; what is null comes from <see cref="GridClientOptions"/>.</summary>
public sealed record KeyspaceOptions
{
    /// <summary>What the acknowledgement of a write promises; null for the client's default.</summary>
    public Durability? Durability { get; init; }

    /// <summary>What a read promises; null for the client's default.</summary>
    public ReadMode? ReadMode { get; init; }

    /// <summary>How old the state that a read by <see cref="ReadMode.Local"/> shows may be: 1 ms to 1 day; null for the client's default.</summary>
    public TimeSpan? MaxStaleness { get; init; }

    /// <summary>How long a call may take: 1 ms to 1 day; null for the client's default.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Time to live of entries written without one: 1 ms to 100 years; null for none. Counters and expiry changes are not concerned.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Writes and reads the values (and keys without a natural form) of a typed keyspace; null for the client's.</summary>
    public IGridSerializer? Serializer { get; init; }
}
