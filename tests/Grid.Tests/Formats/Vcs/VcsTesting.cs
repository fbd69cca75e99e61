using System.Buffers;
using Grid.Formats.Lz4;
using Grid.Formats.Vcs;
using Xunit;

namespace Grid.Tests.Formats.Vcs;

/// <summary>What came of reading a payload to its end.</summary>
internal sealed record VcsOutcome(byte[] Output, VcsError? Error, VcsEncoding Encoding, int BytesLeft);

internal static class VcsTesting
{
    /// <summary>Flag bytes, by name, of an LZ4 frame's first descriptor byte.</summary>
    public const int FlagsAt = 11, BlockSizeAt = 12, HeaderChecksumAt = 13, FirstBlockAt = 14;

    public static byte[] Frame(
        ReadOnlySpan<byte> content,
        VcsStreamKind kind = VcsStreamKind.Snapshot,
        Lz4FrameSettings? settings = null)
    {
        ArrayBufferWriter<byte> sink = new();
        using VcsFrameWriter writer = new(sink, kind, settings ?? Lz4FrameSettings.For(kind));
        writer.Write(content);
        writer.Finish();
        return sink.WrittenSpan.ToArray();
    }

    public static VcsOutcome Read(byte[] payload, VcsReaderOptions? options = null, VcsStreamKind kind = VcsStreamKind.Snapshot) =>
        Read([payload.AsMemory()], options, kind);

    /// <summary>Reads pieces one after the other, then validates the end.</summary>
    public static VcsOutcome Read(
        IEnumerable<ReadOnlyMemory<byte>> pieces,
        VcsReaderOptions? options = null,
        VcsStreamKind kind = VcsStreamKind.Snapshot,
        bool nothingMayFollow = true)
    {
        using VcsFrameReader reader = new(kind, options);
        ArrayBufferWriter<byte> output = new();
        int left = 0;
        try
        {
            foreach (ReadOnlyMemory<byte> piece in pieces)
            {
                ReadOnlySpan<byte> input = piece.Span;
                VcsReadStatus status;
                while ((status = reader.Read(ref input, out ReadOnlySpan<byte> produced)) == VcsReadStatus.Produced)
                    output.Write(produced);
                Assert.Equal(status == VcsReadStatus.FrameEnd, reader.IsFrameEnded);
                left += input.Length;
            }

            if (nothingMayFollow)
                reader.ValidateEnd(new byte[left]);
            else
                reader.ValidateFrameEnd();
            Assert.Equal(output.WrittenCount, reader.BytesProduced);
            return new VcsOutcome(output.WrittenSpan.ToArray(), null, reader.Encoding, left);
        }
        catch (VcsFormatException e)
        {
            ReadOnlyMemory<byte> more = new byte[1];
            VcsFormatException again = Assert.Throws<VcsFormatException>(() =>
            {
                ReadOnlySpan<byte> input = more.Span;
                reader.Read(ref input, out _);
            });
            Assert.Equal(e.Error, again.Error);
            Assert.Equal(e.Message, again.Message);
            return new VcsOutcome(output.WrittenSpan.ToArray(), e.Error, reader.Encoding, left);
        }
    }

    /// <summary>The sizes and stored bits of a frame's blocks, read by the format's description and nothing of ours.</summary>
    public static List<(int Length, bool Stored)> Blocks(ReadOnlySpan<byte> payload)
    {
        List<(int, bool)> blocks = [];
        bool blockChecksum = (payload[FlagsAt] & 0x10) != 0;
        ReadOnlySpan<byte> rest = payload[FirstBlockAt..];
        while (true)
        {
            uint size = BitConverter.ToUInt32(rest);
            rest = rest[4..];
            if (size == 0)
                return blocks;
            int length = (int)(size & 0x7FFF_FFFF);
            blocks.Add((length, size > 0x7FFF_FFFF));
            rest = rest[(length + (blockChecksum ? 4 : 0))..];
            if (rest.Length < 4)
                return blocks;
        }
    }
}
