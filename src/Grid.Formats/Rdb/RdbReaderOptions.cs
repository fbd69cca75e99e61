namespace Grid.Formats.Rdb;

/// <summary>What an <see cref="RdbReader"/> takes. Immutable.</summary>
public sealed record RdbReaderOptions
{
    /// <summary>Keys up to 64 KiB, values and AUX fields up to 64 MiB, checksum verified.</summary>
    public static RdbReaderOptions Default { get; } = new();

    /// <summary>The longest key, in bytes, 1 or more. Default: 64 KiB.</summary>
    public int KeyBytesMax { get; init; } = 64 << 10;

    /// <summary>The longest string value or AUX field, in bytes, 1 to 1 GiB. Skipped values have no bound. Default: 64 MiB.</summary>
    public int ValueBytesMax { get; init; } = 64 << 20;

    /// <summary>Whether the checksum at the end, where it is not zero, is compared. Default: true.</summary>
    public bool VerifyChecksum { get; init; } = true;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(KeyBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ValueBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(KeyBytesMax, 1 << 30);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ValueBytesMax, 1 << 30);
    }
}
