namespace Grid.Replication.Primary;

/// <summary>Settings of a primary. Validated by whoever builds them; see the README of Grid.Silo for the keys.</summary>
public sealed record PrimaryOptions
{
    /// <summary>Copies wanted beside the primary's, 0 to 6.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>Members that the in-sync set must have beside the primary for a replicated write, at most <see cref="Replicas"/>.</summary>
    public int MinInSync { get; init; }

    /// <summary>A member that has not acknowledged for this long leaves the in-sync set and its link ends, in milliseconds.</summary>
    public int ReplicaTimeoutMs { get; init; } = 2000;

    /// <summary>After this long without an item a link gets a heartbeat, in milliseconds; well below <see cref="ReplicaTimeoutMs"/>.</summary>
    public int HeartbeatMs { get; init; } = 250;

    /// <summary>How long after the first request for a full sync further replicas join the same one, in milliseconds.</summary>
    public int SyncWindowMs { get; init; } = 200;

    /// <summary>Members that close the window early; 0 = no limit.</summary>
    public int MaxCohort { get; init; }

    /// <summary>True when snapshots are compressed for cohorts that can all decode it.</summary>
    public bool Compress { get; init; } = true;

    /// <summary>Bytes of acknowledged mutations kept for partial resyncs.</summary>
    public long BacklogBytesMax { get; init; } = 16L << 20;

    /// <summary>
    /// Bytes that the log may hold beyond its backlog, for mutations that are uncommitted or not sent yet. Beyond them
    /// the link of a laggard outside of the in-sync set is ended; then writes are refused before they are applied.
    /// </summary>
    public long UncommittedBytesMax { get; init; } = 64L << 20;

    /// <summary>Bytes that a snapshot may keep of entries written meanwhile, beyond which it is given up.</summary>
    public long SnapshotKeptBytesMax { get; init; } = 256L << 20;

    /// <summary>Bytes of mutations in one item of a command stream, except that a single mutation always fits.</summary>
    public int ItemBytesMax { get; init; } = 256 << 10;

    /// <summary>Items of one link that the stream has not taken yet.</summary>
    public int ItemsUnsentMax { get; init; } = 4;

    /// <summary>Largest key, in bytes.</summary>
    public int KeyBytesMax { get; init; } = 64 << 10;

    /// <summary>Largest value, in bytes.</summary>
    public int ValueBytesMax { get; init; } = 64 << 20;

    /// <summary>Keyspaces of a shard.</summary>
    public int KeyspacesMax { get; init; } = 1024;

    /// <summary>Clients whose order is remembered; beyond them the one idle for longest is forgotten.</summary>
    public int ClientsMax { get; init; } = 4096;

    /// <summary>
    /// How long a client must have been idle before it may be forgotten, in milliseconds: longer than any batch of it can
    /// be under way, or a batch could be executed twice. While no client is idle enough, new ones are refused.
    /// </summary>
    public int ClientIdleMs { get; init; } = 60_000;

    /// <summary>Batches of one client that wait behind a hole.</summary>
    public int BatchesBehindHoleMax { get; init; } = 64;

    /// <summary>How long they wait before the client is asked to send again, in milliseconds.</summary>
    public int HoleWaitMs { get; init; } = 100;

    /// <summary>Replies that wait for their commit, beyond which requests are refused.</summary>
    public int RepliesWaitingMax { get; init; } = 100_000;

    /// <summary>Steps of storage upkeep per tick, under a microsecond each.</summary>
    public int UpkeepSteps { get; init; } = 256;

    /// <summary>Entries that one slice of active expiry looks at, some 2 to 10 ns each.</summary>
    public int ExpirySliceEntries { get; init; } = 4096;

    /// <summary>Mistakes made on purpose, by tests only.</summary>
    internal PlantedBug Planted { get; init; }
}
