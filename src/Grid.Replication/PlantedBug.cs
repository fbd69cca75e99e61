namespace Grid.Replication;

/// <summary>
/// Mistakes that the state machines make on purpose when they are told to: a simulation that is to be believed must
/// find every one of them. Always <see cref="None"/> outside of tests; nothing public can set it.
/// </summary>
internal enum PlantedBug
{
    /// <summary>None: how it always is in a silo.</summary>
    None,

    // Names of things, the record, the in-sync set.

    /// <summary>An owner whose token was voided goes on.</summary>
    IgnoresOwnerToken,

    /// <summary>A primary that lost the record to another one reigns on.</summary>
    ReignsAfterConflict,

    /// <summary>A new in-sync set counts before the record is known to hold it.</summary>
    ChangesSetEarly,

    /// <summary>The commit does not wait for the last member of the required set.</summary>
    ForgetsMember,

    /// <summary>A replica joins the in-sync set before it has everything that is committed.</summary>
    JoinsTooEarly,

    /// <summary>A member that is silent or dead stays in the set.</summary>
    KeepsDeadMembers,

    /// <summary>A full sync is given to a member that the record still names.</summary>
    SyncsNamedMember,

    /// <summary>The backlog drops what a member of the required set has not acknowledged.</summary>
    DropsUnacknowledged,

    /// <summary>A replicated write succeeds with fewer members than asked for.</summary>
    IgnoresMinInSync,

    // Log.

    /// <summary>A replica acknowledges an item behind a gap before it asks for what is missing.</summary>
    AcknowledgesBehindGap,

    /// <summary>A replica takes what comes as what was expected.</summary>
    IgnoresGap,

    /// <summary>A replica applies what is not committed.</summary>
    AppliesUncommitted,

    /// <summary>A replica follows a primary of an epoch below one that it has seen, and that primary lets it.</summary>
    AcceptsStaleEpoch,

    /// <summary>A replica goes on behind the primary's log end with a tail of its own.</summary>
    KeepsDivergedTail,

    /// <summary>Two logs are compared by their ends, not by their epochs.</summary>
    TrustsOffsetAlone,

    /// <summary>A replica that has applied what the primary never had goes on from the log.</summary>
    CutsAppliedData,

    /// <summary>Adopted mutations travel as mutations of the present reign.</summary>
    StampsOwnEpoch,

    /// <summary>A snapshot comes without the history of what is in it.</summary>
    ForgetsHistory,

    /// <summary>An acknowledgement counts whatever link and copy it speaks of.</summary>
    CountsAnyAcknowledgement,

    /// <summary>A reply at the beginning of a reign does not wait for the adopted tail.</summary>
    ServesBeforeBarrier,

    /// <summary>A new reign throws away what it does not know to be committed.</summary>
    DropsAdoptedTail,

    /// <summary>A new reign takes its adopted tail for committed.</summary>
    CommitsAdoptedTail,

    /// <summary>Replies do not wait for the commit.</summary>
    RepliesBeforeCommit,

    /// <summary>That a key is absent is told before its delete is committed.</summary>
    TellsUncommittedAbsence,

    /// <summary>That a key is absent is told before the clear of its keyspace is committed.</summary>
    TellsUncommittedClear,

    /// <summary>Scans and statistics show what is not committed.</summary>
    ScansUncommitted,

    /// <summary>An entry that has expired is told to be absent, and stays.</summary>
    HidesExpired,

    // Links and snapshots.

    /// <summary>Items of an attach before the present one are taken.</summary>
    TakesStaleItems,

    /// <summary>Items that came already are taken again.</summary>
    TakesRepeatedItems,

    /// <summary>Pieces of another snapshot are taken for those of the present one.</summary>
    TakesForeignPieces,

    /// <summary>Pieces of a snapshot may be missing, at its end too.</summary>
    InstallsHalfLoad,

    /// <summary>Mutations kept during a load are applied twice.</summary>
    AppliesKeptTwice,

    /// <summary>A loaded copy may serve before its base is known to be committed.</summary>
    ServesLoadedAtOnce,

    /// <summary>The log drops what a link that streams has not been sent.</summary>
    UnpinsLinks,

    /// <summary>Every request starts the sync window's time anew.</summary>
    ExtendsWindow,

    /// <summary>The codec of a snapshot is decided by the first member of the window.</summary>
    DecidesCodecEarly,

    /// <summary>A snapshot is made though nobody waits for it any more.</summary>
    SnapshotsForNobody,

    /// <summary>A cohort may have any number of members.</summary>
    IgnoresMaxCohort,

    /// <summary>An attach that was overtaken by a newer one replaces it.</summary>
    TakesOlderAttach,

    /// <summary>A replica that could go on from the backlog gets a snapshot.</summary>
    AlwaysSyncsInFull,

    /// <summary>One member's failure ends the snapshot of all.</summary>
    EndsSnapshotForAll,

    /// <summary>A snapshot that fails, or is not needed any more, ends the links of those who have loaded it already.</summary>
    EndsLoadedLinks,

    /// <summary>A place that was given to a request which was taken back counts for the next one.</summary>
    TakesOldPermits,

    /// <summary>Damaged snapshots are asked for in the same codec for ever.</summary>
    NeverAsksForPlaintext,

    /// <summary>A failed attach is tried again at once.</summary>
    RetriesAtOnce,

    /// <summary>A snapshot may keep any number of bytes.</summary>
    NeverGivesUpSnapshot,

    /// <summary>Uncommitted bytes are without bound.</summary>
    NeverRefusesWrites,

