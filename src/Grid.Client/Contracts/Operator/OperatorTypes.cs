using Grid.Formats.Buffers;

namespace Grid.Client.Contracts.Operator;

/// <summary>The cluster at one moment.</summary>
[GenerateSerializer, Immutable, Alias("Grid.ClusterStatus")]
public sealed record ClusterStatus
{
    /// <summary>Silos, by name.</summary>
    [Id(0)] public required IReadOnlyList<SiloStatus> Silos { get; init; }

    /// <summary>Shards, by number.</summary>
    [Id(1)] public required IReadOnlyList<ShardStatus> Shards { get; init; }

    /// <summary>Copies wanted beside the primary's.</summary>
    [Id(2)] public required int Replicas { get; init; }

    /// <summary>What the operator should know, most important first: what the settings do not guarantee, what is missing.</summary>
    [Id(3)] public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>What the rebalance is at; null while no silo leads one.</summary>
    [Id(4)] public RebalanceStatus? Rebalance { get; init; }
}

/// <summary>One silo.</summary>
[GenerateSerializer, Immutable, Alias("Grid.SiloStatus")]
public sealed record SiloStatus
{
    /// <summary>Its address with its generation: how copies name it.</summary>
    [Id(0)] public required string Address { get; init; }

    /// <summary>Its name from the configuration.</summary>
    [Id(1)] public required string Name { get; init; }

    /// <summary>What the membership says: Active, Joining, ShuttingDown, Dead ...</summary>
    [Id(2)] public required string State { get; init; }

    /// <summary>Bytes of data held, of all copies.</summary>
    [Id(3)] public long DataBytes { get; init; }

    /// <summary>Shards of which it is the primary.</summary>
    [Id(4)] public int Primaries { get; init; }

    /// <summary>Shards of which it holds a replica.</summary>
    [Id(5)] public int Replicas { get; init; }

    /// <summary>What fails together with it; empty where it names nothing.</summary>
    [Id(6)] public string Zone { get; init; } = "";

    /// <summary>Its share of copies and primaries, in proportion to the others'.</summary>
    [Id(7)] public int Weight { get; init; }

    /// <summary>True while it is to hold nothing: an operator said so, or it is about to stop.</summary>
    [Id(8)] public bool Draining { get; init; }
}

/// <summary>What the rebalance is at.</summary>
[GenerateSerializer, Immutable, Alias("Grid.RebalanceStatus")]
public sealed record RebalanceStatus
{
    /// <summary>The silo that leads it.</summary>
    [Id(0)] public required string Leader { get; init; }

    /// <summary>Settled, Moving, Waiting (the cluster has changed a moment ago) or Paused (Grid:Rebalance is false).</summary>
    [Id(1)] public required string State { get; init; }

    /// <summary>Shards that are being moved.</summary>
    [Id(2)] public int Moving { get; init; }

    /// <summary>Shards that are not where they are to be, those being moved included.</summary>
    [Id(3)] public int Left { get; init; }

    /// <summary>Shards that have been moved since it was last settled.</summary>
    [Id(4)] public int Done { get; init; }

    /// <summary>Bytes that have yet to be copied.</summary>
    [Id(5)] public long BytesLeft { get; init; }

    /// <summary>How long it will take at the pace so far, in milliseconds; null while that is not known.</summary>
    [Id(6)] public long? RemainingMs { get; init; }
}

/// <summary>One shard.</summary>
[GenerateSerializer, Immutable, Alias("Grid.ShardStatus")]
public sealed record ShardStatus
{
    /// <summary>Its number.</summary>
    [Id(0)] public required int Shard { get; init; }

    /// <summary>Present reign; 0 if there was none yet.</summary>
    [Id(1)] public long Epoch { get; init; }

    /// <summary>The primary's silo; null while the shard has none.</summary>
    [Id(2)] public string? Primary { get; init; }

    /// <summary>Newest mutation at the primary.</summary>
    [Id(3)] public long LogEnd { get; init; }

    /// <summary>Newest committed mutation.</summary>
    [Id(4)] public long Committed { get; init; }

    /// <summary>Silos of the in-sync set, the primary's included.</summary>
    [Id(5)] public IReadOnlyList<string> InSync { get; init; } = [];

