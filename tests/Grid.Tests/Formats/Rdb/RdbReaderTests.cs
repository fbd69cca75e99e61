using System.Text;
using Grid.Formats;
using Grid.Formats.Rdb;
using Xunit;

namespace Grid.Tests.Formats.Rdb;

public sealed class RdbReaderTests
{
    [Fact]
    public void Every_string_encoding_is_decoded()
    {
        byte[] file = new RdbBytes()
            .Entry("raw", "value")
            .Key(0, "int8").Raw(0xC0, 0x85)
            .Key(0, "int16").Raw(0xC1, 0x00, 0x80)
            .Key(0, "int32").Raw(0xC2, 0x00, 0x00, 0x00, 0x80)
            .Raw(0).Raw(0xC0, 0x07).String("key is a number")
            .End();
        Assert.Equal(["header 11", "raw=value", "int8=-123", "int16=-32768", "int32=-2147483648", "7=key is a number", "end"], RdbEvents.Read(file));
    }

    [Fact]
    public void Compressed_strings_with_literals_and_overlapping_matches_are_decoded()
    {
        // Literal "ab", then a match of 3 + 7 + 2 bytes, 2 back: it repeats what it produces.
        byte[] file = new RdbBytes().Key(0, "lzf").Raw(0xC3).Lengths(6, 14).Raw(1, (byte)'a', (byte)'b', 0xE0, 3, 1).End();
        Assert.Equal(["header 11", "lzf=ababababababab", "end"], RdbEvents.Read(file));
    }

    [Fact]
    public void Databases_expiries_and_hints_are_reported()
    {
        byte[] file = new RdbBytes()
            .Raw(0xFA).String("redis-ver").String("7.2.4")
            .Raw(0xFA).String("ctime").Raw(0xC2, 1, 0, 0, 0)
            .Raw(0xFE, 0).Raw(0xFB, 2, 1)
            .Raw(0xFC).Raw(BitConverter.GetBytes(1_700_000_000_123)).Raw(0xF8).Length(300).Entry("a", "1")
            .Entry("b", "2")
            .Raw(0xFE).Length(500)
            .Raw(0xF4).Lengths(1, 2, 3)
            .Raw(0xFD).Raw(BitConverter.GetBytes(1_700_000_000)).Raw(0xF9, 255).Entry("c", "3")
            .End();
        Assert.Equal(
            [
                "header 11", "aux redis-ver=7.2.4", "aux ctime=1", "db 0", "resize 2 1", "a=1 until 1700000000123", "b=2",
                "db 500", "c=3 until 1700000000000", "end",
            ],
            RdbEvents.Read(file));
    }