    /// <summary>Items are put on a stream however many it has not taken.</summary>
    IgnoresUnsent,

    /// <summary>A replica that loads is sent any number of mutations, whatever it may keep.</summary>
    SendsMoreThanKept,

    /// <summary>A replica says nothing while it loads.</summary>
    SilentWhileLoading,

    // Clients.

    /// <summary>A batch that was received before is executed again.</summary>
    ExecutesStaleBatch,

    /// <summary>A batch is executed before the ones that its client sent before it.</summary>
    ExecutesOutOfOrder,

    /// <summary>Batches wait behind a hole for ever.</summary>
    NeverAsksToResend,

    /// <summary>A client that is active is forgotten to make room for another.</summary>
    ForgetsActiveClient,

    /// <summary>Any number of replies may wait for their commit.</summary>
    NeverOverloaded,

    // What came with both channels, disks and leases.

    /// <summary>A link that is not required pins as much of the log as it likes.</summary>
    PinsWithoutBound,

    /// <summary>A saved snapshot that was found to be damaged is given to whoever comes.</summary>
    TrustsSavedSnapshot,

    /// <summary>A replica joins a saved snapshot that it cannot read.</summary>
    JoinsUnreadableSnapshot,

    /// <summary>A replica believes that it is fresh although it has not applied what was committed.</summary>
    TrustsAnyHeartbeat,

    /// <summary>A primary takes itself for the only one although its lease has run out.</summary>
    TakesLeaseForGranted,

    /// <summary>A primary that was told of a higher epoch reigns on.</summary>
    IgnoresHigherEpoch,

    /// <summary>A replica joins the in-sync set before it has granted a lease.</summary>
    JoinsWithoutGrant,

    /// <summary>A lease is counted from when it was granted, not from when it was asked for.</summary>
    CountsLeaseFromAnswer,

    /// <summary>A link goes on as it was agreed on when settings have changed.</summary>
    KeepsOldAgreement,

    /// <summary>A change of settings ends every link.</summary>
    EndsLinksOnAnyChange,

    /// <summary>A snapshot is begun without one of the silo's places.</summary>
    NeedsNoPlace,

    // Exactly once.

    /// <summary>A repeated operation is executed without a look at what is remembered of it.</summary>
    RepeatsWithoutLookup,

    /// <summary>A repeated operation is executed although a later one of its client took effect on the same key.</summary>
    RepeatsBehindLaterEffects,

    /// <summary>Snapshots leave the session table out.</summary>
    SnapshotsWithoutSessions,

    /// <summary>The primary forgets a session without a mutation that says so.</summary>
    EvictsSilently,

    /// <summary>What is not remembered counts as never applied, be it below a session's floor or of an evicted session.</summary>
    IgnoresSessionFloor,

    /// <summary>The remembered result of an operation is told before the operation is committed.</summary>
    TellsUncommittedResult,

    /// <summary>What a primary executes itself is not remembered by it, only by its replicas.</summary>
    RemembersAtReplicasOnly,

    // The in-sync set, again.

    /// <summary>A member that does not keep up is left out without a word to the record.</summary>
    ShrinksWithoutRecord,

    /// <summary>A primary leaves silent members out although it hears too few silos to know who of them is cut off.</summary>
    ShrinksWithoutMajority,

    /// <summary>The time for which a primary was cut off counts as its members' silence once it is not any more.</summary>
    CountsSilenceWhileCutOff,

    /// <summary>A member that is not where replicas are wanted is left out before another one has taken its place.</summary>
    ShrinksBeforeGrown,

    // Leases and hand-over.

    /// <summary>A reply that its own commit does not prove goes without a lease.</summary>
    RepliesWithoutLease,

    /// <summary>A hand-over is surrendered before its receiver has everything.</summary>
    SurrendersEarly,

    /// <summary>A sealed primary goes on executing what comes.</summary>
    ExecutesSealed,

    /// <summary>A primary that has surrendered reigns on.</summary>
    ReignsAfterSurrender,

    // Losses.

    /// <summary>A copy of a line of data that was given up goes on from its log.</summary>
    IgnoresLineage,

    /// <summary>A primary that is alone in its set acknowledges writes although nobody has heard of it for long.</summary>
    AnswersAloneUnheard,

    // Rules whose twins came late.

    /// <summary>A lease lasts until the last of the members' grants has ended, not the first.</summary>
    CountsLatestGrant,

    /// <summary>A lease lasts as long for the primary as for the member that granted it, whatever their clocks do.</summary>
    LeavesNoMargin,

    /// <summary>A hand-over whose receiver does not get there is never given up.</summary>
    NeverUnseals,

    /// <summary>Who overran the budget of pinned log has no more the next time.</summary>
    NeverDoublesBudget,

    /// <summary>Writes are refused before anything is done about the links that hold the log up.</summary>
    RefusesBeforeLaggards,

    /// <summary>A write is refused that alone is larger than what may be uncommitted.</summary>
    RefusesLargeWrites,

    /// <summary>A change of a replica's settings ends its link, whatever it is.</summary>
    ReattachesOnAnyChange,

    /// <summary>Any number of a client's batches may wait behind a hole.</summary>
    KeepsAnyBatches,

    /// <summary>Any number of clients, and of their operations, is remembered.</summary>
    RemembersWithoutBound,

    /// <summary>Replicas are begun on silos that drain.</summary>
    IgnoresDraining,

    /// <summary>A replica for which mutations came during its load asks for another snapshot.</summary>
    SyncsAgainWhenBehind,
}
