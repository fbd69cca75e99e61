using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Replication.Links;
using Grid.Replication.Records;
using Grid.Replication.Sessions;
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
    /// Asks copies to grant a lease (<see cref="Copies.ShardCopy.TryGrant"/>), beside the streams and not behind what is queued there, and reports
    /// <see cref="ShardPrimary.OnGranted"/> for each that does. What is lost is asked for again.
    /// </summary>
    void AskGrants(LeaseRequest request, IReadOnlyList<CopyName> copies);

    /// <summary>
    /// Asks for one of the silo's places for a sync, and reports <see cref="ShardPrimary.OnSyncPermitted"/> under the same number once there is one.
    /// </summary>
    /// <param name="request">Number of the request, another one each time: one that was taken back may have been given a place already.</param>
    void RequestSync(long request);

    /// <summary>Gives the place back, or takes the wish for one back.</summary>
    void ReleaseSync();

    /// <summary>
    /// Takes a snapshot: slices of <see cref="SnapshotPlan.Scan"/> on the primary's turns, encoding, writing and sending off them.
    /// A diskless one goes to the cohort: once it is sent to its end, reports <see cref="ShardPrimary.OnSnapshotSent"/> for each member, then
    /// <see cref="ShardPrimary.OnSnapshotEnded"/>. One that goes to disk is only written: reports <see cref="ShardPrimary.OnSnapshotSaved"/>.
    /// The cohort's announcements are on the command streams already.
    /// </summary>
    /// <remarks>
    /// <para>
    /// Of either kind that fails, or is cancelled (<see cref="CancelSnapshot"/>), only <see cref="ShardPrimary.OnSnapshotEnded"/> is reported, as failed, and nothing of
    /// its members: some of them may have got all of it and be online, and whose links end is the state machine's to say.
    /// </para>
    /// <para>
    /// A member that holds up the others is left behind, and reported by <see cref="ShardPrimary.OnMemberFailed"/>; one whose link has ended
    /// (<see cref="AbandonLink"/>), from the moment of this call on, gets nothing more.
    /// </para>
    /// </remarks>
    void BeginSnapshot(SnapshotPlan plan);

    /// <summary>
    /// Sends a saved snapshot to one member, and reports <see cref="ShardPrimary.OnSnapshotSent"/>, or <see cref="ShardPrimary.OnMemberFailed"/> if that failed; neither
    /// need come of one whose link has ended (<see cref="AbandonLink"/>), which gets nothing more. The announcement is on the command
    /// stream already; a member with a snapshot stream gets it there as well.
    /// </summary>
    void SendSnapshot(SavedSnapshot saved, SnapshotMember member);

    /// <summary>
    /// Ends a snapshot that nobody needs any more, or that holds too much memory, and removes its file. Of one that is not
    /// sent or saved yet <see cref="ShardPrimary.OnSnapshotEnded"/> is reported, as failed, and nothing else; what its members were sent goes on to them.
    /// </summary>
    void CancelSnapshot(long snapshotId);

    /// <summary>
    /// Has a replica brought up on <paramref name="silo"/>: tells it to attach, also if it still believes in the link with
    /// the attach number <paramref name="endedAttach"/> (0 = none), which has ended.
    /// </summary>
    void StartReplica(string silo, long endedAttach);

    /// <summary>Abandons what is queued for <paramref name="silo"/> on its command and snapshot stream: the link has ended.</summary>
    void AbandonLink(string silo);

    /// <summary>
    /// A hand-over has ended. With <paramref name="surrendered"/> the copy holds exactly what <paramref name="receiver"/> holds, everything was
    /// answered, and <see cref="StepDown"/> follows: note by whom the shard is to be taken over, and have it done. Otherwise the primary
    /// reigns on, or steps down for another reason.
    /// </summary>
    void EndHandOver(CopyName receiver, bool surrendered, string details);

    /// <summary>The reign is over: answer nothing more, give the copy back, go.</summary>
    void StepDown(string reason);

    /// <summary>Something an operator may want to know of.</summary>
    void Report(PrimaryEvent what, string silo, string details);

    /// <summary>A replica with a whole copy needs a full sync only because the backlog begins too late: for those who count.</summary>
    void CountBacklogMiss()
    {
    }

    /// <summary>The link that is reported as ended did so for this reason: for those who count.</summary>
    void CountLinkEnd(LinkEndReason reason)
    {
    }

    /// <summary>Operations of the request that came with <paramref name="token"/> were executed, one like the other: for those who count.</summary>
    /// <param name="token">The request.</param>
    /// <param name="keyspace">Their keyspace; null where the shard has none of that name.</param>
    /// <param name="kind">What they were to do.</param>
    /// <param name="status">How they ended.</param>
    /// <param name="count">How many.</param>
    void CountOperations(object token, Keyspace? keyspace, OperationKind kind, OperationStatus status, int count)
    {
    }

    /// <summary>All operations of the request that came with <paramref name="token"/> were executed; its reply may have to wait.</summary>
    /// <param name="token">The request.</param>
    /// <param name="offset">The newest mutation that it caused; 0 if it caused none.</param>
    void NoteExecuted(object token, long offset)
    {
    }

    /// <summary>An entry has expired: for those who count.</summary>
    void CountExpired(Keyspace keyspace)
    {
    }
}

