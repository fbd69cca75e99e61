using Grid.Formats.Mutations;

namespace Grid.Formats.Snapshots;

/// <summary>What a snapshot is of. Immutable.</summary>
public sealed record SnapshotMetadata
{
    /// <summary>The edition of the snapshot's layout: 1 is the only one.</summary>
    public const int CurrentFormat = 1;

    /// <summary>The shard's number, 0 or more.</summary>
    public required int Shard { get; init; }

    /// <summary>The identity of the data's line of descent: positions of different lineages cannot be compared.</summary>
    public required string Lineage { get; init; }

    /// <summary>The last mutation that the snapshot contains.</summary>
    public required LogPosition BasePosition { get; init; }

    /// <summary>Where each epoch up to the base position began, ascending.</summary>
    public required IReadOnlyList<EpochStart> History { get; init; }
}

/// <summary>How much a snapshot holds.</summary>
/// <param name="Entries">The number of entries in all keyspaces.</param>
/// <param name="RawBytes">The length of the uncompressed RDB file in bytes, checksum included.</param>
public readonly record struct SnapshotTotals(long Entries, long RawBytes);

/// <summary>How a snapshot's RDB file travels.</summary>
public enum SnapshotCodec
{
    /// <summary>As it is.</summary>
    None,

    /// <summary>In a VCS frame.</summary>
    Lz4,
}
