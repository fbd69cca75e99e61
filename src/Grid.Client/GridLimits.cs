namespace Grid.Client;

/// <summary>What fits in the grid. All of it is checked before anything is sent.</summary>
public static class GridLimits
{
    /// <summary>The longest key, in bytes; the shortest has 1.</summary>
    public const int KeyBytesMax = 64 * 1024;

    /// <summary>The longest value, in bytes: 64 MiB; the shortest has 0.</summary>
    public const int ValueBytesMax = 64 * 1024 * 1024;

    /// <summary>The longest name of a keyspace, in characters; the shortest has 1.</summary>
    public const int KeyspaceNameLengthMax = 128;

    /// <summary>The longest time to live: 100 years of 365 days. The shortest is one millisecond.</summary>
    public static readonly TimeSpan TimeToLiveMax = TimeSpan.FromDays(36_500);

    /// <summary>The longest timeout of a call: one day. The shortest is one millisecond.</summary>
    public static readonly TimeSpan TimeoutMax = TimeSpan.FromDays(1);

    /// <summary>The most keys of one get-many, set-many or delete-many.</summary>
    public const int ManyKeysMax = 1_000_000;
}
