using System.Buffers;
using System.Text;
using Grid.Formats.Checksums;
using Grid.Formats.Rdb;
using Xunit;

namespace Grid.Tests.Formats.Rdb;

public sealed class RdbWriterTests
{
    [Fact]
    public void A_small_file_is_these_bytes()
    {
        ArrayBufferWriter<byte> sink = new();
        RdbWriter writer = new(sink);
        writer.WriteHeader();
        writer.WriteAux("redis-ver", "7.0");
        writer.WriteSelectDb(3);
        writer.WriteResizeDb(2, 1);
        writer.WriteEntry("k1"u8, "v1"u8, 0);
        writer.WriteEntry("k2"u8, "v2"u8, 0x0102030405060708);
        writer.WriteEnd();
        RdbWriter.WriteChecksum(sink, Crc64Jones.Append(0, sink.WrittenSpan));
        Assert.Equal(
            "524544495330303130"
            + "FA" + "09" + "72656469732D766572" + "03" + "372E30"
            + "FE03"
            + "FB0201"
            + "00" + "026B31" + "027631"
            + "FC" + "0807060504030201" + "00" + "026B32" + "027632"
            + "FF" + "B5F17FB9EC340920",
            Convert.ToHexString(sink.WrittenSpan));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(16_383)]
    [InlineData(16_384)]
    [InlineData(8_192)]
    [InlineData(8_193)]
    [InlineData(1_000_000)]
    public void Lengths_take_their_shortest_form_and_come_back(int length)
    {
        byte[] value = Samples.RandomBytes(length);
        ArrayBufferWriter<byte> sink = new();
        RdbWriter writer = new(sink);
        writer.WriteHeader();
        writer.WriteEntry("key"u8, value, 1234);
        writer.WriteEnd();
        Assert.Equal(sink.WrittenCount, writer.BytesWritten);
        RdbWriter.WriteChecksum(sink, 0);

        byte[] expected = new RdbBytes("REDIS0010").Raw(0xFC).Raw(BitConverter.GetBytes(1234L)).Key(0, "key").String(value).End(checksum: false);
        Assert.Equal(expected, sink.WrittenSpan.ToArray());
        List<string> events = RdbEvents.Read(expected);
        Assert.Equal(["header 10", "end"], [events[0], events[2]]);
        Assert.EndsWith(" until 1234", events[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Very_large_lengths_take_the_64_bit_form()
    {
        ArrayBufferWriter<byte> sink = new();
        RdbWriter writer = new(sink);
        writer.WriteResizeDb(uint.MaxValue, (ulong)uint.MaxValue + 1);
        Assert.Equal("FB" + "80FFFFFFFF" + "810000000100000000", Convert.ToHexString(sink.WrittenSpan));
    }

    [Fact]
    public void Writing_entries_allocates_nothing()
    {
        ArrayBufferWriter<byte> sink = new(1 << 20);
        RdbWriter writer = new(sink);
        byte[] key = Encoding.ASCII.GetBytes("tw:0000000000001");
        byte[] value = Samples.Text(310);
        Assert.Equal(0, Allocations.Least(() =>
        {
            sink.ResetWrittenCount();
            for (int i = 0; i < 2000; i++)
                writer.WriteEntry(key, value, i);
        }));
    }
}
