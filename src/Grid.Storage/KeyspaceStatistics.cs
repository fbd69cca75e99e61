namespace Grid.Storage;

/// <summary>What a keyspace holds and what happened to it. Counters start at zero with the copy.</summary>
public readonly record struct KeyspaceStatistics
{
    /// <summary>Entries, those included whose expiry has passed but which have not been deleted yet.</summary>
    public long Entries { get; init; }

    /// <summary>Bytes of all keys.</summary>
    public long KeyBytes { get; init; }

    /// <summary>Bytes of all values.</summary>
    public long ValueBytes { get; init; }

    /// <summary>Entries that have an expiry.</summary>
    public long EntriesWithExpiry { get; init; }

    /// <summary>All memory that the keyspace holds: pages, index, large values, tables. Bytes.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Of <see cref="MemoryBytes"/>: pages of record slots.</summary>
    public long PageBytes { get; init; }

    /// <summary>Of <see cref="PageBytes"/>: slots that hold a record.</summary>
    public long UsedSlotBytes { get; init; }

    /// <summary>Of <see cref="MemoryBytes"/>: the index, its directory included.</summary>
    public long IndexBytes { get; init; }

    /// <summary>Of <see cref="MemoryBytes"/>: arrays of records too large for a slot.</summary>
    public long LargeBytes { get; init; }

    /// <summary>Lookups that found a visible entry.</summary>
    public long Hits { get; init; }

    /// <summary>Lookups that found none.</summary>
    public long Misses { get; init; }

    /// <summary>Deletions that were due to expiry.</summary>
    public long Expired { get; init; }

    /// <summary>Records moved by compaction.</summary>
    public long Moved { get; init; }
}
