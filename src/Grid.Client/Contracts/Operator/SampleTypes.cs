namespace Grid.Client.Contracts.Operator;

/// <summary>What a silo did and was in one second.</summary>
[GenerateSerializer, Immutable, Alias("Grid.SiloSample")]
public sealed record SiloSample
{
    /// <summary>The end of the second, by the silo's clock.</summary>
    [Id(0)] public required DateTimeOffset Time { get; init; }

    /// <summary>Operations that read, per second, at its primaries.</summary>
    [Id(1)] public double Reads { get; init; }

    /// <summary>Operations that write, per second.</summary>
    [Id(2)] public double Writes { get; init; }

    /// <summary>Operations that were refused or whose outcome is not known, per second.</summary>
    [Id(3)] public double Failed { get; init; }

    /// <summary>Half of the operations took no longer, from a batch's arrival to its reply, in microseconds; 0 without operations.</summary>
    [Id(4)] public double P50Us { get; init; }

    /// <summary>99% of the operations took no longer, in microseconds; 0 without operations.</summary>
    [Id(5)] public double P99Us { get; init; }

    /// <summary>Bytes of data of all copies.</summary>
    [Id(6)] public long DataBytes { get; init; }

    /// <summary>Memory of the process, in bytes.</summary>
    [Id(7)] public long ProcessBytes { get; init; }

    /// <summary>Processors in use: 1.5 is one and a half.</summary>
    [Id(8)] public double Processors { get; init; }

    /// <summary>Mutations that the replica farthest behind of its primaries has not acknowledged; those that load do not count.</summary>
    [Id(9)] public long LagMutations { get; init; }

    /// <summary>How old the state of its replica farthest behind may be, in milliseconds.</summary>
    [Id(10)] public double LagMs { get; init; }
}

/// <summary>A silo's samples.</summary>
[GenerateSerializer, Immutable, Alias("Grid.SiloSamples")]
public sealed record SiloSamples
{
    /// <summary>The silo.</summary>
    [Id(0)] public required string Silo { get; init; }

    /// <summary>Its samples, oldest first; empty when it did not answer in time.</summary>
    [Id(1)] public required IReadOnlyList<SiloSample> Samples { get; init; }

    /// <summary>False when it did not answer in time.</summary>
    [Id(2)] public required bool Answered { get; init; }

    /// <summary>Memory that its process may have, in bytes: of its container, or of the machine.</summary>
    [Id(3)] public long MemoryLimitBytes { get; init; }

    /// <summary>Its version.</summary>
    [Id(4)] public string Version { get; init; } = "";
}

/// <summary>What a keyspace holds, and what was done with it since the silos began.</summary>
[GenerateSerializer, Immutable, Alias("Grid.KeyspaceReport")]
public sealed record KeyspaceReport
{
    /// <summary>Its name.</summary>
    [Id(0)] public required string Name { get; init; }

    /// <summary>Entries, without replicas.</summary>
    [Id(1)] public long Entries { get; init; }

    /// <summary>Bytes of their keys and values.</summary>
    [Id(2)] public long DataBytes { get; init; }

    /// <summary>Memory that they take at primaries, in bytes.</summary>
    [Id(3)] public long MemoryBytes { get; init; }

    /// <summary>Memory that the replicas take, in bytes.</summary>
    [Id(4)] public long ReplicaMemoryBytes { get; init; }

    /// <summary>Operations that read.</summary>
    [Id(5)] public long Reads { get; init; }

    /// <summary>Operations that write.</summary>
    [Id(6)] public long Writes { get; init; }

    /// <summary>Reads by key that found an entry.</summary>
    [Id(7)] public long Hits { get; init; }

    /// <summary>Reads by key that found none.</summary>
    [Id(8)] public long Misses { get; init; }

    /// <summary>Entries that expired.</summary>
    [Id(9)] public long Expired { get; init; }

    /// <summary>Operations that were refused or whose outcome is not known.</summary>
    [Id(10)] public long Failed { get; init; }

    /// <summary>Where it is, shard by shard; only where one keyspace was asked for.</summary>
    [Id(11)] public IReadOnlyList<KeyspaceShare> Shares { get; init; } = [];
}

/// <summary>What the primary of one shard has of a keyspace.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Silo">The primary's silo.</param>
/// <param name="Entries">Entries.</param>
/// <param name="MemoryBytes">Memory that they take, in bytes.</param>
[GenerateSerializer, Immutable, Alias("Grid.KeyspaceShare")]
public sealed record KeyspaceShare([property: Id(0)] int Shard, [property: Id(1)] string Silo, [property: Id(2)] long Entries, [property: Id(3)] long MemoryBytes);

/// <summary>Keyspaces of the whole cluster.</summary>
[GenerateSerializer, Immutable, Alias("Grid.KeyspacePage")]
public sealed record KeyspacePage
{
    /// <summary>The keyspaces, by name.</summary>
    [Id(0)] public required IReadOnlyList<KeyspaceReport> Keyspaces { get; init; }

    /// <summary>Silos that did not answer in time: what they hold is missing.</summary>
    [Id(1)] public required IReadOnlyList<string> Silent { get; init; }
}