/// <summary>Why a primary ended a link.</summary>
public enum LinkEndReason
{
    /// <summary>The replica attached anew.</summary>
    Reattached,

    /// <summary>Nothing was heard of the replica for its time-out.</summary>
    Silent,

    /// <summary>The replica's silo is dead.</summary>
    SiloDead,

    /// <summary>A stream failed, or took nothing for too long.</summary>
    StreamFailed,

    /// <summary>The shard has all the copies wanted.</summary>
    Surplus,

    /// <summary>The link pinned more of the log than it may.</summary>
    Overrun,

    /// <summary>Its snapshot was given up, or could not be written or sent.</summary>
    SnapshotLost,

    /// <summary>Settings were changed that concern it.</summary>
    SettingsChanged,

    /// <summary>The replica acknowledged what was never sent to it.</summary>
    Misbehaved,
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

    /// <summary>A snapshot was written to its file.</summary>
    SnapshotSaved,

    /// <summary>A replica joined a snapshot that was being written, or had been.</summary>
    SnapshotJoined,

    /// <summary>A link pinned more of the log than its budget; the details say how much the next attempt has.</summary>
    PinOverrun,

    /// <summary>A saved snapshot was found to be damaged, or could not be read; whoever comes gets another one.</summary>
    SnapshotSuspect,

    /// <summary>A replica keeps as many bytes of mutations as it may while it loads; the rest waits in the primary's log.</summary>
    KeptFull,

    /// <summary>A link overran the largest budget: the replica cannot keep up with the writes.</summary>
    CannotKeepUp,

    /// <summary>A replica came into step with the primary.</summary>
    ReplicaOnline,
}

/// <summary>One snapshot, for one cohort.</summary>
/// <param name="Announcement">What the members are told of it.</param>
/// <param name="BaseEpoch">Epoch of the mutation at the base offset.</param>
/// <param name="Sessions">The session table at the base; the parts that it is packed in go into the snapshot: <see cref="SnapshotPlan.SessionsField"/>.</param>
/// <param name="Scan">The storage's snapshot; whoever carries the plan out disposes it.</param>
/// <param name="Members">The cohort.</param>
/// <param name="Transport">Where it goes first.</param>
/// <param name="Checksums">Whether the payload carries checksums.</param>
/// <param name="Reason">Why it travels as it does.</param>
public sealed record SnapshotPlan(
    SyncAnnouncement Announcement,
    long BaseEpoch,
    FrozenSessions Sessions,
    ShardSnapshot Scan,
    IReadOnlyList<SnapshotMember> Members,
    SyncTransport Transport,
    bool Checksums,
    CodecReason Reason)
{
    /// <summary>Name of the extra field that each packed part of <see cref="Sessions"/> is written in, before the entries.</summary>
    public const string SessionsField = SessionCodec.FieldName;

    /// <summary>Random name of the snapshot.</summary>
    public long SnapshotId => Announcement.SnapshotId;
}

/// <summary>Why a snapshot is compressed, or is not.</summary>
public enum CodecReason
{
    /// <summary>Compressed: it is wanted, and every member of the cohort can decode it.</summary>
    EveryMemberDecodes,

    /// <summary>Plaintext: compression is off at the primary.</summary>
    CompressionOff,

    /// <summary>Plaintext: at least one member cannot decode anything else.</summary>
    MemberCannotDecode,
}

/// <summary>A snapshot whose file is whole.</summary>
/// <param name="Announcement">What its members are told of it, the length included.</param>
/// <param name="Entries">Entries in it.</param>
public sealed record SavedSnapshot(SyncAnnouncement Announcement, long Entries);

/// <summary>A member of a cohort.</summary>
/// <param name="Silo">The replica's silo.</param>
/// <param name="Attach">Its attach number.</param>
/// <param name="DualChannel">True when it takes the snapshot on a stream of its own; otherwise it comes on the command stream.</param>
public readonly record struct SnapshotMember(string Silo, long Attach, bool DualChannel);
