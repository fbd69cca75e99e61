using Grid.Formats.Buffers;
using Grid.Replication.Links;
using Grid.Replication.Records;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <summary>
/// What a <see cref="ShardPrimary"/> wants done. The caller of the state machine carries it out, in the order of the
/// calls, without calling back into the state machine from inside one.
/// </summary>
public interface IPrimaryOutput
{
    /// <summary>
    /// Sends an item on the command stream of <paramref name="silo"/>'s replica. The reference goes with it. When the
    /// stream takes more, the caller reports <see cref="ShardPrimary.OnSent"/>; when it fails, <see cref="ShardPrimary.OnLinkFailed"/>.
    /// </summary>
    void Send(string silo, long attach, PooledBuffer item);

    /// <summary>Gives the reply to the request that came with <paramref name="token"/>. The reference goes with it.</summary>
    void Reply(object token, PooledBuffer reply);

    /// <summary>
    /// Writes the record by compare-and-set against the version before it, and reports
    /// <see cref="ShardPrimary.OnRecordWritten"/> only once the outcome is known. At most one is under way.
    /// </summary>
    void WriteRecord(ShardRecord record);

    /// <summary>
    /// Sends a snapshot to a cohort: slices of <see cref="SnapshotPlan.Scan"/> on the primary's turns, encoding and
    /// sending off them. Reports <see cref="ShardPrimary.OnSnapshotSent"/> for each member, then
    /// <see cref="ShardPrimary.OnSnapshotEnded"/>.
    /// </summary>
    void BeginSnapshot(SnapshotPlan plan);

    /// <summary>Ends a snapshot that nobody needs any more, or that holds too much memory.</summary>
    void CancelSnapshot(long snapshotId);

    /// <summary>Has a replica brought up on <paramref name="silo"/>: tells it to attach.</summary>
    void StartReplica(string silo);

    /// <summary>Abandons what is queued for <paramref name="silo"/> on its command and snapshot stream: the link has ended.</summary>
    void AbandonLink(string silo);

    /// <summary>The reign is over: answer nothing more, give the copy back, go.</summary>
    void StepDown(string reason);

    /// <summary>Something an operator may want to know of.</summary>
    void Report(PrimaryEvent what, string silo, string details);
}

/// <summary>Things worth a log line, a counter and a place in the list of events.</summary>
public enum PrimaryEvent
{
    /// <summary>The reign began.</summary>
    ReignBegan,

    /// <summary>A replica goes on from the backlog.</summary>
    PartialResync,

    /// <summary>A replica was refused a partial resync and waits for a snapshot; the details say why.</summary>
    FullSyncNeeded,

    /// <summary>A sync window closed; the details say who is in the cohort, and which codec and why.</summary>
    WindowClosed,

    /// <summary>A link ended; the details say why.</summary>
    LinkEnded,

    /// <summary>The in-sync set changed.</summary>
    InSyncChanged,

    /// <summary>A snapshot was given up.</summary>
    SnapshotGivenUp,

    /// <summary>A replica came into step with the primary.</summary>
    ReplicaOnline,
}

/// <summary>One snapshot, for one cohort.</summary>
/// <param name="Announcement">What the members are told of it.</param>
/// <param name="BaseEpoch">Epoch of the mutation at the base offset.</param>
/// <param name="Scan">The storage's snapshot; whoever carries the plan out disposes it.</param>
/// <param name="Members">The cohort.</param>
public sealed record SnapshotPlan(
    SyncAnnouncement Announcement,
    long BaseEpoch,
    ShardSnapshot Scan,
    IReadOnlyList<SnapshotMember> Members)
{
    /// <summary>Random name of the snapshot.</summary>
    public long SnapshotId => Announcement.SnapshotId;
}

/// <summary>A member of a cohort.</summary>
/// <param name="Silo">The replica's silo.</param>
/// <param name="Attach">Its attach number.</param>
/// <param name="DualChannel">True when it takes the snapshot on a stream of its own.</param>
public readonly record struct SnapshotMember(string Silo, long Attach, bool DualChannel);
