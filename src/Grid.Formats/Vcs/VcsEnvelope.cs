namespace Grid.Formats.Vcs;

/// <summary>The seven bytes that precede the LZ4 frame of a compressed payload.</summary>
/// <remarks>The layout is pictured in this project's README.</remarks>
internal static class VcsEnvelope
{
    /// <summary>The length of the envelope in bytes.</summary>
    public const int Length = 7;

    /// <summary>The one version there is.</summary>
    public const byte Version = 1;

    /// <summary>Codec 1; codec 2, Zstandard, is reserved.</summary>
    public const byte Lz4Codec = 1;

    /// <summary>The first three bytes, by which a compressed payload is told from a plain one.</summary>
    public static ReadOnlySpan<byte> Magic => "VCS"u8;

    /// <summary>Writes the envelope of an LZ4 payload.</summary>
    public static void Write(Span<byte> destination, VcsStreamKind kind)
    {
        Magic.CopyTo(destination);
        destination[3] = Version;
        destination[4] = Lz4Codec;
        destination[5] = 0;
        destination[6] = (byte)kind;
    }

    /// <summary>
    /// Says what is wrong with the byte at <paramref name="position"/> (3 to 6), or null if it is as expected.
    /// </summary>
    public static string? Check(int position, byte value, VcsStreamKind expectedKind) => position switch
    {
        3 when value != Version => $"envelope version {value} is not supported (supported: {Version})",
        4 when value != Lz4Codec => $"codec {value} is not supported (supported: {Lz4Codec} = LZ4)",
        5 when value != 0 => $"the reserved byte of the envelope is {value}, not 0",
        6 when value != (byte)expectedKind => $"stream kind {value} where {(byte)expectedKind} ({expectedKind}) was expected",
        _ => null,
    };
}
