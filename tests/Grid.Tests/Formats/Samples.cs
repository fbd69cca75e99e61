using System.Text;

namespace Grid.Tests.Formats;

/// <summary>Contents to encode: the same bytes for the same seed, on every machine.</summary>
internal static class Samples
{
    /// <summary>Text that compresses to about half, with repetitions near and far.</summary>
    public static byte[] Text(int length, int seed = 1)
    {
        Random random = new(seed);
        string[] words = [.. Enumerable.Range(0, 500).Select(_ => Convert.ToHexString(RandomBytes(1 + random.Next(5), random.Next())))];
        StringBuilder text = new(length + 64);
        while (text.Length < length)
            text.Append("{\"id\":").Append(random.Next()).Append(",\"text\":\"").Append(words[random.Next(500)]).Append(' ').Append(words[random.Next(500)]).Append("\"}");
        return Encoding.ASCII.GetBytes(text.ToString(0, length));
    }

    /// <summary>Bytes that no codec makes smaller.</summary>
    public static byte[] RandomBytes(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Text with incompressible stretches in it.</summary>
    public static byte[] Mixed(int length, int seed = 1)
    {
        byte[] bytes = Text(length, seed);
        Random random = new(seed);
        for (int i = 0; i < length / 50_000; i++)
        {
            int at = random.Next(length);
            random.NextBytes(bytes.AsSpan(at, Math.Min(20_000, length - at)));
        }

        return bytes;
    }

    /// <summary>Cuts <paramref name="bytes"/> into pieces of random lengths from 0 to <paramref name="longest"/>.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Cut(byte[] bytes, int seed, int longest)
    {
        Random random = new(seed);
        for (int at = 0; at < bytes.Length;)
        {
            int length = Math.Min(random.Next(longest + 1), bytes.Length - at);
            yield return bytes.AsMemory(at, length);
            at += length;
        }
    }

    /// <summary>Cuts <paramref name="bytes"/> into pieces of one length.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> CutEvery(byte[] bytes, int length) =>
        bytes.Chunk(length).Select(piece => new ReadOnlyMemory<byte>(piece));
}
