namespace Grid.Client;

/// <summary>When a set takes place.</summary>
public enum SetWhen
{
    /// <summary>Always.</summary>
    Always = 0,

    /// <summary>Only if there is no entry under the key.</summary>
    Absent = 1,

    /// <summary>Only if there is an entry under the key.</summary>
    Present = 2,

    /// <summary>Only if the entry under the key has <see cref="SetOptions.Version"/>.</summary>
    Version = 3,
}

/// <summary>How an entry is set. The default: always, with the keyspace's default time to live.</summary>
public readonly record struct SetOptions
{
    /// <summary>When the set takes place.</summary>
    public SetWhen When { get; init; }

    /// <summary>With <see cref="SetWhen.Version"/> the version that the entry must have, not 0; otherwise 0.</summary>
    public ulong Version { get; init; }

    /// <summary>Time to live of the entry: 1 ms to 100 years, rounded up to milliseconds; null for the keyspace's default.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>
    /// The moment at which the entry expires, after 1970, by the clock of the shard's primary; excludes <see cref="TimeToLive"/>. An
    /// entry written with a moment that has passed is gone at once.
    /// </summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>True to leave the entry the expiry that it has; excludes <see cref="TimeToLive"/> and <see cref="ExpiresAt"/>.</summary>
    public bool KeepTimeToLive { get; init; }

    /// <summary>Only if there is no entry under the key.</summary>
    public static SetOptions IfAbsent => new() { When = SetWhen.Absent };

    /// <summary>Only if there is an entry under the key.</summary>
    public static SetOptions IfPresent => new() { When = SetWhen.Present };

    /// <summary>Only if the entry has <paramref name="version"/>: compare-and-set.</summary>
    public static SetOptions IfVersion(ulong version) => new() { When = SetWhen.Version, Version = version };

    /// <summary>Always, with a time to live.</summary>
    public static SetOptions ExpireAfter(TimeSpan timeToLive) => new() { TimeToLive = timeToLive };

    /// <summary>Always, until a moment.</summary>
    public static SetOptions ExpireAt(DateTimeOffset moment) => new() { ExpiresAt = moment };
}

/// <summary>How a scan goes.</summary>
public readonly record struct ScanOptions
{
    /// <summary>The default of <see cref="PageEntries"/>.</summary>
    public const int PageEntriesDefault = 512;

    /// <summary>The default of <see cref="PageBytes"/>: 256 KiB.</summary>
    public const int PageBytesDefault = 256 * 1024;

    /// <summary>The bytes with which keys must begin; empty for all keys. A prefix with a whole <c>{tag}</c> is looked for in one shard only.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>True for keys and versions without values and expiries.</summary>
    public bool KeysOnly { get; init; }

    /// <summary>The most entries fetched at a time, 1 to 100,000; 0 for 512.</summary>
    public int PageEntries { get; init; }

    /// <summary>Bytes after which a page ends, 1 KiB to 16 MiB; 0 for 256 KiB. A larger entry still comes, in a page of its own.</summary>
    public int PageBytes { get; init; }
}