    public static TheoryData<string, byte[]> OtherTypes => new()
    {
        { "list", new RdbBytes().Key(1, "k").Length(2).String("a").Raw(0xC0, 5).Entry("z", "1").End() },
        { "list", new RdbBytes().Key(10, "k").String("ziplist").Entry("z", "1").End() },
        { "list", new RdbBytes().Key(14, "k").Length(2).String("ziplist").Raw(0xC3).Lengths(6, 14).Zeros(6).Entry("z", "1").End() },
        { "list", new RdbBytes().Key(18, "k").Length(2).Length(1).String("plain").Length(2).String("packed").Entry("z", "1").End() },
        { "set", new RdbBytes().Key(2, "k").Length(3).String("a").String("b").Raw(0xC1, 1, 1).Entry("z", "1").End() },
        { "set", new RdbBytes().Key(11, "k").String("intset").Entry("z", "1").End() },
        { "set", new RdbBytes().Key(20, "k").String("listpack").Entry("z", "1").End() },
        { "zset", new RdbBytes().Key(3, "k").Length(4).String("a").Raw(3).Raw("1.5"u8.ToArray()).String("b").Raw(253).String("c").Raw(254).String("d").Raw(255).Entry("z", "1").End() },
        { "zset", new RdbBytes().Key(5, "k").Length(2).String("a").Zeros(8).String("b").Zeros(8).Entry("z", "1").End() },
        { "zset", new RdbBytes().Key(12, "k").String("ziplist").Entry("z", "1").End() },
        { "zset", new RdbBytes().Key(17, "k").String("listpack").Entry("z", "1").End() },
        { "hash", new RdbBytes().Key(4, "k").Length(2).String("f").String("v").String("f2").Raw(0xC2, 1, 2, 3, 4).Entry("z", "1").End() },
        { "hash", new RdbBytes().Key(9, "k").String("zipmap").Entry("z", "1").End() },
        { "hash", new RdbBytes().Key(13, "k").String("ziplist").Entry("z", "1").End() },
        { "hash", new RdbBytes().Key(16, "k").String("listpack").Entry("z", "1").End() },
        { "hash", new RdbBytes("REDIS0012").Key(22, "k").Length(1).Length(77).String("f").String("v").Entry("z", "1").End() },
        { "hash", new RdbBytes("REDIS0012").Key(23, "k").String("listpack").Entry("z", "1").End() },
        { "hash", new RdbBytes("REDIS0012").Key(24, "k").Zeros(8).Length(2).Length(0).String("f").String("v").Length(1 << 20).String("g").String("w").Entry("z", "1").End() },
        { "hash", new RdbBytes("REDIS0012").Key(25, "k").Zeros(8).String("listpack").Entry("z", "1").End() },
        { "hash", new RdbBytes("VALKEY080").Key(22, "k").Length(2).String("f").String("v").Zeros(8).String("g").String("w").Zeros(8).Entry("z", "1").End() },
        { "stream", Stream(15) },
        { "stream", Stream(19) },
        { "stream", Stream(21) },
        { "module ReJSON-RL", new RdbBytes().Key(7, "k").Length(ModuleId("ReJSON-RL", 3)).Lengths(1, 5).Lengths(2, 1UL << 40).Length(3).Zeros(4).Length(4).Zeros(8).Length(5).String("text").Length(0).Entry("z", "1").End() },
    };

    [Theory]
    [MemberData(nameof(OtherTypes))]
    public void Values_of_other_types_are_passed_over_and_counted(string typeName, byte[] file)
    {
        RdbEvents events = new();
        using RdbReader reader = new(events);
        reader.Feed(file);
        reader.Complete();
        Assert.Equal([$"skipped {typeName} k", "z=1", "end"], events.Lines[1..]);
        Assert.Equal(new Dictionary<string, long> { [typeName] = 1 }, reader.SkippedByType);
        Assert.Equal(1, reader.Entries);
        Assert.Equal(events.Lines, RdbEvents.Read(Samples.CutEvery(file, 1)));
    }

    [Fact]
    public void Functions_and_fields_of_modules_are_passed_over_and_counted()
    {
        byte[] file = new RdbBytes()
            .Raw(0xF5).String("#!lua name=lib\nredis.register_function('f', function() end)")
            .Raw(0xF7).Length(ModuleId("search---", 1)).Lengths(2, 1).Lengths(5).String("index").Length(0)
            .Entry("z", "1").End();
        Assert.Equal(["header 11", "skipped function ", "skipped module-aux search--- ", "z=1", "end"], RdbEvents.Read(file));
        Assert.Equal(RdbEvents.Read(file), RdbEvents.Read(Samples.CutEvery(file, 1)));
    }

    [Fact]
    public void The_expiry_of_a_skipped_key_is_not_given_to_the_next()
    {
        byte[] file = new RdbBytes().Raw(0xFC).Zeros(8).Key(11, "k").String("intset").Entry("z", "1").End();
        Assert.Equal("z=1", RdbEvents.Read(file)[2]);
    }

