using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Silo.Hosting;

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
    /// <summary>Shards of the key hash space. Fixed for the cluster's life: to have another number, export, make a new cluster and import.</summary>
    [Setting(Least = 1, Most = 4096, FixedBecause = "it is fixed for the cluster's life")]
    public int ShardCount { get; set; } = 64;

    /// <summary>Copies of each shard beside the primary's. With 0 a silo's death loses its shards.</summary>
    [Setting(Least = 0, Most = 6)]
    public int Replicas { get; set; } = 1;

    /// <summary>
    /// Members of the in-sync set beside the primary below which replicated writes are refused. With 0 the loss of a silo can lose acknowledged
    /// writes while the in-sync set is the primary alone.
    /// </summary>
    [Setting(Least = 0, Most = 6, NotAbove = nameof(Replicas))]
    public int MinInSync { get; set; }

    /// <summary>Silos that a new cluster waits for before its shards are made and spread.</summary>
    [Setting(Least = 1, Most = 1000, FixedBecause = "it is read when the silo starts")]
    public int BootstrapSilos { get; set; } = 1;

    /// <summary>How snapshots and command streams travel; a replica advertises only what its own setting allows.</summary>
    [Setting]
    public ReplicationCompression Compression { get; set; } = ReplicationCompression.Lz4;

    /// <summary>What a sync window gets whose members cannot all decode the codec.</summary>
    [Setting]
    public MixedCohort MixedCohort { get; set; }

    /// <summary>Whether payloads carry checksums of their own, beside those of the items that they travel in.</summary>
    [Setting]
    public bool Checksums { get; set; } = true;

    /// <summary>Whether a snapshot has a stream of its own, with the mutations beside it, where both sides allow it.</summary>
    [Setting]
    public bool DualChannel { get; set; } = true;

    /// <summary>Whether snapshots go straight to their replicas or to a file first, which late-comers may join.</summary>
    [Setting]
    public SyncTransport SyncTransport { get; set; }

    /// <summary>
    /// With <see cref="SyncTransport.Disk"/>: the folder for the files; empty for one under the system's temporary folder. A folder in it for each
    /// silo is removed when the silo stops; what a killed one left goes after an hour.
    /// </summary>
    [Setting(FixedBecause = "it is read when the silo starts")]
    public string SnapshotDirectory { get; set; } = "";

    /// <summary>With <see cref="SyncTransport.Disk"/>: how long a file stays for replicas that come late, in milliseconds.</summary>
    [Setting(Least = 0, Most = 600_000)]
    public int SavedSnapshotMs { get; set; } = 10_000;

    /// <summary>What becomes of a replica's old data during a load.</summary>
    [Setting]
    public LoadMode LoadMode { get; set; }

    /// <summary>How long after the first request for a full sync further replicas join it, in milliseconds.</summary>
    [Setting(Least = 0, Most = 60_000)]
    public int SyncWindowMs { get; set; } = 200;

    /// <summary>
    /// Members that close the sync window early, and the most that share its snapshot; 0 = no limit. Replicas that join a saved file are not counted: each is sent
    /// it by itself, within <see cref="SyncBytesPerSecondMax"/>.
    /// </summary>
    [Setting(Least = 0, Most = 1000)]
    public int MaxCohort { get; set; }

    /// <summary>Syncs that a silo's primaries serve at the same time; other windows stay open until there is a place.</summary>
    [Setting(Least = 1, Most = 64)]
    public int SnapshotsPerSiloMax { get; set; } = 4;

    /// <summary>Bytes that the syncs of a silo send per second, all together; 0 = no bound.</summary>
    [Setting(Least = 1 << 20, OrZero = true)]
    public long SyncBytesPerSecondMax { get; set; }

    /// <summary>Bytes of a snapshot's chunk.</summary>
    [Setting(Least = 128 << 10, Most = 4 << 20)]
    public int SnapshotChunkBytes { get; set; } = 256 << 10;

    /// <summary>Bytes of recent mutations that each copy keeps for partial resyncs.</summary>
    [Setting(Least = 64 << 10, Most = 16L << 30)]
    public long BacklogBytesMax { get; set; } = 16L << 20;

    /// <summary>Age beyond which mutations are not kept for partial resyncs, in milliseconds; 0 = no bound.</summary>
    [Setting(Least = 1000, OrZero = true)]
    public long BacklogMsMax { get; set; } = 3_600_000;

    /// <summary>
    /// Bytes of log that a replica may pin while it is synced or catches up. On overrun its link ends, and its next attempt has twice as much, up to
    /// <see cref="SyncPinBytesMax"/>.
    /// </summary>
    [Setting(Least = 1 << 20, Most = 64L << 30)]
    public long SyncPinBytes { get; set; } = 64L << 20;

    /// <summary>
    /// The most that <see cref="SyncPinBytes"/> grows to, in bytes: a replica that needs more cannot keep up, and <c>status</c> says so.
    /// </summary>
    [Setting(Most = 64L << 30, NotBelow = nameof(SyncPinBytes))]
    public long SyncPinBytesMax { get; set; } = 1L << 30;

    /// <summary>Bytes of uncommitted mutations of a shard beyond which writes are refused.</summary>
    [Setting(Least = 1 << 20, Most = 16L << 30)]
    public long UncommittedBytesMax { get; set; } = 64L << 20;

    /// <summary>Bytes of mutations that a replica keeps during a load; more of them wait in the primary's log, within SyncPinBytes.</summary>
    [Setting(Least = 1 << 20, Most = 16L << 30)]
    public long KeptBytesMax { get; set; } = 128L << 20;

    /// <summary>Bytes that a snapshot may keep of entries written meanwhile before it is given up.</summary>
    [Setting(Least = 1 << 20, Most = 64L << 30)]
    public long SnapshotKeptBytesMax { get; set; } = 256L << 20;

    /// <summary>
    /// Silence after which a replica leaves the in-sync set and its link ends, in milliseconds. A stream whose replica takes nothing ends after a quarter
    /// more, or 10 s if that is longer; Orleans takes a call for failed after 30 s, which bounds both.
    /// </summary>
    [Setting(Least = 200, Most = StreamPatience.ReplicaTimeoutMsMax)]
    public int ReplicaTimeoutMs { get; set; } = 3000;

    /// <summary>
    /// How long a replica that got three damaged payloads in a row asks for plaintext and shows as faulted, counted from the last damaged one, in
    /// milliseconds. It tries anew at once when <see cref="Compression"/> or <see cref="DualChannel"/> is changed at its silo, or its copy is dropped.
    /// </summary>
    [Setting(Least = 1000, Most = 86_400_000)]
    public int FaultedMs { get; set; } = 600_000;

    /// <summary>
    /// How long a copy's grant lasts that lets a primary vouch for being the only one, in milliseconds; renewed four times as often.
    /// </summary>
    [Setting(Least = 200, Most = 30_000)]
    public int LeaseMs { get; set; } = 1000;

    /// <summary>How long a silo waits for another one's answer about its copies, in milliseconds.</summary>
    [Setting(Least = 50, Most = 10_000)]
    public int PollTimeoutMs { get; set; } = 200;

    /// <summary>
    /// Name of the Orleans grain storage that keeps the shard records. For applications with silos of their own; the binary has the one that is named
    /// by default.
    /// </summary>
    [Setting(Required = true, Remedy = "Name a grain storage.", FixedBecause = "it is read when the silo starts")]
    public string RecordStorage { get; set; } = GridConstants.RecordStorage;

    /// <summary>The silo's share of copies and primaries, in proportion to the others'.</summary>
    [Setting(Least = 1, Most = 10_000)]
    public int Weight { get; set; } = 100;

    /// <summary>
    /// Whether copies and primaries are evened out over the silos by themselves. With false nothing moves but what must: off silos that drain. The
    /// silo that leads the rebalance goes by its own setting.
    /// </summary>
    [Setting]
    public bool Rebalance { get; set; } = true;

    /// <summary>How long after the last change of the cluster the rebalance waits, in milliseconds.</summary>
    [Setting(Least = 0, Most = 3_600_000)]
    public int RebalanceDelayMs { get; set; } = 5000;

    /// <summary>Shards that are being moved at the same time.</summary>
    [Setting(Least = 1, Most = 256)]
    public int MovesMax { get; set; } = 8;

    /// <summary>
    /// How long a silo that stops waits until its shards are elsewhere, in milliseconds; 0 = not at all. Whatever stops the silo must leave it this
    /// long and half a minute more.
    /// </summary>
    [Setting(Least = 0, Most = 3_600_000, FixedBecause = "it is read when the silo starts")]
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
        FaultedMs = FaultedMs,
    };
}
