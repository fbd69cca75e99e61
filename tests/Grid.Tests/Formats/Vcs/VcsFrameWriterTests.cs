using System.Buffers;
using Grid.Formats.Lz4;
using Grid.Formats.Vcs;
using Xunit;

namespace Grid.Tests.Formats.Vcs;

public sealed class VcsFrameWriterTests
{
    [Fact]
    public void A_snapshot_frame_begins_with_its_fourteen_golden_bytes() =>
        Assert.Equal("56435301010001" + "04224D185440AE", Begin(VcsStreamKind.Snapshot, Lz4FrameSettings.Snapshot));

    [Fact]
    public void A_command_frame_begins_with_its_fourteen_golden_bytes() =>
        Assert.Equal("56435301010002" + "04224D185040C0", Begin(VcsStreamKind.Commands, Lz4FrameSettings.Commands));

    [Fact]
    public void A_frame_without_checksums_begins_with_its_fourteen_golden_bytes() =>
        Assert.Equal("56435301010001" + "04224D184040C0", Begin(VcsStreamKind.Snapshot, Lz4FrameSettings.WithoutChecksums));

    [Fact]
    public void An_empty_snapshot_frame_is_these_bytes() =>
        Assert.Equal("5643530101000104224D185440AE" + "00000000" + "055DCC02", Convert.ToHexString(VcsTesting.Frame([])));

    [Fact]
    public void A_small_frame_is_these_bytes() =>
        Assert.Equal(
            "5643530101000104224D185440AE" + "0B000080" + "68656C6C6F20776F726C64" + "2266BBCE" + "00000000" + "2266BBCE",
            Convert.ToHexString(VcsTesting.Frame("hello world"u8)));

    [Fact]
    public void The_presets_are_those_of_the_design()
    {
        Assert.Equal(new Lz4FrameSettings(BlockChecksum: true, ContentChecksum: true), Lz4FrameSettings.For(VcsStreamKind.Snapshot));
        Assert.Equal(new Lz4FrameSettings(BlockChecksum: true, ContentChecksum: false), Lz4FrameSettings.For(VcsStreamKind.Commands));
        Assert.Equal(new Lz4FrameSettings(BlockChecksum: false, ContentChecksum: false), Lz4FrameSettings.For(VcsStreamKind.Commands, checksums: false));
    }

