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

    /// <summary>The loaded copy takes the place of the old one, which is freed.</summary>
    void InstallCopy(ShardCopy loaded, ShardCopy old);

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

    /// <summary>A load was dropped; the details say why.</summary>
    LoadFailed,

    /// <summary>Items were missing or damaged; the replica attaches again.</summary>
    Gap,

    /// <summary>A part of the log that was never committed was cut away.</summary>
    TailCut,
}
