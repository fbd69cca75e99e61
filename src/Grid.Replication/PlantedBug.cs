namespace Grid.Replication;

/// <summary>
/// Mistakes that the state machines make on purpose when they are told to: a simulation that is to be believed must
/// find every one of them. Always <see cref="None"/> outside of tests; nothing public can set it.
/// </summary>
[Flags]
internal enum PlantedBug : long
{
    /// <summary>None: how it always is in a silo.</summary>
    None = 0,

    // Names of things, the record, the in-sync set.

    /// <summary>An owner whose token was voided goes on.</summary>
    IgnoresOwnerToken = 1L << 0,

    /// <summary>A primary that lost the record to another one reigns on.</summary>
    ReignsAfterConflict = 1L << 1,

    /// <summary>A new in-sync set counts before the record is known to hold it.</summary>
    ChangesSetEarly = 1L << 2,

    /// <summary>The commit does not wait for the last member of the required set.</summary>
    ForgetsMember = 1L << 3,

    /// <summary>A replica joins the in-sync set before it has everything that is committed.</summary>
    JoinsTooEarly = 1L << 4,

    /// <summary>A member that is silent or dead stays in the set.</summary>
    KeepsDeadMembers = 1L << 5,

    /// <summary>A full sync is given to a member that the record still names.</summary>
    SyncsNamedMember = 1L << 6,

    /// <summary>The backlog drops what a member of the required set has not acknowledged.</summary>
    DropsUnacknowledged = 1L << 7,

    /// <summary>A replicated write succeeds with fewer members than asked for.</summary>
    IgnoresMinInSync = 1L << 8,

    // Log.

    /// <summary>A replica acknowledges an item behind a gap before it asks for what is missing.</summary>
    AcknowledgesBehindGap = 1L << 9,

    /// <summary>A replica takes what comes as what was expected.</summary>
    IgnoresGap = 1L << 10,

    /// <summary>A replica applies what is not committed.</summary>
    AppliesUncommitted = 1L << 11,

    /// <summary>A replica follows a primary of an epoch below one that it has seen, and that primary lets it.</summary>
    AcceptsStaleEpoch = 1L << 12,

    /// <summary>A replica goes on behind the primary's log end with a tail of its own.</summary>
    KeepsDivergedTail = 1L << 13,

    /// <summary>Two logs are compared by their ends, not by their epochs.</summary>
    TrustsOffsetAlone = 1L << 14,

    /// <summary>A replica that has applied what the primary never had goes on from the log.</summary>
    CutsAppliedData = 1L << 15,

    /// <summary>Adopted mutations travel as mutations of the present reign.</summary>
    StampsOwnEpoch = 1L << 16,

    /// <summary>A snapshot comes without the history of what is in it.</summary>
    ForgetsHistory = 1L << 17,

    /// <summary>An acknowledgement counts whatever link and copy it speaks of.</summary>
    CountsAnyAcknowledgement = 1L << 18,

    /// <summary>A reply at the beginning of a reign does not wait for the adopted tail.</summary>
    ServesBeforeBarrier = 1L << 19,

    /// <summary>A new reign throws away what it does not know to be committed.</summary>
    DropsAdoptedTail = 1L << 20,

    /// <summary>A new reign takes its adopted tail for committed.</summary>
    CommitsAdoptedTail = 1L << 21,

    /// <summary>Replies do not wait for the commit.</summary>
    RepliesBeforeCommit = 1L << 22,

    /// <summary>That a key is absent is told before its delete is committed.</summary>
    TellsUncommittedAbsence = 1L << 23,

    /// <summary>That a key is absent is told before the clear of its keyspace is committed.</summary>
    TellsUncommittedClear = 1L << 24,

    /// <summary>Scans and statistics show what is not committed.</summary>
    ScansUncommitted = 1L << 25,

    /// <summary>An entry that has expired is told to be absent, and stays.</summary>
    HidesExpired = 1L << 26,

    // Links and snapshots.

    /// <summary>Items of an attach before the present one are taken.</summary>
    TakesStaleItems = 1L << 27,

    /// <summary>Items that came already are taken again.</summary>
    TakesRepeatedItems = 1L << 28,

