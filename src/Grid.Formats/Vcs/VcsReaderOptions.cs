namespace Grid.Formats.Vcs;

/// <summary>How a <see cref="VcsFrameReader"/> reads. Immutable.</summary>
public sealed record VcsReaderOptions
{
    /// <summary>Plain payloads allowed, checksums verified, no output bound.</summary>
    public static VcsReaderOptions Default { get; } = new();

    /// <summary>
    /// The most bytes that a payload may decode to, 0 or more. What goes beyond is <see cref="VcsError.OutputLimit"/>.
    /// Default: no bound.
    /// </summary>
    public long OutputBytesMax { get; init; } = long.MaxValue;

    /// <summary>
    /// Whether block and content checksums, where the frame has them, are compared. The header's checksum always is, and so
    /// is the frame's structure. Default: true.
    /// </summary>
    public bool VerifyChecksums { get; init; } = true;

    /// <summary>Whether a payload without envelope passes through; otherwise it is <see cref="VcsError.Incompatible"/>. Default: true.</summary>
    public bool AllowPlaintext { get; init; } = true;
}
