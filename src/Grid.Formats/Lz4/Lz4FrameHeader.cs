using System.Buffers.Binary;
using System.IO.Hashing;

namespace Grid.Formats.Lz4;

/// <summary>The header of an LZ4 frame, after the LZ4 Frame Format Description 1.6.</summary>
internal readonly record struct Lz4FrameHeader(
    int BlockBytesMax, bool LinkedBlocks, bool BlockChecksum, bool ContentChecksum, ulong? ContentBytes)
{
    /// <summary>The bytes with which every frame begins.</summary>
    public const uint Magic = 0x184D2204;

    /// <summary>The length of the magic number in bytes.</summary>
    public const int MagicLength = 4;

    /// <summary>The length of the flag and block descriptor bytes.</summary>
    public const int FlagsLength = 2;

    /// <summary>The length of a header without content size.</summary>
    public const int ShortLength = MagicLength + FlagsLength + 1;

    /// <summary>The largest block that any frame may have.</summary>
    public const int LargestBlock = 4 << 20;

    /// <summary>The size of our own blocks.</summary>
    public const int OwnBlockBytes = 64 << 10;

    /// <summary>The bit of a block's size that marks a block stored as it is.</summary>
    public const uint StoredBit = 0x8000_0000;

    private const byte VersionMask = 0xC0, Version = 0x40;
    private const byte Independent = 0x20, BlockChecksumFlag = 0x10, ContentSizeFlag = 0x08, ContentChecksumFlag = 0x04;
    private const byte ReservedFlag = 0x02, DictionaryFlag = 0x01;

    /// <summary>The length of what follows the flag bytes: content size, if any, and the header's checksum.</summary>
    public static int TailLength(byte flags) => (flags & ContentSizeFlag) != 0 ? 9 : 1;

    /// <summary>Writes the header of a frame of ours, <see cref="ShortLength"/> bytes.</summary>
    public static void Write(Span<byte> destination, Lz4FrameSettings settings)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        destination[4] = (byte)(Version
            | (settings.BlockChecksum ? BlockChecksumFlag : 0)
            | (settings.ContentChecksum ? ContentChecksumFlag : 0));
        destination[5] = 4 << 4;
        destination[6] = Checksum(destination.Slice(MagicLength, FlagsLength));
    }

    /// <summary>Says what is wrong with the two flag bytes, or null.</summary>
    public static string? CheckFlags(ReadOnlySpan<byte> flags)
    {
        if ((flags[0] & VersionMask) != Version)
            return $"LZ4 frame version {flags[0] >> 6} is not supported";
        if ((flags[0] & ReservedFlag) != 0 || (flags[1] & 0x8F) != 0)
            return "a reserved bit of the LZ4 frame header is set";
        if ((flags[0] & DictionaryFlag) != 0)
            return "the LZ4 frame needs a dictionary";
        int blockSize = flags[1] >> 4;
        return blockSize is < 4 or > 7 ? $"LZ4 block size code {blockSize} is not defined" : null;
    }

    /// <summary>Reads a descriptor: flag bytes, then content size if any, then the checksum byte.</summary>
    /// <returns>False if the checksum differs.</returns>
    public static bool TryParse(ReadOnlySpan<byte> descriptor, out Lz4FrameHeader header)
    {
        byte flags = descriptor[0];
        header = new Lz4FrameHeader(
            BlockBytesMax: 1 << (8 + 2 * (descriptor[1] >> 4)),
            LinkedBlocks: (flags & Independent) == 0,
            BlockChecksum: (flags & BlockChecksumFlag) != 0,
            ContentChecksum: (flags & ContentChecksumFlag) != 0,
            ContentBytes: (flags & ContentSizeFlag) != 0 ? BinaryPrimitives.ReadUInt64LittleEndian(descriptor[2..]) : null);
        return descriptor[^1] == Checksum(descriptor[..^1]);
    }

    private static byte Checksum(ReadOnlySpan<byte> descriptor) => (byte)(XxHash32.HashToUInt32(descriptor) >> 8);
}
