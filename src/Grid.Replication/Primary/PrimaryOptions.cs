namespace Grid.Replication.Primary;

/// <summary>Where a snapshot goes first.</summary>
public enum SyncTransport
{
    /// <summary>Straight into the streams of its cohort.</summary>
    Diskless = 0,

    /// <summary>Into a file, from which it is streamed; replicas that come while it is written, or shortly after, may join.</summary>
    Disk = 1,
}

/// <summary>What happens to a sync window whose members cannot all decode the codec that is wanted.</summary>
public enum MixedCohort
{
    /// <summary>One snapshot for all, plaintext.</summary>
    And = 0,

    /// <summary>Two snapshots, one after the other: compressed for those that can, plaintext for the others.</summary>
    Split = 1,
}

/// <summary>Settings of a primary. Validated by whoever builds them; see the README of Grid.Silo for the keys.</summary>
public sealed record PrimaryOptions
{
    /// <summary>Copies wanted beside the primary's, 0 to 6.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>Members that the in-sync set must have beside the primary for a replicated write, at most <see cref="Replicas"/>.</summary>
    public int MinInSync { get; init; }

    /// <summary>A member that has not acknowledged for this long leaves the in-sync set and its link ends, in milliseconds.</summary>
    public int ReplicaTimeoutMs { get; init; } = 2000;

    /// <summary>How long a copy's grant lasts that lets the primary vouch for being the only one, in milliseconds; renewed four times as often.</summary>
    public int LeaseMs { get; init; } = 1000;

    /// <summary>How long a hand-over may take to begin: a receiver that is not well by then does not get the shard. In milliseconds.</summary>
    public int HandOverMs { get; init; } = 2000;

    /// <summary>How long requests are held while the receiver takes the last mutations, before the hand-over is given up. In milliseconds.</summary>
    public int SealedMs { get; init; } = 250;

    /// <summary>After this long without an item a link gets a heartbeat, in milliseconds; well below <see cref="ReplicaTimeoutMs"/>.</summary>
    public int HeartbeatMs { get; init; } = 250;

    /// <summary>How long after the first request for a full sync further replicas join the same one, in milliseconds.</summary>
    public int SyncWindowMs { get; init; } = 200;

    /// <summary>Members that close the window early; 0 = no limit.</summary>
    public int MaxCohort { get; init; }

    /// <summary>True when snapshots are compressed for cohorts that can all decode it, and command streams for replicas that can.</summary>
    public bool Compress { get; init; } = true;

    /// <summary>What a mixed cohort gets.</summary>
    public MixedCohort MixedCohort { get; init; }

    /// <summary>True when payloads carry checksums of their own, beside those of the items that they travel in.</summary>
    public bool Checksums { get; init; } = true;

    /// <summary>True when a replica that can take it gets the snapshot on a stream of its own, with the mutations beside it.</summary>
    public bool DualChannel { get; init; } = true;

    /// <summary>Where snapshots go first.</summary>
    public SyncTransport Transport { get; init; }

    /// <summary>How long a snapshot's file stays after it was written, for replicas that come late, in milliseconds; 0 = only as long as it is being sent.</summary>
    public int SavedSnapshotMs { get; init; } = 10_000;

    /// <summary>Bytes of acknowledged mutations kept for partial resyncs.</summary>
    public long BacklogBytesMax { get; init; } = 16L << 20;

    /// <summary>Age, in milliseconds, beyond which mutations are not kept for partial resyncs; 0 = no bound.</summary>
    public long BacklogMsMax { get; init; } = 3_600_000;

    /// <summary>
    /// Bytes of log that a link may pin which is being synced, or is online but outside of the in-sync set. Beyond them the attempt ends; the next
    /// one of that silo has twice as much, up to <see cref="SyncPinBytesMax"/>.
    /// </summary>
    public long SyncPinBytes { get; init; } = 64L << 20;

    /// <summary>The most that a link's budget of pinned log grows to, in bytes; a link that overruns this one cannot keep up.</summary>
    public long SyncPinBytesMax { get; init; } = 1L << 30;

    /// <summary>
    /// Bytes of mutations that required members have not acknowledged. Beyond them writes are refused before they are applied.
    /// </summary>
    public long UncommittedBytesMax { get; init; } = 64L << 20;

    /// <summary>Bytes that a snapshot may keep of entries written meanwhile, beyond which it is given up.</summary>
    public long SnapshotKeptBytesMax { get; init; } = 256L << 20;

    /// <summary>Bytes of mutations in one item of a command stream, except that a single mutation always fits.</summary>
    public int ItemBytesMax { get; init; } = 256 << 10;

    /// <summary>Items of one link that the stream has not taken yet.</summary>
    public int ItemsUnsentMax { get; init; } = 4;

    /// <summary>
    /// Bytes of one link that the stream has not taken yet, beyond which nothing follows, be it a heartbeat; a single item always fits. With
    /// one largest item it is well below what a stream holds before it refuses.
    /// </summary>
    public long BytesUnsentMax { get; init; } = 4L << 20;

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

    /// <summary>Clients of which is remembered which of their operations took effect; beyond them the one that wrote longest ago is forgotten.</summary>
    public int SessionsMax { get; init; } = 4096;

    /// <summary>
    /// Operations remembered of one client, of those that it has not settled, 32 bytes each; the oldest ones are forgotten, and cannot be repeated any
    /// more.
    /// </summary>
    public int SessionEntriesMax { get; init; } = 16_384;

    /// <summary>Operations remembered of all clients; beyond them clients are forgotten.</summary>
    public long SessionEntriesTotalMax { get; init; } = 262_144;

    /// <summary>Replies that wait for their commit, beyond which requests are refused.</summary>
    public int RepliesWaitingMax { get; init; } = 100_000;

    /// <summary>Steps of storage upkeep per tick, under a microsecond each.</summary>
    public int UpkeepSteps { get; init; } = 256;

    /// <summary>Entries that one slice of active expiry looks at, some 2 to 10 ns each.</summary>
    public int ExpirySliceEntries { get; init; } = 4096;

    /// <summary>Mistakes made on purpose, by tests only.</summary>
    internal PlantedBugs Planted { get; init; }
}
