using Grid.Formats.Checksums;
using Xunit;

namespace Grid.Tests.Formats.Checksums;

public sealed class Crc64JonesTests
{
    [Fact]
    public void The_check_value_is_that_of_the_catalogue() =>
        Assert.Equal(0xE9C6D914C4B8D9CAUL, Crc64Jones.Append(0, "123456789"u8));

    [Fact]
    public void Tables_agree_with_the_definition_bit_by_bit()
    {
        for (int length = 0; length < 70; length++)
        {
            byte[] bytes = Samples.RandomBytes(length, length);
            Assert.Equal(BitByBit(0x1234, bytes), Crc64Jones.AppendByTables(0x1234, bytes));
        }
    }

    [Fact]
    public void Folding_agrees_with_tables_at_every_length()
    {
        Assert.SkipUnless(Crc64Jones.IsAccelerated, "This processor has no carry-less multiplication.");
        byte[] bytes = Samples.RandomBytes(1100);
        for (int length = 128; length < 1100; length++)
        {
            ulong start = (ulong)length * 0x9E3779B97F4A7C15;
            Assert.Equal(Crc64Jones.AppendByTables(start, bytes.AsSpan(0, length)), Crc64Jones.AppendFolded(start, bytes.AsSpan(0, length)));
        }

        byte[] large = Samples.RandomBytes(1_000_003);
        Assert.Equal(Crc64Jones.AppendByTables(0, large), Crc64Jones.Append(0, large));
    }

    [Fact]
    public void Any_split_gives_the_same()
    {
        byte[] bytes = Samples.RandomBytes(100_000);
        ulong crc = 0;
        foreach (ReadOnlyMemory<byte> piece in Samples.Cut(bytes, seed: 5, longest: 700))
            crc = Crc64Jones.Append(crc, piece.Span);
        Assert.Equal(Crc64Jones.Append(0, bytes), crc);
    }

    private static ulong BitByBit(ulong crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x95AC9329AC4BC9B5 : crc >> 1;
        }

        return crc;
    }
}