    /// <summary>Pieces of another snapshot are taken for those of the present one.</summary>
    TakesForeignPieces = 1L << 29,

    /// <summary>Pieces of a snapshot may be missing, at its end too.</summary>
    InstallsHalfLoad = 1L << 30,

    /// <summary>Mutations kept during a load are applied twice.</summary>
    AppliesKeptTwice = 1L << 31,

    /// <summary>A loaded copy may serve before its base is known to be committed.</summary>
    ServesLoadedAtOnce = 1L << 32,

    /// <summary>The log drops what a link that streams has not been sent.</summary>
    UnpinsLinks = 1L << 33,

    /// <summary>Every request starts the sync window's time anew.</summary>
    ExtendsWindow = 1L << 34,

    /// <summary>The codec of a snapshot is decided by the first member of the window.</summary>
    DecidesCodecEarly = 1L << 35,

    /// <summary>A snapshot is made though nobody waits for it any more.</summary>
    SnapshotsForNobody = 1L << 36,

    /// <summary>A cohort may have any number of members.</summary>
    IgnoresMaxCohort = 1L << 37,

    /// <summary>An attach that was overtaken by a newer one replaces it.</summary>
    TakesOlderAttach = 1L << 38,

    /// <summary>A replica that could go on from the backlog gets a snapshot.</summary>
    AlwaysSyncsInFull = 1L << 39,

    /// <summary>One member's failure ends the snapshot of all.</summary>
    EndsSnapshotForAll = 1L << 40,

    /// <summary>Damaged snapshots are asked for in the same codec for ever.</summary>
    NeverAsksForPlaintext = 1L << 41,

    /// <summary>A failed attach is tried again at once.</summary>
    RetriesAtOnce = 1L << 42,

    /// <summary>A snapshot may keep any number of bytes.</summary>
    NeverGivesUpSnapshot = 1L << 43,

    /// <summary>Uncommitted bytes are without bound.</summary>
    NeverRefusesWrites = 1L << 44,

    /// <summary>Items are put on a stream however many it has not taken.</summary>
    IgnoresUnsent = 1L << 45,

    /// <summary>A replica keeps any number of mutations during a load.</summary>
    NeverSaturates = 1L << 46,

    /// <summary>A replica at its bound is silent about it.</summary>
    HidesBackPressure = 1L << 47,

    // Clients.

    /// <summary>A batch that was received before is executed again.</summary>
    ExecutesStaleBatch = 1L << 48,

    /// <summary>A batch is executed before the ones that its client sent before it.</summary>
    ExecutesOutOfOrder = 1L << 49,

    /// <summary>Batches wait behind a hole for ever.</summary>
    NeverAsksToResend = 1L << 50,

    /// <summary>A client that is active is forgotten to make room for another.</summary>
    ForgetsActiveClient = 1L << 51,

    /// <summary>Any number of replies may wait for their commit.</summary>
    NeverOverloaded = 1L << 52,

    // What came with both channels, disks and leases.

    /// <summary>A link that is not required pins as much of the log as it likes.</summary>
    PinsWithoutBound = 1L << 53,

    /// <summary>A replica joins a saved snapshot that it cannot read.</summary>
    JoinsUnreadableSnapshot = 1L << 54,

    /// <summary>A replica believes that it is fresh although it has not applied what was committed.</summary>
    TrustsAnyHeartbeat = 1L << 55,

    /// <summary>A primary takes itself for the only one although its lease has run out.</summary>
    TakesLeaseForGranted = 1L << 56,

    /// <summary>A primary that was told of a higher epoch reigns on.</summary>
    IgnoresHigherEpoch = 1L << 57,

    /// <summary>A replica joins the in-sync set before it has granted a lease.</summary>
    JoinsWithoutGrant = 1L << 58,

    /// <summary>A lease is counted from when it was granted, not from when it was asked for.</summary>
    CountsLeaseFromAnswer = 1L << 59,

    /// <summary>A link goes on as it was agreed on when settings have changed.</summary>
    KeepsOldAgreement = 1L << 60,

    /// <summary>A change of settings ends every link.</summary>
    EndsLinksOnAnyChange = 1L << 61,

    /// <summary>A snapshot is begun without one of the silo's places.</summary>
    NeedsNoPlace = 1L << 62,
}
