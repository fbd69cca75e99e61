namespace Grid.Client.Contracts.Operator;

/// <summary>How much an event matters.</summary>
public enum EventSeverity
{
    /// <summary>As it should be.</summary>
    Info,

    /// <summary>Worth a look: something was lost that the cluster makes good by itself.</summary>
    Warning,

    /// <summary>Something is wrong, and may need a hand.</summary>
    Error,
}

/// <summary>What happened.</summary>
public enum EventKind
{
    /// <summary>A cluster began.</summary>
    ClusterCreated,

    /// <summary>A shard was taken over after its primary was lost.</summary>
    Failover,

    /// <summary>A shard changed hands as planned, or was to.</summary>
    HandOver,

    /// <summary>A full sync began.</summary>
    SyncBegan,

    /// <summary>A full or partial sync ended well.</summary>
    SyncEnded,

    /// <summary>A sync was given up, or failed.</summary>
    SyncFailed,

    /// <summary>A primary ended its link to a replica.</summary>
    LinkEnded,

    /// <summary>A shard's in-sync set changed.</summary>
    InSyncChanged,

    /// <summary>A silo joined the cluster.</summary>
    SiloJoined,

    /// <summary>A silo left the cluster as planned.</summary>
    SiloLeft,

    /// <summary>A silo was declared dead.</summary>
    SiloDead,

    /// <summary>A silo empties itself, or ends to.</summary>
    Drain,

    /// <summary>The rebalance or an operator moves a shard.</summary>
    Move,

    /// <summary>A copy was dropped by hand.</summary>
    CopyDropped,

    /// <summary>An operator accepted the loss of a shard.</summary>
    LossAccepted,

    /// <summary>Data arrived damaged, or did not fit.</summary>
    Damage,

    /// <summary>Something failed that should not.</summary>
    Failure,
}

/// <summary>Something that happened in the cluster.</summary>
[GenerateSerializer, Immutable, Alias("Grid.ClusterEvent")]
public sealed record ClusterEvent
{
    /// <summary>When, by the clock of <see cref="Silo"/>.</summary>
    [Id(0)] public required DateTimeOffset Time { get; init; }

    /// <summary>The silo that tells of it: its address with its generation.</summary>
    [Id(1)] public required string Silo { get; init; }

    /// <summary>Its number among the events of that silo.</summary>
    [Id(2)] public required long Number { get; init; }

    /// <summary>What.</summary>
    [Id(3)] public required EventKind Kind { get; init; }

    /// <summary>How much it matters.</summary>
    [Id(4)] public required EventSeverity Severity { get; init; }

    /// <summary>The shard; null where it is about none.</summary>
    [Id(5)] public int? Shard { get; init; }

    /// <summary>The reign; 0 where it is about none.</summary>
    [Id(6)] public long Epoch { get; init; }

    /// <summary>The other silo that it is about; empty where there is none.</summary>
    [Id(7)] public string About { get; init; } = "";

    /// <summary>What happened, in words.</summary>
    [Id(8)] public required string Text { get; init; }

    /// <summary>The name of the silo that came or went; empty where none did.</summary>
    [Id(9)] public string AboutName { get; init; } = "";
}

/// <summary>Which events.</summary>
[GenerateSerializer, Immutable, Alias("Grid.EventQuery")]
public sealed record EventQuery
{
    /// <summary>Only events after this; null for all that are kept.</summary>
    [Id(0)] public DateTimeOffset? After { get; init; }

    /// <summary>Only events of this shard; null for all.</summary>
    [Id(1)] public int? Shard { get; init; }

    /// <summary>The newest so many; 1 to 4096.</summary>
    [Id(2)] public int Most { get; init; } = 256;

    /// <summary>Only events of these kinds; null for all.</summary>
    [Id(3)] public IReadOnlyList<EventKind>? Kinds { get; init; }
}

/// <summary>Events of all silos.</summary>
[GenerateSerializer, Immutable, Alias("Grid.EventPage")]
public sealed record EventPage
{
    /// <summary>The events, oldest first.</summary>
    [Id(0)] public required IReadOnlyList<ClusterEvent> Events { get; init; }

    /// <summary>Silos that did not answer in time: their events are missing.</summary>
    [Id(1)] public required IReadOnlyList<string> Silent { get; init; }
}
