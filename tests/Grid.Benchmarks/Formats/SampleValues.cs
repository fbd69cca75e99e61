using System.Text;

namespace Grid.Benchmarks.Formats;

/// <summary>
/// Values like small JSON documents of a social network: about 310 bytes, words by Zipf's law, so that LZ4 finds in
/// them what it finds in real ones (a ratio of about 2). The same for the same seed.
/// </summary>
public static class SampleValues
{
    private const int Words = 5000;
    private static readonly string[] Syllables = "ba de gi lo mu na pe ri so tu va we stea bro chi pla shou tri".Split(' ');

    /// <summary>Makes <paramref name="count"/> values.</summary>
    public static byte[][] Documents(int count)
    {
        Random random = new(0x54);
        string[] words = [.. Enumerable.Range(0, Words).Select(i => Word(random, 1 + i / 100))];
        double[] cumulated = new double[Words];
        for (int i = 0; i < Words; i++)
            cumulated[i] = (i > 0 ? cumulated[i - 1] : 0) + 1.0 / (i + 1);
        return [.. Enumerable.Range(0, count).Select(i => Document(random, i, words, cumulated))];
    }

    /// <summary>Values of 310 bytes in which nothing repeats.</summary>
    public static byte[][] Noise(int count)
    {
        Random random = new(0x52);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            byte[] value = new byte[310];
            random.NextBytes(value);
            return value;
        })];
    }

    private static byte[] Document(Random random, int number, string[] words, double[] cumulated)
    {
        StringBuilder text = new();
        text.Append("{\"id\":").Append(1765000000000000000L + number * 4194304L + random.Next(4194304));
        int author = random.Next(20_000);
        text.Append(",\"author\":\"").Append(words[author % Words]).Append('_').Append(author % 1000);
        text.Append("\",\"authorId\":").Append(100_000L + author * 7919L).Append(",\"text\":\"");
        for (int i = 14 + random.Next(21); i > 0; i--)
        {
            int at = Array.BinarySearch(cumulated, random.NextDouble() * cumulated[^1]);
            text.Append(words[Math.Min(at < 0 ? ~at : at, Words - 1)]).Append(' ');
        }

        text.Append("\",\"lang\":\"en\",\"likes\":").Append(random.Next(1000)).Append(",\"retweets\":").Append(random.Next(300));
        text.Append(",\"createdAt\":\"2026-03-01T12:00:").Append(number % 60).Append("Z\",\"source\":\"mobile\"}");
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    private static string Word(Random random, int longest)
    {
        StringBuilder word = new();
        for (int i = 1 + random.Next(Math.Min(longest, 3)); i > 0; i--)
            word.Append(Syllables[random.Next(Syllables.Length)]);
        return word.ToString();
    }
}
