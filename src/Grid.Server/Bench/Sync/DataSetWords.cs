using System.Globalization;
using System.Text;

namespace Grid.Server.Bench.Sync;

/// <summary>The words and names that the records of the data sets are made of, and how often each word comes: by Zipf's law.</summary>
internal static class DataSetWords
{
    public const int Words = 5000;
    public const int Authors = 20_000;

    private const int ShortWords = 60;
    private const ulong WordSeed = 0x10;
    private const ulong AuthorSeed = 0x11;
    private const int FinalConsonants = 18;

    private static readonly string[] Consonants = "b c d f g h j k l m n p r s t v w z st tr ch sh br pl".Split(' ');
    private static readonly string[] Vowels = "a e i o u ea ou ai".Split(' ');
    private static readonly byte[][] Vocabulary = [.. Enumerable.Range(0, Words).Select(word => Encoding.ASCII.GetBytes(Word(WordSeed, word, 1)))];
    private static readonly byte[][] Names = [.. Enumerable.Range(0, Authors).Select(author => Encoding.ASCII.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{Word(AuthorSeed, author, 2)}_{author % 1000}")))];

    private static readonly ulong[] Cumulated = Cumulate();

    public static ReadOnlySpan<byte> WordAt(int index) => Vocabulary[index];

    public static ReadOnlySpan<byte> AuthorAt(int index) => Names[index];

    /// <summary>A word: the k-th is drawn with a weight of 1 / (k + 1).</summary>
    public static ReadOnlySpan<byte> Draw(scoped ref DataSetRandom random)
    {
        ulong drawn = random.Next() % Cumulated[^1];
        int low = 0;
        int high = Words - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (Cumulated[middle] > drawn)
                high = middle;
            else
                low = middle + 1;
        }

        return Vocabulary[low];
    }

    private static string Word(ulong seed, int index, int syllablesMin)
    {
        DataSetRandom random = new(seed, index);
        StringBuilder word = new();
        int syllables = index < ShortWords ? syllablesMin : syllablesMin + random.Below(3);
        for (int i = 0; i < syllables; i++)
            word.Append(Consonants[random.Below(Consonants.Length)]).Append(Vowels[random.Below(Vowels.Length)]);
        if (random.Below(3) == 0)
            word.Append(Consonants[random.Below(FinalConsonants)]);
        return word.ToString();
    }

    private static ulong[] Cumulate()
    {
        ulong[] sums = new ulong[Words];
        ulong sum = 0;
        for (int i = 0; i < sums.Length; i++)
        {
            sum += (1UL << 32) / (ulong)(i + 1);
            sums[i] = sum;
        }

        return sums;
    }
}