    /// <summary>Every copy that a silo told of.</summary>
    [Id(6)] public IReadOnlyList<CopyStatus> Copies { get; init; } = [];

    /// <summary>Why the shard does not serve; null while it does.</summary>
    [Id(7)] public string? Problem { get; init; }

    /// <summary>The primary's links to its replicas.</summary>
    [Id(8)] public IReadOnlyList<LinkStatus> Links { get; init; } = [];

    /// <summary>What the last sync window decided, and why, in words: codec, base, transport; empty before the first of the present reign.</summary>
    [Id(9)] public string LastWindow { get; init; } = "";

    /// <summary>Silos whose replicas cannot keep up with the shard's writes.</summary>
    [Id(10)] public IReadOnlyList<string> Laggards { get; init; } = [];

    /// <summary>Silos that the primary was told to have replicas on; null while it chooses by itself.</summary>
    [Id(11)] public IReadOnlyList<string>? Wanted { get; init; }

    /// <summary>True when an operator has moved the primary where it is, and the rebalance leaves it there.</summary>
    [Id(12)] public bool Pinned { get; init; }

    /// <summary>The same as <see cref="LastWindow"/>, taken apart; null before the first. It stays when its sync is over.</summary>
    [Id(13)] public SyncWindowStatus? Window { get; init; }
}

/// <summary>What a sync window decided when it closed.</summary>
[GenerateSerializer, Immutable, Alias("Grid.SyncWindowStatus")]
public sealed record SyncWindowStatus
{
    /// <summary>How the snapshot travels, or travelled: lz4 or none.</summary>
    [Id(0)] public required string Codec { get; init; }

    /// <summary>Why: every_member_decodes, compression_off or member_cannot_decode, as in the counter <c>grid.replication.rounds</c>.</summary>
    [Id(1)] public required string Reason { get; init; }

    /// <summary>Silos that shared the snapshot when it began.</summary>
    [Id(2)] public IReadOnlyList<string> Members { get; init; } = [];

    /// <summary>Those of them that do not decode lz4: by their own setting, or since they are faulted.</summary>
    [Id(3)] public IReadOnlyList<string> CannotDecode { get; init; } = [];

    /// <summary>Silos that waited too and were left for the snapshot after it: by <c>Grid:MixedCohort</c> = Split, or beyond <c>Grid:MaxCohort</c>.</summary>
    [Id(4)] public IReadOnlyList<string> LeftForNext { get; init; } = [];
}

/// <summary>A primary's link to one replica.</summary>
[GenerateSerializer, Immutable, Alias("Grid.LinkStatus")]
public sealed record LinkStatus
{
    /// <summary>The replica's silo.</summary>
    [Id(0)] public required string Silo { get; init; }

    /// <summary>Leaving (the record still names its copy), Waiting (in the sync window), Syncing or Online.</summary>
    [Id(1)] public required string Phase { get; init; }

    /// <summary>True when its snapshot travels, or travelled, on a stream of its own.</summary>
    [Id(2)] public bool DualChannel { get; init; }

    /// <summary>How its mutations travel: plain or lz4.</summary>
    [Id(3)] public required string Codec { get; init; }

    /// <summary>Bytes of mutations that were compressed since the link began.</summary>
    [Id(4)] public long RawBytes { get; init; }

    /// <summary>Bytes that they became.</summary>
    [Id(5)] public long WireBytes { get; init; }

    /// <summary>True while compression pauses because the data proved incompressible.</summary>
    [Id(6)] public bool BackingOff { get; init; }

    /// <summary>Bytes of log that wait to be sent to it.</summary>
    [Id(7)] public long PinnedBytes { get; init; }

    /// <summary>How many may, before the link is ended.</summary>
    [Id(8)] public long PinBudgetBytes { get; init; }

    /// <summary>Bytes that the replica keeps until its load is done.</summary>
    [Id(9)] public long KeptBytes { get; init; }
}

/// <summary>One copy of a shard.</summary>
[GenerateSerializer, Immutable, Alias("Grid.CopyStatus")]
public sealed record CopyStatus
{
    /// <summary>The shard.</summary>
    [Id(0)] public required int Shard { get; init; }

    /// <summary>The silo that holds it.</summary>
    [Id(1)] public required string Silo { get; init; }

