using System.Text;
using Grid.Formats;
using Grid.Formats.Lz4;
using Grid.Formats.Vcs;
using Xunit;

namespace Grid.Tests.Formats.Vcs;

public sealed class VcsFrameReaderTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Every_cut_of_the_envelope_is_incompatible(int length) =>
        Assert.Equal(VcsError.Incompatible, VcsTesting.Read(VcsTesting.Frame("content"u8)[..length]).Error);

    [Fact]
    public void Every_cut_of_the_frame_is_truncated()
    {
        byte[] frame = VcsTesting.Frame(Samples.Mixed(200_000));
        int[] cuts = [.. Enumerable.Range(7, 40), 1000, 50_000, frame.Length - 9, frame.Length - 8, frame.Length - 5, frame.Length - 4, frame.Length - 1];
        foreach (int cut in cuts)
            Assert.Equal(VcsError.Truncated, VcsTesting.Read(frame[..cut]).Error);
    }

    [Fact]
    public void Every_byte_of_the_envelope_mutated_is_told_apart()
    {
        byte[] frame = VcsTesting.Frame("content"u8);
        for (int at = 0; at < 7; at++)
        {
            for (int value = 0; value < 256; value++)
            {
                if (value == frame[at])
                    continue;
                byte[] mutated = (byte[])frame.Clone();
                mutated[at] = (byte)value;
                VcsOutcome outcome = VcsTesting.Read(mutated);
                if (at < 3)
                {
                    Assert.Equal(VcsEncoding.Plaintext, outcome.Encoding);
                    Assert.Equal(mutated, outcome.Output);
                }
                else
                {
                    Assert.Equal(VcsError.Incompatible, outcome.Error);
                }
            }
        }
    }

    [Fact]
    public void An_unknown_codec_is_incompatible_and_named()
    {
        byte[] frame = VcsTesting.Frame("content"u8);
        frame[4] = 2;
        VcsFormatException e = ThrowsReading(frame);
        Assert.Equal(VcsError.Incompatible, e.Error);
        Assert.Equal(PayloadFault.Incompatible, e.Fault);
        Assert.Contains("codec 2 is not supported", e.Message, StringComparison.Ordinal);
        Assert.Equal(4, e.Offset);
    }

    [Fact]
    public void The_other_kind_of_stream_is_incompatible() =>
        Assert.Equal(VcsError.Incompatible, VcsTesting.Read(VcsTesting.Frame("content"u8), kind: VcsStreamKind.Commands).Error);

    [Theory]
    [InlineData("")]
    [InlineData("X")]
    [InlineData("VXYZ")]
    [InlineData("VCXYZ")]
    [InlineData("VVCS")]
    [InlineData("VALKEY080")]
    [InlineData("REDIS0010 and more")]
    public void Plaintext_passes_byte_for_byte_whatever_it_begins_with(string text)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        Assert.Equal(bytes, VcsTesting.Read(bytes).Output);
        Assert.Equal(bytes, VcsTesting.Read(Samples.CutEvery(bytes, 1)).Output);
    }

    [Fact]
    public void Plaintext_is_not_copied()
    {
        byte[] bytes = Samples.Text(1000);
        using VcsFrameReader reader = new(VcsStreamKind.Snapshot);
        ReadOnlySpan<byte> input = bytes;
        Assert.Equal(VcsReadStatus.Produced, reader.Read(ref input, out ReadOnlySpan<byte> produced));
        Assert.True(produced == bytes.AsSpan());
        Assert.True(input.IsEmpty);
    }

    [Fact]
    public void Plaintext_where_only_a_frame_is_allowed_is_incompatible()
    {
        VcsReaderOptions options = new() { AllowPlaintext = false };
        Assert.Equal(VcsError.Incompatible, VcsTesting.Read("plain"u8.ToArray(), options).Error);
        Assert.Equal(VcsError.Incompatible, VcsTesting.Read("VCX"u8.ToArray(), options).Error);
        Assert.Equal(VcsError.Truncated, VcsTesting.Read(Array.Empty<byte>(), options).Error);
    }

    [Fact]
    public void A_corrupt_byte_anywhere_in_the_frame_is_found()
    {
        byte[] content = Samples.Text(150_000);
        byte[] frame = VcsTesting.Frame(content);
        for (int at = 7; at < frame.Length; at += at < 200 ? 1 : 977)
        {
            byte[] mutated = (byte[])frame.Clone();
            mutated[at] ^= 0x40;
            VcsOutcome outcome = VcsTesting.Read(mutated);
            Assert.True(outcome.Error is VcsError.Corrupt or VcsError.Truncated, $"byte {at}: {outcome.Error}");
            Assert.True(content.AsSpan().StartsWith(outcome.Output));
        }
    }

    [Fact]
    public void Corruption_in_mid_frame_gives_the_output_before_it_and_then_the_error()
    {
        byte[] content = Samples.Text(150_000);
        byte[] frame = VcsTesting.Frame(content);
        frame[VcsTesting.FirstBlockAt + 4 + VcsTesting.Blocks(frame)[0].Length + 4 + 4 + 100] ^= 1;
        VcsOutcome outcome = VcsTesting.Read(frame);
        Assert.Equal(VcsError.Corrupt, outcome.Error);
        Assert.Equal(content[..65_536], outcome.Output);
    }

    [Fact]
    public void A_corrupt_footer_is_found_when_all_content_is_out()
    {
        byte[] content = Samples.Text(150_000);
        byte[] frame = VcsTesting.Frame(content);
        frame[^1] ^= 1;
        VcsOutcome outcome = VcsTesting.Read(frame);
        Assert.Equal(VcsError.Corrupt, outcome.Error);
        Assert.Equal(content, outcome.Output);
    }

    [Fact]
    public void Skipping_checksums_skips_only_them_and_truncation_stays_an_error()
    {
        VcsReaderOptions lenient = new() { VerifyChecksums = false };
        byte[] frame = VcsTesting.Frame(Samples.RandomBytes(1000));
        byte[] wrongContentChecksum = (byte[])frame.Clone();
        wrongContentChecksum[^1] ^= 1;
        byte[] wrongBlockChecksum = (byte[])frame.Clone();
        wrongBlockChecksum[VcsTesting.FirstBlockAt + 4 + 10] ^= 1;
        byte[] wrongHeaderChecksum = (byte[])frame.Clone();
        wrongHeaderChecksum[VcsTesting.HeaderChecksumAt] ^= 1;
        Assert.Null(VcsTesting.Read(wrongContentChecksum, lenient).Error);
        Assert.Null(VcsTesting.Read(wrongBlockChecksum, lenient).Error);
        Assert.Equal(VcsError.Corrupt, VcsTesting.Read(wrongHeaderChecksum, lenient).Error);
        Assert.Equal(VcsError.Truncated, VcsTesting.Read(frame[..^1], lenient).Error);
        Assert.Equal(VcsError.Truncated, VcsTesting.Read(frame[..^6], lenient).Error);
    }

    [Theory]
    [InlineData(VcsTesting.FlagsAt, 0x56, "reserved bit")]
    [InlineData(VcsTesting.FlagsAt, 0x55, "dictionary")]
    [InlineData(VcsTesting.FlagsAt, 0x94, "version 2")]
    [InlineData(VcsTesting.BlockSizeAt, 0x41, "reserved bit")]
    [InlineData(VcsTesting.BlockSizeAt, 0xC0, "reserved bit")]
    [InlineData(VcsTesting.BlockSizeAt, 0x30, "block size code 3")]
    public void Headers_that_the_format_does_not_allow_are_corrupt(int at, byte value, string expected)
    {
        byte[] frame = VcsTesting.Frame("content"u8);
        frame[at] = value;
        frame[VcsTesting.HeaderChecksumAt] = (byte)(System.IO.Hashing.XxHash32.HashToUInt32(frame.AsSpan(VcsTesting.FlagsAt, 2)) >> 8);
        VcsFormatException e = ThrowsReading(frame);
        Assert.Equal(VcsError.Corrupt, e.Error);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_block_larger_than_the_header_allows_is_corrupt()
    {
        byte[] frame = VcsTesting.Frame("content"u8);
        BitConverter.TryWriteBytes(frame.AsSpan(VcsTesting.FirstBlockAt), 65_537u);
        Assert.Equal(VcsError.Corrupt, VcsTesting.Read(frame).Error);
    }

    [Fact]
    public void A_block_that_decodes_to_more_than_the_header_allows_is_corrupt()
    {
        byte[] decoded = new byte[65_537];
        byte[] block = new byte[1000];
        int length = K4os.Compression.LZ4.LZ4Codec.Encode(decoded, block);
        byte[] frame = [.. VcsTesting.Frame([], settings: Lz4FrameSettings.WithoutChecksums)[..14], .. BitConverter.GetBytes(length), .. block[..length], 0, 0, 0, 0];
        Assert.Equal(VcsError.Corrupt, VcsTesting.Read(frame).Error);
    }

    [Fact]
    public void A_match_that_reaches_before_the_frame_is_corrupt()
    {
        // Token: one literal, match of 4; literal 'a'; offset 2.
        byte[] block = [0x10, (byte)'a', 2, 0, 0x50, 1, 2, 3, 4, 5];
        byte[] frame = [.. VcsTesting.Frame([], settings: Lz4FrameSettings.WithoutChecksums)[..14], (byte)block.Length, 0, 0, 0, .. block, 0, 0, 0, 0];
        Assert.Equal(VcsError.Corrupt, VcsTesting.Read(frame).Error);
    }

    [Fact]
    public void Bytes_after_the_frame_are_left_alone_and_only_the_strict_check_minds_them()
    {
        byte[] content = Samples.Text(100_000);
        byte[] payload = [.. VcsTesting.Frame(content), .. "$EOF:0123456789"u8];
        VcsOutcome framed = VcsTesting.Read([payload.AsMemory()], nothingMayFollow: false);
        Assert.Null(framed.Error);
        Assert.Equal(content, framed.Output);
        Assert.Equal(15, framed.BytesLeft);
        Assert.Equal(VcsError.Corrupt, VcsTesting.Read(payload).Error);
        Assert.Null(VcsTesting.Read(payload[..^15]).Error);
    }

    [Theory]
    [InlineData(0, VcsError.OutputLimit, 0)]
    [InlineData(65_535, VcsError.OutputLimit, 0)]
    [InlineData(65_536, VcsError.OutputLimit, 65_536)]
    [InlineData(99_999, VcsError.OutputLimit, 65_536)]
    [InlineData(100_000, null, 100_000)]
    public void The_output_bound_of_a_frame_cannot_be_passed(long bound, VcsError? error, int produced)
    {
        VcsOutcome outcome = VcsTesting.Read(VcsTesting.Frame(Samples.Text(100_000)), new VcsReaderOptions { OutputBytesMax = bound });
        Assert.Equal(error, outcome.Error);
        Assert.Equal(produced, outcome.Output.Length);
    }

    [Theory]
    [InlineData(0, VcsError.OutputLimit, 0)]
    [InlineData(999, VcsError.OutputLimit, 999)]
    [InlineData(1000, null, 1000)]
    public void The_output_bound_of_plaintext_cannot_be_passed(long bound, VcsError? error, int produced)
    {
        byte[] text = Samples.Text(1000);
        VcsReaderOptions options = new() { OutputBytesMax = bound };
        foreach (int piece in new[] { 1, 17, 1000 })
        {
            VcsOutcome outcome = VcsTesting.Read(Samples.CutEvery(text, piece), options);
            Assert.Equal(error, outcome.Error);
            Assert.Equal(produced, outcome.Output.Length);
        }

        Assert.Equal(VcsError.OutputLimit, VcsTesting.Read("VCX"u8.ToArray(), new VcsReaderOptions { OutputBytesMax = 1 }).Error);
    }

    [Fact]
    public void Reads_of_zero_bytes_do_nothing()
    {
        byte[] content = Samples.Text(1000);
        byte[] frame = VcsTesting.Frame(content);
        ReadOnlyMemory<byte> nothing = default;
        Assert.Equal(content, VcsTesting.Read([nothing, frame.AsMemory(0, 3), nothing, frame.AsMemory(3, 30), nothing, nothing, frame.AsMemory(33), nothing]).Output);
    }

    [Fact]
    public void Oversized_reads_of_many_blocks_at_once_give_the_same()
    {
        byte[] content = Samples.Mixed((5 << 20) + 3);
        byte[] frame = VcsTesting.Frame(content);
        Assert.Equal(content, VcsTesting.Read(frame).Output);
        Assert.Equal(content, VcsTesting.Read([frame.AsMemory(0, 5), frame.AsMemory(5)]).Output);
    }

    [Fact]
    public void Reads_of_seventeen_bytes_give_the_same()
    {
        byte[] content = Samples.Mixed(300_000);
        Assert.Equal(content, VcsTesting.Read(Samples.CutEvery(VcsTesting.Frame(content), 17)).Output);
    }

    [Fact]
    public void A_live_stream_gives_everything_that_was_flushed_without_waiting_for_more()
    {
        System.Buffers.ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Commands, Lz4FrameSettings.Commands);
        byte[] content = Samples.Text(300_000);
        writer.Write(content);
        writer.Flush();
        using VcsFrameReader reader = new(VcsStreamKind.Commands);
        ReadOnlySpan<byte> input = sink.WrittenSpan;
        int blocks = 0;
        while (reader.Read(ref input, out ReadOnlySpan<byte> produced) == VcsReadStatus.Produced)
        {
            Assert.InRange(produced.Length, 1, 65_536);
            blocks++;
        }

        Assert.Equal(5, blocks);
        Assert.Equal(content.Length, reader.BytesProduced);
        Assert.Equal(sink.WrittenCount, reader.BytesConsumed);
        Assert.Equal(VcsError.Truncated, Assert.Throws<VcsFormatException>(reader.ValidateFrameEnd).Error);
    }

    [Fact]
    public void A_hostile_header_does_not_make_the_reader_allocate()
    {
        // 4 MiB blocks announced, and a block of that size, of which nothing comes.
        byte[] header = VcsTesting.Frame([], settings: Lz4FrameSettings.WithoutChecksums)[..14];
        header[VcsTesting.BlockSizeAt] = 0x70;
        header[VcsTesting.HeaderChecksumAt] = (byte)(System.IO.Hashing.XxHash32.HashToUInt32(header.AsSpan(VcsTesting.FlagsAt, 2)) >> 8);
        byte[] payload = [.. header, 0, 0, 0x40, 0, 1, 2, 3];
        VcsTesting.Read(payload);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(VcsError.Truncated, VcsTesting.Read(payload).Error);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
    }

    [Fact]
    public void Reading_allocates_nothing_once_warm()
    {
        System.Buffers.ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Commands, Lz4FrameSettings.Commands);
        writer.Write(Samples.Mixed(4 << 20));
        writer.Flush();
        using VcsFrameReader reader = new(VcsStreamKind.Commands);

        // In pieces smaller than a block, so that blocks have been put together before it counts.
        const int pieceBytes = 10_000;
        for (int at = 0; at < 1 << 20; at += pieceBytes)
        {
            ReadOnlySpan<byte> warm = sink.WrittenSpan[at..Math.Min(at + pieceBytes, 1 << 20)];
            while (reader.Read(ref warm, out _) == VcsReadStatus.Produced)
            {
            }
        }

        int from = 1 << 20, part = (sink.WrittenCount - from) / 8;
        Assert.Equal(0, Allocations.Least(() =>
        {
            ReadOnlySpan<byte> rest = sink.WrittenSpan.Slice(from, part);
            while (reader.Read(ref rest, out _) == VcsReadStatus.Produced)
            {
            }

            from += part;
        }));
    }

    private static VcsFormatException ThrowsReading(byte[] payload) => Assert.Throws<VcsFormatException>(() =>
    {
        using VcsFrameReader reader = new(VcsStreamKind.Snapshot);
        ReadOnlySpan<byte> input = payload;
        while (reader.Read(ref input, out _) == VcsReadStatus.Produced)
        {
        }
    });
}
