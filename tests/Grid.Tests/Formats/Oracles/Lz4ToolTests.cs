using System.Buffers;
using System.IO.Hashing;
using Grid.Formats.Lz4;
using Grid.Formats.Vcs;
using Grid.Tests.Formats.Vcs;
using Xunit;

namespace Grid.Tests.Formats.Oracles;

public sealed class Lz4ToolTests
{
    private const int EnvelopeBytes = 7;

    public static TheoryData<string, int> Contents => new()
    {
        { "text", 0 },
        { "text", 1 },
        { "text", 65_535 },
        { "text", 65_536 },
        { "text", 65_537 },
        { "mixed", 3_000_000 },
        { "random", 1_000_000 },
        { "text, noise, text", 6_000_000 },
    };

    [Theory]
    [MemberData(nameof(Contents))]
    public async Task The_tool_decodes_our_frames_once_seven_bytes_are_cut_off(string kind, int length)
    {
        byte[] content = Content(kind, length);
        foreach (Lz4FrameSettings settings in new[] { Lz4FrameSettings.Snapshot, Lz4FrameSettings.Commands, Lz4FrameSettings.WithoutChecksums })
        {
            byte[] frame = VcsTesting.Frame(content, settings: settings);
            await AssertToolDecodes(content, frame);
        }
    }

    [Fact]
    public async Task The_tool_decodes_our_frames_that_were_flushed_in_between()
    {
        byte[] content = Samples.Mixed(1_000_000);
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Commands, Lz4FrameSettings.Commands);
        foreach (ReadOnlyMemory<byte> batch in Samples.Cut(content, seed: 9, longest: 3_000))
        {
            writer.Write(batch.Span);
            writer.Flush();
        }

        writer.Finish();
        await AssertToolDecodes(content, sink.WrittenSpan.ToArray());
    }

    public static TheoryData<string> Modes
    {
        get
        {
            TheoryData<string> modes = [];
            foreach (string size in new[] { "-B4", "-B5", "-B6", "-B7" })
            {
                foreach (string linked in new[] { "", " -BD" })
                {
                    foreach (string rest in new[] { "", " --no-frame-crc", " -BX", " --content-size", " -BX --no-frame-crc --content-size", " -9" })
                        modes.Add(size + linked + rest);
                }
            }

            return modes;
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task We_read_the_frames_of_the_tool_in_every_mode(string mode)
    {
        byte[] content = [.. Samples.Mixed(4_500_000), .. new byte[500_000]];
        byte[] frame = await Compress(content, mode);
        Assert.Equal(mode.Contains("-BX", StringComparison.Ordinal), (frame[VcsTesting.FlagsAt] & 0x10) != 0);
        Assert.Equal(mode.Contains("-BD", StringComparison.Ordinal), (frame[VcsTesting.FlagsAt] & 0x20) == 0);
        Assert.Equal(mode.Contains("--content-size", StringComparison.Ordinal), (frame[VcsTesting.FlagsAt] & 0x08) != 0);
        Assert.Equal(!mode.Contains("--no-frame-crc", StringComparison.Ordinal), (frame[VcsTesting.FlagsAt] & 0x04) != 0);
        Assert.Equal(mode[2] - '0', frame[VcsTesting.BlockSizeAt] >> 4);
        Assert.True(VcsTesting.Read(frame).Output.AsSpan().SequenceEqual(content));
        Assert.True(VcsTesting.Read(Samples.Cut(frame, seed: 4, longest: 100_000)).Output.AsSpan().SequenceEqual(content));
        Assert.Equal(VcsError.Truncated, VcsTesting.Read(frame[..^1]).Error);
    }

    [Theory]
    [InlineData("-B4")]
    [InlineData("-B7 -BD --content-size")]
    public async Task We_read_the_tools_frame_of_nothing(string mode) =>
        Assert.Empty(VcsTesting.Read(await Compress([], mode)).Output);

    [Fact]
    public async Task A_frame_that_announces_another_size_is_refused_by_both()
    {
        byte[] frame = await Compress(Samples.Text(100_000), "-B4 --content-size");
        frame[VcsTesting.BlockSizeAt + 1] ^= 1;
        Span<byte> descriptor = frame.AsSpan(VcsTesting.FlagsAt, 10);
        frame[VcsTesting.FlagsAt + 10] = (byte)(XxHash32.HashToUInt32(descriptor) >> 8);
        Assert.NotEqual(0, (await ExternalTool.RunAsync("lz4", frame[EnvelopeBytes..], "-d", "-c")).ExitCode);
        Assert.Equal(VcsError.Corrupt, VcsTesting.Read(frame).Error);
    }

    [Fact]
    public async Task We_accept_a_header_exactly_if_the_tool_does()
    {
        for (int flags = 0; flags < 256; flags++)
        {
            // Frames with dictionary are the exception: the tool passes over the dictionary's id, we refuse.
            if ((flags & 1) != 0)
                continue;
            await AssertSameVerdict(EmptyFrame((byte)flags, 0x40));
        }

        for (int blockSize = 0; blockSize < 256; blockSize += blockSize < 0x80 ? 8 : 16)
            await AssertSameVerdict(EmptyFrame(0x60, (byte)blockSize));
    }

    private static async Task AssertSameVerdict(byte[] payload)
    {
        ToolResult tool = await ExternalTool.RunAsync("lz4", payload[EnvelopeBytes..], "-d", "-c");
        VcsError? error = VcsTesting.Read(payload).Error;
        Assert.True((tool.ExitCode == 0) == (error is null), $"{Convert.ToHexString(payload)}: lz4 {tool.ExitCode} {tool.Errors}, we {error}");
    }

    private static byte[] EmptyFrame(byte flags, byte blockSize)
    {
        byte[] descriptor = (flags & 8) != 0 ? [flags, blockSize, .. new byte[8]] : [flags, blockSize];
        byte checksum = (byte)(XxHash32.HashToUInt32(descriptor) >> 8);
        byte[] contentChecksum = (flags & 4) != 0 ? [0x05, 0x5D, 0xCC, 0x02] : [];
        return [.. "VCS"u8, 1, 1, 0, 1, 0x04, 0x22, 0x4D, 0x18, .. descriptor, checksum, 0, 0, 0, 0, .. contentChecksum];
    }

    private static async Task AssertToolDecodes(byte[] content, byte[] frame)
    {
        ToolResult result = await ExternalTool.RunAsync("lz4", frame[EnvelopeBytes..], "-d", "-c");
        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.True(result.Output.AsSpan().SequenceEqual(content));
    }

    private static async Task<byte[]> Compress(byte[] content, string mode)
    {
        using TemporaryFolder folder = new();
        string file = folder.File("content");
        await File.WriteAllBytesAsync(file, content, TestContext.Current.CancellationToken);
        ToolResult result = await ExternalTool.RunAsync("lz4", [], [.. mode.Split(' '), "-q", "-c", file]);
        Assert.True(result.ExitCode == 0, result.Errors);
        return [.. "VCS"u8, 1, 1, 0, 1, .. result.Output];
    }

    private static byte[] Content(string kind, int length) => kind switch
    {
        "text" => Samples.Text(length),
        "random" => Samples.RandomBytes(length),
        "text, noise, text" => [.. Samples.Text(length / 6), .. Samples.RandomBytes(length / 2), .. Samples.Text(length / 3)],
        _ => Samples.Mixed(length),
    };
}
