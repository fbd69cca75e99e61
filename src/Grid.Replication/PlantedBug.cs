namespace Grid.Replication;

/// <summary>
/// Mistakes that the state machines make on purpose when they are told to: a simulation that is to be believed must
/// find every one of them. Always <see cref="None"/> outside of tests; nothing public can set it.
/// </summary>
[Flags]
internal enum PlantedBug
{
    /// <summary>None: how it always is in a silo.</summary>
    None = 0,

    /// <summary>A replica acknowledges an item behind a gap before it asks for what is missing.</summary>
    AcknowledgesBehindGap = 1 << 0,

    /// <summary>A replica takes what comes as what was expected.</summary>
    IgnoresGap = 1 << 1,

    /// <summary>A replica follows a primary of an epoch below one that it has seen, and that primary lets it.</summary>
    AcceptsStaleEpoch = 1 << 2,

    /// <summary>Mutations kept during a load are applied twice.</summary>
    AppliesKeptTwice = 1 << 3,

    /// <summary>The codec of a snapshot is decided by the first member of the window.</summary>
    DecidesCodecEarly = 1 << 4,

    /// <summary>A new in-sync set counts before the record is known to hold it.</summary>
    ChangesSetEarly = 1 << 5,

    /// <summary>The commit does not wait for the last member of the required set.</summary>
    ForgetsMember = 1 << 6,

    /// <summary>Replies do not wait for the commit.</summary>
    RepliesBeforeCommit = 1 << 7,

    /// <summary>That a key is absent is told before its delete is committed.</summary>
    TellsUncommittedAbsence = 1 << 8,

    /// <summary>A replica goes on behind the primary's log end with a tail of its own.</summary>
    KeepsDivergedTail = 1 << 9,

    /// <summary>A replica joins the in-sync set before it has everything that is committed.</summary>
    JoinsTooEarly = 1 << 10,

    /// <summary>A full sync is given to a member that the record still names.</summary>
    SyncsNamedMember = 1 << 11,

    /// <summary>A batch that was received before is executed again.</summary>
    ExecutesStaleBatch = 1 << 12,

    /// <summary>A replica applies what is not committed.</summary>
    AppliesUncommitted = 1 << 13,

    /// <summary>The backlog drops what a member of the required set has not acknowledged.</summary>
    DropsUnacknowledged = 1 << 14,

    /// <summary>A link that is not required pins as much of the log as it likes.</summary>
    PinsWithoutBound = 1 << 15,

    /// <summary>A replica joins a saved snapshot that it cannot read.</summary>
    JoinsUnreadableSnapshot = 1 << 16,

    /// <summary>A replica believes that it is fresh although it has not applied what was committed.</summary>
    TrustsAnyHeartbeat = 1 << 17,

    /// <summary>A primary takes itself for the only one although its lease has run out.</summary>
    TakesLeaseForGranted = 1 << 18,
}
