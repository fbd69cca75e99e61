namespace Grid.Storage;

/// <summary>An entry as it lies in memory: no copy was made.</summary>
/// <remarks>Valid until the next mutation of the same <see cref="ShardStore"/>; use it on the writer's thread only.</remarks>
public readonly ref struct EntryView
{
    internal EntryView(ReadOnlySpan<byte> value, ulong version, long expiryUnixMs)
    {
        Value = value;
        Version = version;
        ExpiryUnixMs = expiryUnixMs;
    }

    /// <summary>The value's bytes, always contiguous.</summary>
    public ReadOnlySpan<byte> Value { get; }

    /// <summary>The version given by the mutation that last wrote the entry.</summary>
    public ulong Version { get; }

    /// <summary>Unix milliseconds from which on the entry is invisible; 0 = never.</summary>
    public long ExpiryUnixMs { get; }

    /// <summary>Whether the entry is invisible at <paramref name="nowMs"/> (Unix milliseconds).</summary>
    public bool IsExpiredAt(long nowMs) => ExpiryUnixMs != 0 && ExpiryUnixMs <= nowMs;
}

/// <summary>What a lookup found.</summary>
public enum EntryState
{
    /// <summary>There is no such entry.</summary>
    Missing,

    /// <summary>There is one, and it is visible.</summary>
    Live,

    /// <summary>There is one whose expiry has passed: readers do not see it, its owner is to delete it.</summary>
    Expired,
}

/// <summary>What a lookup from another thread than the writer's found.</summary>
public enum SharedReadStatus
{
    /// <summary>There is no such visible entry.</summary>
    NotFound,

    /// <summary>The value has been copied out.</summary>
    Found,

    /// <summary>The writer was in the way every time: ask on the writer's thread.</summary>
    Busy,
}

/// <summary>An entry made by <see cref="Keyspace.Load"/> whose version is still to come.</summary>
/// <remarks>Valid until the next mutation of the keyspace other than <see cref="Keyspace.Load"/> and <see cref="Keyspace.SetVersion"/>.</remarks>
public readonly record struct EntryHandle
{
    internal EntryHandle(ulong address) => Address = address;

    internal ulong Address { get; }
}
