using Grid.Formats.Rdb;
using Grid.Formats.Vcs;

namespace Grid.Formats.Snapshots;

/// <summary>What a <see cref="SnapshotReader"/> takes. Immutable.</summary>
public sealed record SnapshotReaderOptions
{
    /// <summary>Keys up to 64 KiB, values up to 64 MiB, no bound on the whole, checksums verified.</summary>
    public static SnapshotReaderOptions Default { get; } = new();

    /// <summary>The longest uncompressed snapshot, in bytes, 0 or more. Default: no bound.</summary>
    public long RawBytesMax { get; init; } = long.MaxValue;

    /// <summary>The longest key, in bytes. Default: 64 KiB.</summary>
    public int KeyBytesMax { get; init; } = 64 << 10;

    /// <summary>The longest value or extra field, in bytes. Default: 64 MiB.</summary>
    public int ValueBytesMax { get; init; } = 64 << 20;

    /// <summary>Whether checksums are compared. Default: true.</summary>
    public bool VerifyChecksums { get; init; } = true;

    internal VcsReaderOptions ForFrame() => new() { OutputBytesMax = RawBytesMax, VerifyChecksums = VerifyChecksums };

    internal RdbReaderOptions ForRdb(VcsEncoding encoding) => new()
    {
        KeyBytesMax = KeyBytesMax,
        ValueBytesMax = ValueBytesMax,
        VerifyChecksum = VerifyChecksums && encoding == VcsEncoding.Plaintext,
    };
}
