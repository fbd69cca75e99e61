using Grid.Replication.Copies;
using Grid.Replication.Links;

namespace Grid.Replication.Replica;

/// <summary>
/// What a <see cref="ShardReplica"/> wants done. The caller carries it out in the order of the calls, without calling
/// back into the state machine from inside one.
/// </summary>
public interface IReplicaOutput
{
    /// <summary>Sends the attach to the shard's primary and reports <see cref="ShardReplica.OnAttachAnswered"/>.</summary>
    void Attach(AttachRequest request);

    /// <summary>Tells the primary what the log holds. May be merged with a later one.</summary>
    void Acknowledge(Acknowledgement acknowledgement);

    /// <summary>Makes an empty copy under <paramref name="copyId"/> to load a snapshot into; it is not the silo's copy of the shard yet.</summary>
    ShardCopy MakeCopy(Guid copyId);

    /// <summary>
    /// A copy takes the place of the old one, which is freed: a loaded one, or with <see cref="LoadMode.Discard"/> the one
    /// that the load begins with, and an empty one if that load fails. The step that calls this goes on with the next one: whoever lets
    /// others find it from here on holds its gate to the end of that step.
    /// </summary>
    void InstallCopy(ShardCopy next, ShardCopy old);

    /// <summary>The shard does not want this replica any more: its copy is freed, the grain goes.</summary>
    void Dismiss();

    /// <summary>Something an operator may want to know of.</summary>
    void Report(ReplicaEvent what, string details);
}

/// <summary>Things worth a log line, a counter and a place in the list of events.</summary>
public enum ReplicaEvent
{
    /// <summary>An attach was sent.</summary>
    Attaching,

    /// <summary>The primary goes on from the replica's log.</summary>
    PartialResync,

    /// <summary>A snapshot began to arrive.</summary>
    LoadBegan,

    /// <summary>A snapshot was loaded.</summary>
    LoadEnded,

    /// <summary>A load was dropped that was right so far: another one begins, or the replica goes.</summary>
    LoadDropped,

    /// <summary>A load ended before its payload did.</summary>
    LoadTruncated,

    /// <summary>An item of the snapshot was damaged on its way, by its own checksum.</summary>
    LoadDamaged,

    /// <summary>A load's payload was damaged.</summary>
    LoadCorrupt,

    /// <summary>A load's payload, or an item of it, is of a version, codec or kind that is not read here.</summary>
    LoadIncompatible,

    /// <summary>A load's payload holds more than is allowed.</summary>
    LoadOverLimit,

    /// <summary>Nothing of the snapshot came for the replica's time-out.</summary>
    LoadStalled,

    /// <summary>The primary sent more mutations than are kept during a load.</summary>
    LoadOverrun,

    /// <summary>Mutations, or the frame that they came in, are damaged, though their item is not; the replica attaches again.</summary>
    CommandsCorrupt,

    /// <summary>The command stream's frame, or one of its items, is of a version, codec or kind that is not read here; the replica attaches again.</summary>
    CommandsIncompatible,

    /// <summary>An item of the command stream ends before its mutations do; the replica attaches again.</summary>
    CommandsTruncated,

    /// <summary>An item of the command stream holds more than is allowed; the replica attaches again.</summary>
    CommandsOverLimit,

    /// <summary>The third damaged payload in a row: plaintext is asked for until the fault ends.</summary>
    Faulted,

    /// <summary>The fault has ended: what the settings allow is asked for again.</summary>
    FaultEnded,

    /// <summary>The primary ended the link.</summary>
    LinkEnded,

    /// <summary>Settings were changed, and the link is agreed on anew.</summary>
    SettingsChanged,

    /// <summary>Items were missing or did not fit; the replica attaches again.</summary>
    Gap,

    /// <summary>An item of the command stream was damaged on its way, by its own checksum; the replica attaches again.</summary>
    CommandDamaged,

    /// <summary>A part of the log that was never committed was cut away.</summary>
    TailCut,
}

/// <summary>Kinds of what happens at a replica.</summary>
public static class ReplicaEvents
{
    /// <summary>True when a load ended because something was wrong with it, and not because another one begins or the replica goes.</summary>
    public static bool IsFailedLoad(this ReplicaEvent what) => what
        is ReplicaEvent.LoadDamaged
        or ReplicaEvent.LoadTruncated
        or ReplicaEvent.LoadCorrupt
        or ReplicaEvent.LoadIncompatible
        or ReplicaEvent.LoadOverLimit
        or ReplicaEvent.LoadStalled
        or ReplicaEvent.LoadOverrun;
}
