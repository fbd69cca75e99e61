namespace Grid.Formats.Rdb;

/// <summary>Decompresses LZF, the compression of strings inside RDB files (after the format of M. Lehmann's LibLZF).</summary>
internal static class Lzf
{
    /// <summary>The most bytes that one byte of input can stand for: three bytes make a match of 264.</summary>
    public const int LargestRatio = 88;

    private const int LiteralMax = 32;

    /// <summary>Decompresses all of <paramref name="source"/> into exactly the length of <paramref name="target"/>.</summary>
    /// <returns>False if the input is malformed or of another length.</returns>
    public static bool TryDecompress(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int from = 0, to = 0;
        while (from < source.Length)
        {
            int control = source[from++];
            if (control < LiteralMax)
            {
                int count = control + 1;
                if (count > source.Length - from || count > target.Length - to)
                    return false;
                source.Slice(from, count).CopyTo(target[to..]);
                from += count;
                to += count;
                continue;
            }

            int length = control >> 5;
            if (length == 7)
            {
                if (from == source.Length)
                    return false;
                length += source[from++];
            }

            length += 2;
            if (from == source.Length)
                return false;
            int start = to - (((control & 0x1F) << 8) | source[from++]) - 1;
            if (start < 0 || length > target.Length - to)
                return false;
            CopyMatch(target, start, to, length);
            to += length;
        }

        return to == target.Length;
    }

    // A match may overlap what it produces: then it repeats.
    private static void CopyMatch(Span<byte> target, int start, int to, int length)
    {
        if (start + length <= to)
        {
            target.Slice(start, length).CopyTo(target[to..]);
            return;
        }

        for (int i = 0; i < length; i++)
            target[to + i] = target[start + i];
    }
}
