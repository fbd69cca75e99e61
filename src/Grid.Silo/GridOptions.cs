using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;

namespace Grid.Silo;

/// <summary>How replication payloads travel.</summary>
public enum ReplicationCompression
{
    /// <summary>As they are.</summary>
    None = 0,

    /// <summary>In VCS frames with LZ4, where every receiver can decode them.</summary>
    Lz4 = 1,
}

/// <summary>
/// Settings of a silo of the grid, section <c>Grid</c> of the configuration. Checked when the silo starts.
/// </summary>
public sealed class GridOptions
{
    /// <summary>Shards of the key hash space, 1 to 4096; fixed for the cluster's life. Default 64.</summary>
    public int ShardCount { get; set; } = 64;

    /// <summary>Copies of each shard beside the primary's, 0 to 6. Default 1.</summary>
    public int Replicas { get; set; } = 1;

    /// <summary>Members of the in-sync set beside the primary below which replicated writes are refused, 0 to <see cref="Replicas"/>. Default 0.</summary>
    public int MinInSync { get; set; }

    /// <summary>Silos that a new cluster waits for before its shards are made and spread, 1 to 1000. Default 1.</summary>
    public int BootstrapSilos { get; set; } = 1;

    /// <summary>How snapshots travel; a replica advertises only what this allows. Default Lz4.</summary>
    public ReplicationCompression Compression { get; set; } = ReplicationCompression.Lz4;

    /// <summary>What a sync window gets whose members cannot all decode the codec: one plaintext snapshot, or two snapshots. Default And.</summary>
    public MixedCohort MixedCohort { get; set; }

    /// <summary>Whether payloads carry checksums of their own, beside those of the items that they travel in. Default true.</summary>
    public bool Checksums { get; set; } = true;

    /// <summary>Whether a snapshot has a stream of its own, with the mutations beside it, where both sides allow it. Default true.</summary>
    public bool DualChannel { get; set; } = true;

    /// <summary>Whether snapshots go straight to their replicas or to a file first. Default Diskless.</summary>
    public SyncTransport SyncTransport { get; set; }

    /// <summary>With <see cref="SyncTransport.Disk"/>: the folder for the files; empty for one under the system's temporary folder. Default empty.</summary>
    public string SnapshotDirectory { get; set; } = "";

    /// <summary>With <see cref="SyncTransport.Disk"/>: how long a file stays for replicas that come late, in milliseconds, 0 to 600,000. Default 10,000.</summary>
    public int SavedSnapshotMs { get; set; } = 10_000;

    /// <summary>What becomes of a replica's old data during a load. Default Swap: they serve local reads until the new data take their place.</summary>
    public LoadMode LoadMode { get; set; }

    /// <summary>How long after the first request for a full sync further replicas join it, in milliseconds, 0 to 60,000. Default 200.</summary>
    public int SyncWindowMs { get; set; } = 200;

    /// <summary>Members that close the sync window early; 0 = no limit. Default 0.</summary>
    public int MaxCohort { get; set; }

    /// <summary>Snapshots that a silo sends at the same time, 1 to 64. Default 4.</summary>
    public int SnapshotsPerSiloMax { get; set; } = 4;

    /// <summary>Bytes that the syncs of a silo send per second, all together; 0 = no bound, otherwise at least 1 MiB. Default 0.</summary>
    public long SyncBytesPerSecondMax { get; set; }

    /// <summary>Bytes of a snapshot's chunk, 128 KiB to 4 MiB. Default 256 KiB.</summary>
    public int SnapshotChunkBytes { get; set; } = 256 << 10;

    /// <summary>Bytes of recent mutations that each copy keeps for partial resyncs, 64 KiB to 16 GiB. Default 16 MiB.</summary>
    public long BacklogBytesMax { get; set; } = 16L << 20;

    /// <summary>Age beyond which mutations are not kept for partial resyncs, in milliseconds, at least 1000; 0 = no bound. Default one hour.</summary>
    public long BacklogMsMax { get; set; } = 3_600_000;

    /// <summary>Bytes of log that a replica may pin which is being synced; doubled after each overrun up to <see cref="SyncPinBytesMax"/>. 1 MiB to 64 GiB. Default 64 MiB.</summary>
    public long SyncPinBytes { get; set; } = 64L << 20;

