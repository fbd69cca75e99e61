namespace Grid.Formats.Snapshots;

/// <summary>
/// A group's versions as bytes: each is the difference to the one before it (to 0 for the first), zigzag-coded so that
/// small steps back are small too, in base 128, least significant group first.
/// </summary>
internal static class VersionPacking
{
    /// <summary>The most bytes that one version takes.</summary>
    public const int BytesMax = 10;

    /// <summary>Packs <paramref name="versions"/>; <paramref name="target"/> has <see cref="BytesMax"/> bytes for each.</summary>
    /// <returns>The number of bytes used.</returns>
    public static int Pack(ReadOnlySpan<ulong> versions, Span<byte> target)
    {
        int at = 0;
        ulong previous = 0;
        foreach (ulong version in versions)
        {
            long step = (long)(version - previous);
            previous = version;
            ulong rest = (ulong)(step << 1) ^ (ulong)(step >> 63);
            while (rest >= 0x80)
            {
                target[at++] = (byte)(rest | 0x80);
                rest >>= 7;
            }

            target[at++] = (byte)rest;
        }

        return at;
    }

    /// <summary>Unpacks into exactly the length of <paramref name="versions"/>.</summary>
    /// <returns>False if the bytes are malformed or hold another number of versions.</returns>
    public static bool TryUnpack(ReadOnlySpan<byte> packed, Span<ulong> versions)
    {
        int at = 0;
        ulong previous = 0;
        foreach (ref ulong version in versions)
        {
            ulong value = 0;
            for (int shift = 0; ; shift += 7)
            {
                if (at == packed.Length || shift > 63 || (shift == 63 && packed[at] > 1))
                    return false;
                value |= (ulong)(packed[at] & 0x7F) << shift;
                if (packed[at++] < 0x80)
                    break;
            }

            previous += (value >> 1) ^ (0 - (value & 1));
            version = previous;
        }

        return at == packed.Length;
    }
}
