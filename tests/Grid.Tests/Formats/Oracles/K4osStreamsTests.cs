using Grid.Formats.Lz4;
using Grid.Tests.Formats.Vcs;
using K4os.Compression.LZ4;
using K4os.Compression.LZ4.Streams;
using Xunit;

namespace Grid.Tests.Formats.Oracles;

public sealed class K4osStreamsTests
{
    public static TheoryData<int, bool, bool, bool> Modes
    {
        get
        {
            TheoryData<int, bool, bool, bool> modes = [];
            foreach (int blockSize in new[] { 64 << 10, 256 << 10, 1 << 20, 4 << 20 })
            {
                for (int flags = 0; flags < 8; flags++)
                    modes.Add(blockSize, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0);
            }

            return modes;
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void We_read_its_frames(int blockSize, bool linked, bool blockChecksum, bool contentChecksum)
    {
        byte[] content = Samples.Mixed(5_000_000);
        using MemoryStream stream = new();
        stream.Write([.. "VCS"u8, 1, 1, 0, 1]);
        LZ4EncoderSettings settings = new()
        {
            BlockSize = blockSize,
            ChainBlocks = linked,
            BlockChecksum = blockChecksum,
            ContentChecksum = contentChecksum,
            CompressionLevel = LZ4Level.L00_FAST,
        };
        using (LZ4EncoderStream encoder = LZ4Stream.Encode(stream, settings, leaveOpen: true))
            encoder.Write(content);
        Assert.True(VcsTesting.Read(Samples.Cut(stream.ToArray(), seed: 2, longest: 50_000)).Output.AsSpan().SequenceEqual(content));
    }

    [Fact]
    public void It_reads_our_frames()
    {
        byte[] content = Samples.Mixed(5_000_000);
        foreach (Lz4FrameSettings settings in new[] { Lz4FrameSettings.Snapshot, Lz4FrameSettings.Commands, Lz4FrameSettings.WithoutChecksums })
        {
            using MemoryStream frame = new(VcsTesting.Frame(content, settings: settings)[7..]);
            using LZ4DecoderStream decoder = LZ4Stream.Decode(frame);
            using MemoryStream output = new();
            decoder.CopyTo(output);
            Assert.True(output.ToArray().AsSpan().SequenceEqual(content));
        }
    }
}