    /// <summary>First characters of the copy's id.</summary>
    [Id(2)] public required string CopyId { get; init; }

    /// <summary>True for the primary's copy.</summary>
    [Id(3)] public bool IsPrimary { get; init; }

    /// <summary>Empty, Loading or Complete.</summary>
    [Id(4)] public required string State { get; init; }

    /// <summary>Where a replica is: Detached, Attaching, Loading, Following; for a primary: Reigning.</summary>
    [Id(5)] public required string Phase { get; init; }

    /// <summary>Epoch of the newest mutation in its log.</summary>
    [Id(6)] public long Epoch { get; init; }

    /// <summary>Newest mutation in its log.</summary>
    [Id(7)] public long LogEnd { get; init; }

    /// <summary>Newest mutation applied to its data.</summary>
    [Id(8)] public long Applied { get; init; }

    /// <summary>Entries.</summary>
    [Id(9)] public long Entries { get; init; }

    /// <summary>Memory of the data, in bytes.</summary>
    [Id(10)] public long DataBytes { get; init; }

    /// <summary>Memory of the log, in bytes.</summary>
    [Id(11)] public long LogBytes { get; init; }

    /// <summary>Entries loaded so far, while a snapshot is coming in.</summary>
    [Id(12)] public long LoadedEntries { get; init; }

    /// <summary>Bytes of the snapshot so far as they travelled, while one is coming in.</summary>
    [Id(13)] public long LoadedWireBytes { get; init; }

    /// <summary>Bytes of the snapshot so far uncompressed, while one is coming in.</summary>
    [Id(14)] public long LoadedRawBytes { get; init; }

    /// <summary>
    /// True from the third damaged payload in a row on, also when the copy has come up in plaintext since: until nothing damaged has come for
    /// <c>Grid:FaultedMs</c>, or an operator has changed how payloads travel.
    /// </summary>
    [Id(15)] public bool Faulted { get; init; }

    /// <summary>What was wrong with the newest damaged payload; empty unless <see cref="Faulted"/>.</summary>
    [Id(16)] public string Fault { get; init; } = "";
}

/// <summary>Content digest of one copy.</summary>
[GenerateSerializer, Immutable, Alias("Grid.CopyDigest")]
public sealed record CopyDigest
{
    /// <summary>The shard.</summary>
    [Id(0)] public required int Shard { get; init; }

    /// <summary>The silo that holds the copy.</summary>
    [Id(1)] public required string Silo { get; init; }

    /// <summary>True for the primary's copy.</summary>
    [Id(2)] public bool IsPrimary { get; init; }

    /// <summary>Last mutation that the digest contains.</summary>
    [Id(3)] public long Offset { get; init; }

    /// <summary>Entries.</summary>
    [Id(4)] public long Entries { get; init; }

    /// <summary>Digest of keyspace, key, value, expiry and version of every entry, independent of their order.</summary>
    [Id(5)] public string Digest { get; init; } = "";

    /// <summary>Why there is no digest; null when there is one.</summary>
    [Id(6)] public string? Problem { get; init; }

    /// <summary>Digest of what the copy remembers of clients' operations, to answer repeated ones.</summary>
    [Id(7)] public string Sessions { get; init; } = "";
}

/// <summary>How an export began.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Silo">The silo that the data come from.</param>
/// <param name="IsPrimary">True when there was no replica to take them from.</param>
/// <param name="Entries">Entries at the beginning.</param>
[GenerateSerializer, Immutable, Alias("Grid.ExportStart")]
public sealed record ExportStart(int Shard, string Silo, bool IsPrimary, long Entries);

/// <summary>A page of an export: entries of one keyspace.</summary>
[GenerateSerializer, Immutable, Alias("Grid.ExportPage")]
public sealed record ExportPage
{
    /// <summary>The keyspace of all of the page's entries.</summary>
    [Id(0)] public string Keyspace { get; init; } = "";

    /// <summary>
    /// The entries, as <see cref="Formats.Operations.ScanPageReader"/> reads them; null when there are none. The caller
    /// ends it with <see cref="PooledBuffer.ReleaseReceived"/>.
    /// </summary>
    [Id(1)] public PooledBuffer? Entries { get; init; }

    /// <summary>True when this was the last page.</summary>
    [Id(2)] public bool Done { get; init; }
}