    /// <summary>The most that a replica may pin, <see cref="SyncPinBytes"/> to 64 GiB; one that needs more cannot keep up. Default 1 GiB.</summary>
    public long SyncPinBytesMax { get; set; } = 1L << 30;

    /// <summary>Bytes of uncommitted mutations of a shard beyond which writes are refused, 1 MiB to 16 GiB. Default 64 MiB.</summary>
    public long UncommittedBytesMax { get; set; } = 64L << 20;

    /// <summary>Bytes of mutations that a replica keeps during a load before it pushes back, 1 MiB to 16 GiB. Default 128 MiB.</summary>
    public long KeptBytesMax { get; set; } = 128L << 20;

    /// <summary>Bytes that a snapshot may keep of entries written meanwhile before it is given up, 1 MiB to 64 GiB. Default 256 MiB.</summary>
    public long SnapshotKeptBytesMax { get; set; } = 256L << 20;

    /// <summary>Silence after which a replica leaves the in-sync set and its link ends, in milliseconds, 200 to 60,000. Default 2000.</summary>
    public int ReplicaTimeoutMs { get; set; } = 2000;

    /// <summary>How long a copy's grant lasts that lets a primary vouch for being the only one, in milliseconds, 200 to 30,000; renewed four times as often. Default 1000.</summary>
    public int LeaseMs { get; set; } = 1000;

    /// <summary>How long a silo waits for another one's answer about its copies, in milliseconds, 50 to 10,000. Default 200.</summary>
    public int PollTimeoutMs { get; set; } = 200;

    /// <summary>Name of the Orleans grain storage that keeps the shard records. Default <c>grid</c>.</summary>
    public string RecordStorage { get; set; } = GridConstants.RecordStorage;

    /// <summary>The silo's share of copies and primaries, in proportion to the others', 1 to 10,000. Default 100.</summary>
    public int Weight { get; set; } = 100;

    /// <summary>
    /// Whether copies and primaries are evened out over the silos by themselves. With false nothing moves but what must: off silos that drain.
    /// The silo that leads the rebalance goes by its own setting. Default true.
    /// </summary>
    public bool Rebalance { get; set; } = true;

    /// <summary>How long after the last change of the cluster the rebalance waits, in milliseconds, 0 to 3,600,000. Default 5000.</summary>
    public int RebalanceDelayMs { get; set; } = 5000;

    /// <summary>Shards that are being moved at the same time, 1 to 256. Default 8.</summary>
    public int MovesMax { get; set; } = 8;

    /// <summary>How long a silo that stops waits until its shards are elsewhere, in milliseconds, 0 to 3,600,000; 0 = not at all. Default 25,000.</summary>
    public int DrainMs { get; set; } = 25_000;

    internal GridOptions Copy() => (GridOptions)MemberwiseClone();

    internal PrimaryOptions ToPrimaryOptions() => new()
    {
        Replicas = Replicas,
        MinInSync = MinInSync,
        ReplicaTimeoutMs = ReplicaTimeoutMs,
        LeaseMs = LeaseMs,
        HeartbeatMs = Math.Max(50, ReplicaTimeoutMs / 8),
        SyncWindowMs = SyncWindowMs,
        MaxCohort = MaxCohort,
        Compress = Compression == ReplicationCompression.Lz4,
        MixedCohort = MixedCohort,
        Checksums = Checksums,
        DualChannel = DualChannel,
        Transport = SyncTransport,
        SavedSnapshotMs = SavedSnapshotMs,
        BacklogBytesMax = BacklogBytesMax,
        BacklogMsMax = BacklogMsMax,
        SyncPinBytes = SyncPinBytes,
        SyncPinBytesMax = SyncPinBytesMax,
        UncommittedBytesMax = UncommittedBytesMax,
        SnapshotKeptBytesMax = SnapshotKeptBytesMax,
    };

    internal ReplicaOptions ToReplicaOptions() => new()
    {
        Capabilities = (DualChannel ? ReplicaCapabilities.DualChannel : ReplicaCapabilities.None)
            | (Compression == ReplicationCompression.Lz4 ? ReplicaCapabilities.Lz4 : ReplicaCapabilities.None),
        LoadMode = LoadMode,
        BacklogBytesMax = BacklogBytesMax,
        BacklogMsMax = BacklogMsMax,
        KeptBytesMax = KeptBytesMax,
        ReplicaTimeoutMs = ReplicaTimeoutMs,
    };
}