    [Fact]
    public void A_skipped_value_of_any_size_is_not_kept()
    {
        byte[] head = new RdbBytes().Key(11, "k").Length(1UL << 33).WithoutEnd();
        using RdbReader reader = new(new RdbEvents());
        reader.Feed(head);
        byte[] piece = new byte[1 << 20];
        reader.Feed(piece);
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 20; i++)
                reader.Feed(piece);
        }));
        Assert.Equal(RdbError.Truncated, Assert.Throws<RdbFormatException>(reader.Complete).Error);
    }

    [Theory]
    [InlineData("REDIS0001")]
    [InlineData("REDIS0004")]
    public void Versions_before_checksums_end_with_the_end_mark(string header)
    {
        byte[] file = new RdbBytes(header).Entry("a", "1").Raw(0xFF).WithoutEnd();
        Assert.Equal(["a=1", "end"], RdbEvents.Read(file)[1..]);
        Assert.Equal(["a=1", "end", "error Corrupt"], RdbEvents.Read([.. file, 0])[1..]);
    }

    [Theory]
    [InlineData("REDIS0014", "Unsupported")]
    [InlineData("REDIS0000", "Unsupported")]
    [InlineData("REDIS9999", "Unsupported")]
    [InlineData("VALKEY011", "Unsupported")]
    [InlineData("VALKEY082", "Unsupported")]
    [InlineData("REDIS00x1", "Corrupt")]
    [InlineData("PNG\r\n....", "Corrupt")]
    public void Headers_that_are_not_known_are_refused(string header, string error) =>
        Assert.Equal([$"error {error}"], RdbEvents.Read(new RdbBytes(header).End()));

    [Theory]
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(26)]
    [InlineData(100)]
    [InlineData(243)]
    [InlineData(246)]
    public void Types_and_opcodes_that_are_not_known_are_unsupported(byte type)
    {
        byte[] file = new RdbBytes().Key(type, "k").String("x").End();
        Assert.Equal("error Unsupported", RdbEvents.Read(file)[^1]);
        Assert.Equal("error Unsupported", RdbEvents.Read(Samples.CutEvery(file, 1))[^1]);
    }

    [Fact]
    public void A_wrong_checksum_is_told_unless_it_is_zero_or_not_wanted()
    {
        byte[] file = new RdbBytes().Entry("a", "1").End();
        Assert.Equal("end", RdbEvents.Read(file)[^1]);
        file[^3] ^= 1;
        Assert.Equal(["a=1", "error ChecksumMismatch"], RdbEvents.Read(file)[1..]);
        Assert.Equal("end", RdbEvents.Read(file, new RdbReaderOptions { VerifyChecksum = false })[^1]);
        file.AsSpan(file.Length - 8).Clear();
        Assert.Equal("end", RdbEvents.Read(file)[^1]);
    }

    [Fact]
    public void Every_cut_is_truncated()
    {
        byte[] file = new RdbBytes().Raw(0xFA).String("n").String("v").Raw(0xFE, 1).Entry("a", "1").Raw(0xFC).Zeros(8).Entry("b", "2").End();
        for (int length = 0; length < file.Length; length++)
            Assert.Equal("error Truncated", RdbEvents.Read(file[..length])[^1]);
        Assert.Equal("error Corrupt", RdbEvents.Read([.. file, 1])[^1]);
    }

    [Fact]
    public void Strings_over_the_bounds_are_too_large_before_they_arrive()
    {
        RdbReaderOptions options = new() { KeyBytesMax = 100, ValueBytesMax = 1000 };
        Assert.Equal("error TooLarge", RdbEvents.Read(new RdbBytes().Raw(0).Length(101).WithoutEnd(), options)[^1]);
        Assert.Equal("error TooLarge", RdbEvents.Read(new RdbBytes().Key(0, "k").Length(1001).WithoutEnd(), options)[^1]);
        Assert.Equal("error TooLarge", RdbEvents.Read(new RdbBytes().Key(0, "k").Raw(0xC3).Lengths(100, 1001).WithoutEnd(), options)[^1]);
        Assert.Equal("error TooLarge", RdbEvents.Read(new RdbBytes().Raw(0xFA).String("n").Length(ulong.MaxValue).WithoutEnd(), options)[^1]);
        Assert.Equal("end", RdbEvents.Read(new RdbBytes().Raw(0).String(new byte[100]).String(new byte[1000]).End(), options)[^1]);
    }

    [Fact]
    public void Compressed_strings_that_lie_about_their_length_are_corrupt()
    {
        Assert.Equal("error Corrupt", RdbEvents.Read(new RdbBytes().Key(0, "k").Raw(0xC3).Lengths(10, 60_000_000).WithoutEnd())[^1]);
        Assert.Equal("error Corrupt", RdbEvents.Read(new RdbBytes().Key(0, "k").Raw(0xC3).Lengths(10, 9).WithoutEnd())[^1]);
        Assert.Equal("error Corrupt", RdbEvents.Read(new RdbBytes().Key(0, "k").Raw(0xC3).Lengths(6, 15).Raw(1, 1, 1, 0xE0, 3, 1).WithoutEnd())[^1]);
        Assert.Equal("error Corrupt", RdbEvents.Read(new RdbBytes().Key(0, "k").Raw(0xC3).Lengths(6, 14).Raw(1, 1, 1, 0xE0, 3, 2).WithoutEnd())[^1]);
    }

    [Fact]
    public void A_claimed_length_is_not_allocated_before_the_bytes_arrive()
    {
        byte[] file = new RdbBytes().Key(0, "k").Length(64 << 20).Zeros(100).WithoutEnd();
        RdbEvents.Read(file);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal("error Truncated", RdbEvents.Read(file)[^1]);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
    }

    [Fact]
    public void A_value_of_64_mebibytes_arrives_in_pieces()
    {
        byte[] value = new byte[64 << 20];
        value[^1] = 1;
        byte[] file = new RdbBytes().Raw(0).String("k").String(value).End();
        List<string> events = RdbEvents.Read(Samples.CutEvery(file, 256 << 10));
        Assert.Equal($"k=[{value.Length} bytes {System.IO.Hashing.XxHash3.HashToUInt64(value):x}]", events[1]);
    }

    [Fact]
    public void An_error_names_its_place()
    {
        using RdbReader reader = new(new RdbEvents());
        byte[] file = new RdbBytes().Entry("a", "1").Raw(100).WithoutEnd();
        RdbFormatException e = Assert.Throws<RdbFormatException>(() => reader.Feed(file));
        Assert.Equal(14, e.Offset);
        Assert.Equal(PayloadFault.Incompatible, e.Fault);
        Assert.Contains("at byte 14: type or opcode 100 is not known", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_handler_that_throws_ends_the_reading()
    {
        using RdbReader reader = new(new Thrower());
        byte[] file = new RdbBytes().Entry("a", "1").End();
        Assert.Throws<IOException>(() => reader.Feed(file));
        Assert.Throws<InvalidOperationException>(() => reader.Feed(file));
        Assert.Throws<InvalidOperationException>(reader.Complete);
    }

    [Fact]
    public void Reading_entries_allocates_nothing()
    {
        using RdbReader reader = new(new RdbIgnorer());
        reader.Feed(Encoding.ASCII.GetBytes("REDIS0010"));
        byte[] value = Samples.Text(300);
        byte[] entries = Enumerable.Range(0, 1000).SelectMany(i => new RdbBytes("").Key(0, $"key{i}").String(value).WithoutEnd()).ToArray();
        Assert.Equal(0, Allocations.Least(() =>
        {
            reader.Feed(entries.AsSpan(0, 700));
            reader.Feed(entries.AsSpan(700));
        }));
    }

    private static byte[] Stream(byte type)
    {
        RdbBytes file = new RdbBytes().Key(type, "k")
            .Length(2).String(new byte[16]).String("listpack").String(new byte[16]).Raw(0xC3).Lengths(6, 14).Zeros(6)
            .Lengths(2, 1_700_000_000_000, 1);
        if (type >= 19)
            file.Lengths(1_600_000_000_000, 0, 0, 0, 2);
        file.Length(2);
        foreach (string group in new[] { "g1", "g2" })
        {
            file.String(group).Lengths(1_700_000_000_000, 1);
            if (type >= 19)
                file.Length(2);
            file.Length(2).Zeros(16 + 8).Length(1).Zeros(16 + 8).Length(3);
            file.Length(2);
            foreach (string consumer in new[] { "alice", "bob" })
                file.String(consumer).Zeros(type >= 21 ? 16 : 8).Length(1).Zeros(16);
        }

        return file.Entry("z", "1").End();
    }

    private static ulong ModuleId(string name, uint version)
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        ulong id = 0;
        foreach (char c in name)
            id = (id << 6) | (uint)Alphabet.IndexOf(c);
        return (id << 10) | version;
    }

    private sealed class Thrower : IRdbHandler
    {
        public void OnSelectDb(int database)
        {
        }

        public void OnSkipped(string typeName, ReadOnlySpan<byte> key)
        {
        }

        public void OnString(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long? expiryUnixMs) => throw new IOException("The disk is full.");
    }
}
