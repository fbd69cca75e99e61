using Grid.Replication.Links;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <summary>What a primary knows of the one snapshot that it sends, writes, or keeps for replicas that come late.</summary>
internal sealed class OutgoingSnapshot(SnapshotPlan plan)
{
    public SnapshotPlan Plan { get; } = plan;

    public long Id => Plan.SnapshotId;

    public long BaseOffset => Plan.Announcement.BaseOffset;

    public bool IsOnDisk => Plan.Transport == SyncTransport.Disk;

    /// <summary>The scan, while it may still go on.</summary>
    public ShardSnapshot? Scan { get; set; } = plan.Scan;

    /// <summary>What is in the file, once it is whole.</summary>
    public SavedSnapshot? Saved { get; set; }

    public long SavedAtMs { get; set; }

    /// <summary>True once somebody found that the file is damaged or cannot be read: nobody gets it any more.</summary>
    public bool IsSuspect { get; set; }

    /// <summary>True when a replica that can do this much can read it.</summary>
    public bool IsReadableBy(ReplicaCapabilities capabilities) =>
        !Plan.Announcement.Compressed || capabilities.HasFlag(ReplicaCapabilities.Lz4);
}
