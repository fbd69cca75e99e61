using CsCheck;
using Grid.Formats;
using Grid.Formats.Lz4;
using Grid.Formats.Vcs;
using Xunit;

namespace Grid.Tests.Formats.Vcs;

public sealed class VcsPropertyTests
{
    private static readonly Gen<byte[]> Contents = Gen.Select(Gen.Int[0, 200_000], Gen.Int, Gen.Int[0, 2])
        .Select((length, seed, kind) => kind switch
        {
            0 => Samples.Text(length, seed),
            1 => Samples.RandomBytes(length, seed),
            _ => Samples.Mixed(length, seed),
        });

    private static readonly Gen<Lz4FrameSettings> Settings = Gen.Select(Gen.Bool, Gen.Bool).Select((block, content) => new Lz4FrameSettings(block, content));

    [Fact]
    public void Any_split_of_a_frame_gives_the_same_output() =>
        Gen.Select(Contents, Settings, Gen.Int, Gen.Int[0, 4].Select(i => new[] { 1, 7, 100, 5_000, 100_000 }[i])).Sample((content, settings, seed, longest) =>
        {
            byte[] frame = VcsTesting.Frame(content, settings: settings);
            VcsOutcome outcome = VcsTesting.Read(Samples.Cut(frame, seed, longest));
            return outcome.Error is null && outcome.Output.AsSpan().SequenceEqual(content);
        }, seed: "0000KfH7ZkQ1", iter: 150);

    [Fact]
    public void Any_split_of_any_bytes_gives_the_same_output_and_the_same_error() =>
        Gen.Select(Contents, Settings, Gen.Int, Gen.Int[0, 40]).Sample((content, settings, seed, longest) =>
        {
            byte[] payload = Mutate(VcsTesting.Frame(content, settings: settings), seed);
            VcsOutcome whole = VcsTesting.Read(payload);
            VcsOutcome cut = VcsTesting.Read(Samples.Cut(payload, seed, longest + 1));
            return whole.Error == cut.Error && whole.Output.AsSpan().SequenceEqual(cut.Output) && whole.Encoding == cut.Encoding;
        }, seed: "0001Tn3rPq92", iter: 150);

    [Fact]
    public void Mutated_and_truncated_frames_give_only_declared_errors_in_bounded_memory()
    {
        byte[][] frames =
        [
            VcsTesting.Frame(Samples.Text(3_000)),
            VcsTesting.Frame(Samples.Mixed(180_000), settings: Lz4FrameSettings.WithoutChecksums),
            VcsTesting.Frame(Samples.RandomBytes(70_000), settings: Lz4FrameSettings.WithoutChecksums),
            VcsTesting.Frame(new byte[500_000], settings: Lz4FrameSettings.WithoutChecksums),
        ];
        VcsReaderOptions options = new() { OutputBytesMax = 1 << 20 };
        HashSet<VcsError?> seen = [];
        for (int i = 0; i < 4_000; i++)
        {
            byte[] payload = Mutate(frames[i % frames.Length], i);
            long before = GC.GetAllocatedBytesForCurrentThread();
            seen.Add(ReadAll(payload, options));
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < (16 << 20), $"Seed {i}: {allocated} bytes allocated for {payload.Length} bytes.");
        }

        Assert.Equal([null, VcsError.Incompatible, VcsError.Corrupt, VcsError.Truncated], seen.Order());
    }

    private static VcsError? ReadAll(byte[] payload, VcsReaderOptions options)
    {
        using VcsFrameReader reader = new(VcsStreamKind.Snapshot, options);
        try
        {
            ReadOnlySpan<byte> input = payload;
            while (reader.Read(ref input, out _) == VcsReadStatus.Produced)
            {
            }

            reader.ValidateEnd(input);
            return null;
        }
        catch (PayloadException e)
        {
            return ((VcsFormatException)e).Error;
        }
    }

    private static byte[] Mutate(byte[] payload, int seed)
    {
        Random random = new(seed);
        byte[] mutated = (byte[])payload.Clone();
        for (int i = random.Next(3); i >= 0; i--)
        {
            int at = random.Next(2) == 0 ? random.Next(Math.Min(40, mutated.Length)) : random.Next(mutated.Length);
            mutated[at] = random.Next(3) switch { 0 => (byte)random.Next(256), 1 => (byte)(mutated[at] ^ (1 << random.Next(8))), _ => 0xFF };
        }

        return random.Next(3) == 0 ? mutated[..random.Next(mutated.Length)] : mutated;
    }
}
