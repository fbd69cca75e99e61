using CsCheck;
using Grid.Formats;
using Grid.Formats.Rdb;
using Xunit;

namespace Grid.Tests.Formats.Rdb;

public sealed class RdbPropertyTests
{
    [Fact]
    public void Any_split_of_a_file_gives_the_same_events() =>
        Gen.Select(Gen.Int, Gen.Int[1, 300]).Sample((seed, longest) =>
        {
            byte[] file = RandomFile(seed);
            return RdbEvents.Read(file).SequenceEqual(RdbEvents.Read(Samples.Cut(file, seed, longest)));
        }, seed: "0002fK8sLw3a", iter: 300);

    [Fact]
    public void Any_split_of_a_damaged_file_gives_the_same_events_and_the_same_error() =>
        Gen.Select(Gen.Int, Gen.Int[1, 300]).Sample((seed, longest) =>
        {
            byte[] file = Mutate(RandomFile(seed), seed);
            return RdbEvents.Read(file).SequenceEqual(RdbEvents.Read(Samples.Cut(file, seed, longest)));
        }, seed: "0003pB5tYz7c", iter: 600);

    [Fact]
    public void Mutated_and_truncated_files_give_only_declared_errors_in_bounded_memory()
    {
        RdbReaderOptions options = new() { ValueBytesMax = 1 << 20 };
        HashSet<string> seen = [];
        for (int i = 0; i < 6_000; i++)
        {
            byte[] file = Mutate(RandomFile(i % 50), i);
            long before = GC.GetAllocatedBytesForCurrentThread();
            seen.Add(ReadAll(file, options));
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < (1 << 20), $"Seed {i}: {allocated} bytes allocated for {file.Length} bytes.");
        }

        Assert.Equal(["ChecksumMismatch", "Corrupt", "TooLarge", "Truncated", "Unsupported", "none"], seen.Order(StringComparer.Ordinal));
    }

    private static string ReadAll(byte[] file, RdbReaderOptions options)
    {
        using RdbReader reader = new(new RdbIgnorer(), options);
        try
        {
            foreach (ReadOnlyMemory<byte> piece in Samples.CutEvery(file, 200))
                reader.Feed(piece.Span);
            reader.Complete();
            return "none";
        }
        catch (PayloadException e)
        {
            return ((RdbFormatException)e).Error.ToString();
        }
    }

    private static byte[] RandomFile(int seed)
    {
        Random random = new(seed);
        RdbBytes file = new(random.Next(3) == 0 ? "VALKEY080" : "REDIS0012");
        for (int i = random.Next(30); i >= 0; i--)
        {
            string key = $"key{random.Next(1000)}";
            switch (random.Next(12))
            {
                case 0:
                    file.Raw(0xFA).String(key).String("aux value");
                    break;
                case 1:
                    file.Raw(0xFE).Length((ulong)random.Next(100)).Raw(0xFB).Lengths(10, 5);
                    break;
                case 2:
                    file.Raw(0xFC).Raw(BitConverter.GetBytes(random.NextInt64())).Entry(key, "expires");
                    break;
                case 3:
                    file.Key(0, key).Raw(0xC2).Raw(BitConverter.GetBytes(random.Next()));
                    break;
                case 4:
                    file.Key(0, key).Raw(0xC3).Lengths(6, 14).Raw(1, (byte)'a', (byte)'b', 0xE0, 3, 1);
                    break;
                case 5:
                    file.Key(4, key).Length(2).String("f").String("v").String("g").Raw(0xC0, 1);
                    break;
                case 6:
                    file.Key(5, key).Length(2).String("a").Zeros(8).String("b").Zeros(8);
                    break;
                case 7:
                    file.Key(21, key).Length(1).String(new byte[16]).String("listpack").Lengths(1, 2, 3, 4, 5, 6, 7, 8)
                        .Length(1).String("group").Lengths(1, 2, 3).Length(1).Zeros(24).Length(1).Length(1).String("consumer").Zeros(16).Length(1).Zeros(16);
                    break;
                case 8:
                    file.Key(7, key).Length(0x1234567890ABCDEF).Lengths(1, 5).Length(5).String("text").Length(0);
                    break;
                default:
                    file.Key(0, key).String(Samples.RandomBytes(random.Next(2) == 0 ? random.Next(50) : random.Next(20_000), seed));
                    break;
            }
        }

        return file.End(checksum: random.Next(4) > 0);
    }

    private static byte[] Mutate(byte[] file, int seed)
    {
        Random random = new(seed);
        byte[] mutated = (byte[])file.Clone();
        for (int i = random.Next(3); i > 0; i--)
        {
            int at = random.Next(2) == 0 ? random.Next(Math.Min(100, mutated.Length)) : random.Next(mutated.Length);
            mutated[at] = random.Next(4) switch { 0 => (byte)random.Next(256), 1 => (byte)(mutated[at] ^ (1 << random.Next(8))), 2 => 0x81, _ => 0xFF };
        }

        return random.Next(4) == 0 ? mutated[..random.Next(mutated.Length)] : mutated;
    }
}
