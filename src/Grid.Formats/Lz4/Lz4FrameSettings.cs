using Grid.Formats.Vcs;

namespace Grid.Formats.Lz4;

/// <summary>
/// The choices that an LZ4 frame of ours leaves open. Blocks are always linked and of at most 64 KiB, and the header
/// never states the content's size. Immutable.
/// </summary>
/// <param name="BlockChecksum">Whether each block is followed by its xxHash32.</param>
/// <param name="ContentChecksum">Whether the frame ends with the xxHash32 of all its content.</param>
public sealed record Lz4FrameSettings(bool BlockChecksum, bool ContentChecksum)
{
    /// <summary>Snapshots: both checksums.</summary>
    public static Lz4FrameSettings Snapshot { get; } = new(BlockChecksum: true, ContentChecksum: true);

    /// <summary>Streams of commands: the frame never ends, so only the blocks have checksums.</summary>
    public static Lz4FrameSettings Commands { get; } = new(BlockChecksum: true, ContentChecksum: false);

    /// <summary>No checksum but the header's, for configurations that switch them off.</summary>
    public static Lz4FrameSettings WithoutChecksums { get; } = new(BlockChecksum: false, ContentChecksum: false);

    /// <summary>The preset for a kind of stream.</summary>
    public static Lz4FrameSettings For(VcsStreamKind kind, bool checksums = true) =>
        !checksums ? WithoutChecksums : kind == VcsStreamKind.Snapshot ? Snapshot : Commands;
}
