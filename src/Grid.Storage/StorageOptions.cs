namespace Grid.Storage;

/// <summary>How a <see cref="ShardStore"/> behaves. The defaults suit nearly everything.</summary>
public sealed record StorageOptions
{
    /// <summary>
    /// Compaction starts when the free slots exceed one part in this many of the used ones. Default 8: the free
    /// slots settle at an eighth of the used ones. Range 2 to 64; larger saves memory and costs moves.
    /// </summary>
    public int FreeSlotsDivisor { get; init; } = 8;

    /// <summary>How often a lookup from another thread tries before it reports <see cref="SharedReadStatus.Busy"/>. Default 16; at least 1.</summary>
    public int SharedReadAttemptsMax { get; init; } = 16;

    /// <summary>Largest key in bytes that is accepted. Default and most 64 KiB.</summary>
    public int KeyBytesMax { get; init; } = StorageLimits.KeyBytesMax;

    /// <summary>Largest value in bytes that is accepted. Default and most 64 MiB.</summary>
    public int ValueBytesMax { get; init; } = StorageLimits.ValueBytesMax;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(FreeSlotsDivisor, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(FreeSlotsDivisor, 64);
        ArgumentOutOfRangeException.ThrowIfLessThan(SharedReadAttemptsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(KeyBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(KeyBytesMax, StorageLimits.KeyBytesMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(ValueBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ValueBytesMax, StorageLimits.ValueBytesMax);
    }
}

/// <summary>What the layout of a record can hold.</summary>
public static class StorageLimits
{
    /// <summary>Largest key in bytes: 64 KiB.</summary>
    public const int KeyBytesMax = 64 * 1024;

    /// <summary>Largest value in bytes: 64 MiB.</summary>
    public const int ValueBytesMax = 64 * 1024 * 1024;
}