    [Fact]
    public void An_empty_write_and_a_flush_of_nothing_emit_nothing()
    {
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Commands, Lz4FrameSettings.Commands);
        writer.Write([]);
        writer.Flush();
        Assert.Equal(0, sink.WrittenCount);
        Assert.Equal(0, writer.WireBytes);
    }

    [Fact]
    public void Finish_may_be_called_again_and_adds_nothing()
    {
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Snapshot, Lz4FrameSettings.Snapshot);
        writer.Finish();
        int length = sink.WrittenCount;
        writer.Finish();
        Assert.Equal(length, sink.WrittenCount);
        Assert.Equal(length, writer.WireBytes);
    }

    [Fact]
    public void Write_and_flush_after_finish_are_errors()
    {
        using VcsFrameWriter writer = new(new ArrayBufferWriter<byte>(), VcsStreamKind.Snapshot, Lz4FrameSettings.Snapshot);
        writer.Finish();
        Assert.Throws<InvalidOperationException>(() => writer.Write("x"u8));
        Assert.Throws<InvalidOperationException>(writer.Flush);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_failed_sink_stays_failed(int callsBeforeFailure)
    {
        FailingSink sink = new(callsBeforeFailure);
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Snapshot, Lz4FrameSettings.Snapshot);
        Assert.Throws<IOException>(() =>
        {
            writer.Write(Samples.Text(100_000));
            writer.Finish();
        });
        sink.Heal();
        Assert.Throws<InvalidOperationException>(() => writer.Write("x"u8));
        Assert.Throws<InvalidOperationException>(writer.Flush);
        Assert.Throws<InvalidOperationException>(writer.Finish);

        ArrayBufferWriter<byte> fresh = new();
        writer.Redirect(fresh);
        writer.Reset();
        writer.Write("again"u8);
        writer.Finish();
        Assert.Equal("again"u8.ToArray(), VcsTesting.Read(fresh.WrittenSpan.ToArray()).Output);
    }

    [Fact]
    public void A_single_write_over_one_mebibyte_becomes_whole_blocks()
    {
        byte[] content = Samples.Mixed((3 << 20) + 17);
        byte[] frame = VcsTesting.Frame(content);
        Assert.Equal(content, VcsTesting.Read(frame).Output);
        Assert.Equal((content.Length + 65_535) / 65_536, VcsTesting.Blocks(frame).Count);
    }

    [Fact]
    public void Incompressible_blocks_are_stored_as_they_are()
    {
        byte[] frame = VcsTesting.Frame(Samples.RandomBytes(300_000));
        Assert.All(VcsTesting.Blocks(frame), block => Assert.True(block.Stored));
        Assert.Equal(14 + 300_000 + 5 * 8 + 8, frame.Length);
    }

    [Fact]
    public void A_flush_in_mid_frame_delivers_everything_written_and_keeps_the_frame_open()
    {
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Commands, Lz4FrameSettings.Commands);
        using VcsFrameReader reader = new(VcsStreamKind.Commands);
        byte[] content = Samples.Text(200_000);
        int read = 0;
        for (int at = 0, size = 1; at < content.Length; at += size, size = size * 3 % 5_003 + 1)
        {
            byte[] batch = content[at..Math.Min(at + size, content.Length)];
            sink.ResetWrittenCount();
            writer.Write(batch);
            writer.Flush();
            ReadOnlySpan<byte> input = sink.WrittenSpan;
            int before = read;
            while (reader.Read(ref input, out ReadOnlySpan<byte> produced) == VcsReadStatus.Produced)
            {
                Assert.True(produced.SequenceEqual(content.AsSpan(read, produced.Length)));
                read += produced.Length;
            }

            Assert.Equal(batch.Length, read - before);
            Assert.False(reader.IsFrameEnded);
        }

        Assert.Equal(content.Length, read);
    }

    [Fact]
    public void Flushed_blocks_refer_back_to_earlier_ones()
    {
        byte[] batch = Samples.RandomBytes(1000);
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Commands, Lz4FrameSettings.Commands);
        for (int i = 0; i < 10; i++)
        {
            writer.Write(batch);
            writer.Flush();
        }

        writer.Finish();
        Assert.Equal(10_000, VcsTesting.Read(sink.WrittenSpan.ToArray(), kind: VcsStreamKind.Commands).Output.Length);
        Assert.True(sink.WrittenCount < 2000, $"{sink.WrittenCount} bytes for one batch sent ten times");
    }

    [Fact]
    public void Large_values_across_batch_borders_survive()
    {
        byte[] compressible = Samples.Text(4 << 20);
        byte[] incompressible = Samples.RandomBytes((1 << 20) + (1 << 19));
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Commands, Lz4FrameSettings.Commands);
        foreach (byte[] value in new[] { compressible, incompressible, compressible })
        {
            writer.Write(value.AsSpan(0, 100_000));
            writer.Flush();
            writer.Write(value.AsSpan(100_000));
        }

        writer.Finish();
        byte[] expected = [.. compressible, .. incompressible, .. compressible];
        Assert.Equal(expected, VcsTesting.Read(sink.WrittenSpan.ToArray(), kind: VcsStreamKind.Commands).Output);
        Assert.Equal(expected.Length, writer.RawBytes);
        Assert.Equal(sink.WrittenCount, writer.WireBytes);
    }

    [Fact]
    public void The_bytes_do_not_depend_on_how_the_content_was_written()
    {
        byte[] content = Samples.Mixed(500_000);
        byte[] whole = VcsTesting.Frame(content);
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Snapshot, Lz4FrameSettings.Snapshot);
        foreach (ReadOnlyMemory<byte> piece in Samples.Cut(content, seed: 3, longest: 30_000))
            writer.Write(piece.Span);
        writer.Finish();
        Assert.Equal(whole, sink.WrittenSpan.ToArray());
    }

    [Fact]
    public void Reset_begins_a_frame_that_knows_nothing_of_the_one_before()
    {
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Snapshot, Lz4FrameSettings.Snapshot);
        byte[] content = Samples.Text(100_000);
        writer.Write(content);
        writer.Reset();
        sink.ResetWrittenCount();
        writer.Write(content);
        writer.Finish();
        Assert.Equal(VcsTesting.Frame(content), sink.WrittenSpan.ToArray());
    }

    [Fact]
    public void Compression_backs_off_while_the_content_is_incompressible_and_comes_back()
    {
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Commands, Lz4FrameSettings.Commands);
        byte[] text = Samples.Text(300_000);
        byte[] noise = Samples.RandomBytes(3_000_000);
        writer.Write(text);
        Assert.False(writer.IsBackingOff);
        writer.Write(noise);
        writer.Flush();
        Assert.True(writer.IsBackingOff);

        // Small flushed batches of text that repeats: the first ones are stored, then a trial shows that it pays again.
        int batches = 0;
        for (; writer.IsBackingOff; batches++)
        {
            writer.Write(text.AsSpan(0, 1000));
            writer.Flush();
        }

        Assert.InRange(batches, 1, (8 << 20) / 1000 + 1);
        long before = writer.WireBytes;
        writer.Write(text);
        writer.Finish();
        Assert.InRange(writer.WireBytes - before, 1, text.Length * 3 / 4);
        byte[] expected = [.. text, .. noise, .. Enumerable.Repeat(text[..1000], batches).SelectMany(b => b), .. text];
        Assert.True(VcsTesting.Read(sink.WrittenSpan.ToArray(), kind: VcsStreamKind.Commands).Output.AsSpan().SequenceEqual(expected));
    }

    [Fact]
    public void Writing_allocates_nothing_once_warm()
    {
        byte[] content = Samples.Mixed(1 << 20);
        ArrayBufferWriter<byte> sink = new(4 << 20);
        using VcsFrameWriter writer = new(sink, VcsStreamKind.Snapshot, Lz4FrameSettings.Snapshot);
        writer.Write(content);
        writer.Flush();
        sink.ResetWrittenCount();

        Assert.Equal(0, Allocations.Least(() =>
        {
            writer.Write(content);
            writer.Flush();
            sink.ResetWrittenCount();
        }));
    }

    private static string Begin(VcsStreamKind kind, Lz4FrameSettings settings) =>
        Convert.ToHexString(VcsTesting.Frame("x"u8, kind, settings).AsSpan(0, 14));

    private sealed class FailingSink(int callsBeforeFailure) : IBufferWriter<byte>
    {
        private readonly ArrayBufferWriter<byte> _inner = new();
        private int _left = callsBeforeFailure;

        public void Heal() => _left = int.MaxValue;

        public void Advance(int count) => _inner.Advance(count);

        public Memory<byte> GetMemory(int sizeHint = 0) => _inner.GetMemory(sizeHint);

        public Span<byte> GetSpan(int sizeHint = 0) =>
            _left-- > 0 ? _inner.GetSpan(sizeHint) : throw new IOException("The sink is full.");
    }
}
