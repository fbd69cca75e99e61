using Grid.Replication.Links;

namespace Grid.Replication.Replica;

/// <summary>Settings of a replica. Validated by whoever builds them; see the README of Grid.Silo for the keys.</summary>
public sealed record ReplicaOptions
{
    /// <summary>What the replica advertises.</summary>
    public ReplicaCapabilities Capabilities { get; init; } = ReplicaCapabilities.Lz4 | ReplicaCapabilities.DualChannel;

    /// <summary>What becomes of the old data during a load.</summary>
    public LoadMode LoadMode { get; init; }

    /// <summary>Age, in milliseconds, beyond which acknowledged mutations are not kept; 0 = no bound.</summary>
    public long BacklogMsMax { get; init; } = 3_600_000;

    /// <summary>Bytes that one item of a packed command stream may unpack to, beside its largest mutation.</summary>
    public int ItemBytesMax { get; init; } = 1 << 20;

    /// <summary>Bytes of acknowledged mutations kept, so that other replicas can resync from this copy once it is the primary's.</summary>
    public long BacklogBytesMax { get; init; } = 16L << 20;

    /// <summary>Bytes of mutations kept during a load; the primary is told when the replica attaches, and sends no more until the load is done.</summary>
    public long KeptBytesMax { get; init; } = 128L << 20;

    /// <summary>Silence of the primary after which the replica attaches again, in milliseconds.</summary>
    public int ReplicaTimeoutMs { get; init; } = 2000;

    /// <summary>First pause before an attach is tried again, in milliseconds; doubled with each failure, with jitter.</summary>
    public int BackoffMs { get; init; } = 50;

    /// <summary>Longest pause before an attach is tried again, in milliseconds.</summary>
    public int BackoffMaxMs { get; init; } = 2000;

    /// <summary>How long nothing damaged may come before a replica that got three damaged payloads in a row asks for compressed ones again, in milliseconds.</summary>
    public long FaultedMs { get; init; } = 600_000;

    /// <summary>Largest key that a snapshot may hold, in bytes.</summary>
    public int KeyBytesMax { get; init; } = 64 << 10;

    /// <summary>Largest value that a snapshot may hold, in bytes.</summary>
    public int ValueBytesMax { get; init; } = 64 << 20;

    /// <summary>Mistakes made on purpose, by tests only.</summary>
    internal PlantedBugs Planted { get; init; }
}
