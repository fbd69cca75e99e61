using System.Buffers;
using System.Text;
using Grid.Formats;
using Grid.Formats.Buffers;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Formats.Vcs;
using Grid.Tests.Formats.Rdb;
using Xunit;

namespace Grid.Tests.Formats.Snapshots;

public sealed class SnapshotTests
{
    [Fact]
    public void A_snapshot_is_these_elements_of_an_rdb_file()
    {
        ArrayBufferWriter<byte> sink = new();
        SnapshotWriter writer = new(sink);
        writer.Begin(SnapshotTesting.Metadata);
        writer.BeginKeyspace(2, "orders", 2, 1);
        writer.WriteEntry("k1"u8, "v1"u8, 0, EntryVersion.Pack(3, 100));
        writer.WriteEntry("k2"u8, "v2"u8, 4_000_000_000_000, EntryVersion.Pack(3, 98));
        writer.WriteExtra("sessions", "S"u8);
        SnapshotTotals totals = writer.End();

        // 3 * 2^44 + 100, doubled by the zigzag, in groups of seven bits; then two back: 3.
        byte[] packed = [0xC8, 0x81, 0x80, 0x80, 0x80, 0x80, 0x18, 0x03];
        RdbBytes expected = new RdbBytes("REDIS0010")
            .Raw(0xFA).String("grid-format").String("1")
            .Raw(0xFA).String("grid-shard").String("7")
            .Raw(0xFA).String("grid-lineage").String("9f1c")
            .Raw(0xFA).String("grid-base").String("3:5000")
            .Raw(0xFA).String("grid-history").String("1@1 3@4000")
            .Raw(0xFE, 2)
            .Raw(0xFA).String("grid-keyspace").String("orders")
            .Raw(0xFB, 2, 1)
            .Entry("k1", "v1")
            .Raw(0xFC).Raw(BitConverter.GetBytes(4_000_000_000_000)).Entry("k2", "v2")
            .Raw(0xFA).String("grid-versions").String(packed)
            .Raw(0xFA).String("grid-x-sessions").String("S");
        int before = expected.WithoutEnd().Length;
        byte[] file = expected.Raw(0xFA).String("grid-end").String($"2:{before}").End();
        Assert.Equal(Convert.ToHexString(file.AsSpan(0, file.Length - 8)), Convert.ToHexString(sink.WrittenSpan));
        Assert.Equal(new SnapshotTotals(2, file.Length), totals);
        Assert.Equal(file, SnapshotTesting.Encode(sink.WrittenSpan.ToArray(), SnapshotCodec.None));
    }

    [Theory]
    [InlineData(SnapshotCodec.None, true)]
    [InlineData(SnapshotCodec.None, false)]
    [InlineData(SnapshotCodec.Lz4, true)]
    [InlineData(SnapshotCodec.Lz4, false)]
    public void What_was_written_comes_back_with_totals_and_exact_byte_counts(SnapshotCodec codec, bool checksums)
    {
        List<SnapshotEntry> entries = SnapshotTesting.Entries(5000, seed: 1);
        byte[] raw = SnapshotTesting.Write(entries, out SnapshotTotals totals);
        byte[] payload = SnapshotTesting.Encode(raw, codec, checksums);
        SnapshotCollector collector = new();
        using SnapshotReader reader = new(collector);
        reader.Feed(payload);
        Assert.Null(collector.Totals);
        reader.Complete();
        Assert.Equal(entries, collector.Entries);
        Assert.Equal(SnapshotTesting.Metadata with { History = [] }, collector.Metadata! with { History = [] });
        Assert.Equal(SnapshotTesting.Metadata.History, collector.Metadata.History);
        Assert.Equal(["extra sessions=session table", "0=users", "hint 1666 1", "1=orders", "hint 3334 1"], collector.Lines);
        Assert.Equal(totals, collector.Totals);
        Assert.Equal(new SnapshotTotals(5000, raw.Length + 8), totals);
        Assert.Equal(payload.Length, reader.WireBytes);
        Assert.Equal(raw.Length + 8, reader.RawBytes);
        Assert.Equal(5000, reader.Entries);
        Assert.Equal(codec == SnapshotCodec.None ? VcsEncoding.Plaintext : VcsEncoding.Lz4, reader.Encoding);
    }

    [Theory]
    [InlineData(2, "orders", 2, "orders", null)]
    [InlineData(2, "orders", 2, "users", "database 2 is the keyspace orders and the keyspace users")]
    [InlineData(2, "orders", 3, "orders", "the keyspace orders is database 2 and database 3")]
    public void A_keyspace_has_one_number_and_a_number_one_keyspace(int first, string name, int second, string otherName, string? wrong)
    {
        RdbBytes file = new RdbBytes("REDIS0010")
            .Raw(0xFA).String("grid-format").String("1")
            .Raw(0xFA).String("grid-shard").String("7")
            .Raw(0xFA).String("grid-lineage").String("9f1c")
            .Raw(0xFA).String("grid-base").String("3:5000")
            .Raw(0xFA).String("grid-history").String("1@1")
            .Raw(0xFE, (byte)first).Raw(0xFA).String("grid-keyspace").String(name)
            .Raw(0xFE, (byte)second).Raw(0xFA).String("grid-keyspace").String(otherName);
        using SnapshotReader reader = new(new SnapshotCollector());
        SnapshotFormatException? error = (SnapshotFormatException?)Record.Exception(() => reader.Feed(file.WithoutEnd()));
        Assert.Equal(wrong is null ? null : PayloadFault.Corrupt, error?.Fault);
        Assert.Contains(wrong ?? "", error?.Message ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_are_counted_exactly_when_the_transfer_is_cut_off()
    {
        byte[] payload = SnapshotTesting.Payload(SnapshotTesting.Entries(5000, seed: 1), SnapshotCodec.Lz4);
        using SnapshotReader reader = new(new SnapshotCollector());
        reader.Feed(payload.AsSpan(0, payload.Length / 2));
        Assert.Equal(payload.Length / 2, reader.WireBytes);
        Assert.Equal(PayloadFault.Truncated, Assert.ThrowsAny<PayloadException>(reader.Complete).Fault);
        Assert.Equal(payload.Length / 2, reader.WireBytes);
    }

    [Fact]
    public void The_checksum_of_the_file_is_zero_where_the_frame_has_its_own()
    {
        byte[] raw = SnapshotTesting.Write(SnapshotTesting.Entries(10, seed: 1), out _);
        byte[] plain = SnapshotTesting.Encode(raw, SnapshotCodec.None);
        byte[] unchecked_ = SnapshotTesting.Encode(raw, SnapshotCodec.None, checksums: false);
        byte[] frame = SnapshotTesting.Encode(raw, SnapshotCodec.Lz4);
        Assert.NotEqual(new byte[8], plain[^8..]);
        Assert.Equal(new byte[8], unchecked_[^8..]);
        byte[] inFrame = Vcs.VcsTesting.Read(frame).Output;
        Assert.Equal(unchecked_, inFrame);
    }

    [Fact]
    public void The_encoder_may_be_fed_slices_from_many_buffers()
    {
        List<SnapshotEntry> entries = SnapshotTesting.Entries(300, seed: 2);
        PooledBuffer slice = PooledBuffer.Rent(1000);
        SnapshotWriter writer = new(slice);
        using SnapshotPayloadEncoder encoder = new(SnapshotCodec.Lz4);
        writer.Begin(SnapshotTesting.Metadata);
        writer.BeginKeyspace(0, "all");
        foreach (SnapshotEntry entry in entries)
        {
            writer.WriteEntry(Encoding.UTF8.GetBytes(entry.Key), Encoding.UTF8.GetBytes(entry.Value), entry.ExpiryUnixMs, entry.Version);
            encoder.Write(slice.Span);
            slice.Release();
            slice = PooledBuffer.Rent(1000);
            writer.Redirect(slice);
        }

        writer.End();
        encoder.Write(slice.Span);
        slice.Release();
        encoder.Finish();
        Assert.True(encoder.TryTakeChunk(out PooledBuffer? chunk));
        SnapshotCollector collector = new();
        Assert.Null(collector.Read(chunk.Span.ToArray()));
        Assert.Equal(entries.Select(e => e with { Keyspace = "all" }), collector.Entries);
        chunk.Release();
        Assert.Throws<InvalidOperationException>(() => encoder.Write([1]));
    }

    [Fact]
    public void An_empty_snapshot_is_whole()
    {
        foreach (SnapshotCodec codec in Enum.GetValues<SnapshotCodec>())
        {
            ArrayBufferWriter<byte> sink = new();
            SnapshotWriter writer = new(sink);
            writer.Begin(SnapshotTesting.Metadata with { History = [] });
            writer.End();
            SnapshotCollector collector = new();
            Assert.Null(collector.Read(SnapshotTesting.Encode(sink.WrittenSpan.ToArray(), codec)));
            Assert.Equal(0, collector.Totals!.Value.Entries);
            Assert.Empty(collector.Metadata!.History);
        }
    }

    [Fact]
    public void Calls_out_of_order_are_errors_of_the_caller()
    {
        SnapshotWriter writer = new(new ArrayBufferWriter<byte>());
        Assert.Throws<InvalidOperationException>(() => writer.BeginKeyspace(0, "k"));
        Assert.Throws<InvalidOperationException>(() => writer.WriteExtra("k", []));
        writer.Begin(SnapshotTesting.Metadata);
        Assert.Throws<InvalidOperationException>(() => writer.Begin(SnapshotTesting.Metadata));
        Assert.Throws<InvalidOperationException>(() => writer.WriteEntry([], [], 0, 0));
        writer.End();
        Assert.Throws<InvalidOperationException>(() => writer.End());
    }

    [Fact]
    public void Versions_of_every_size_survive_packing()
    {
        ulong[] versions = [0, 1, ulong.MaxValue, 0, 1UL << 63, (1UL << 63) - 1, 1, EntryVersion.Pack(EntryVersion.EpochMax, EntryVersion.OffsetMax)];
        byte[] packed = new byte[versions.Length * VersionPacking.BytesMax];
        int length = VersionPacking.Pack(versions, packed);
        ulong[] unpacked = new ulong[versions.Length];
        Assert.True(VersionPacking.TryUnpack(packed.AsSpan(0, length), unpacked));
        Assert.Equal(versions, unpacked);
        Assert.False(VersionPacking.TryUnpack(packed.AsSpan(0, length - 1), unpacked));
        Assert.False(VersionPacking.TryUnpack(packed.AsSpan(0, length + 1), unpacked));
        Assert.False(VersionPacking.TryUnpack([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02], new ulong[1]));
    }

    [Fact]
    public void A_dump_of_redis_is_no_snapshot()
    {
        byte[] dump = new RdbBytes().Raw(0xFA).String("redis-ver").String("7.2").Raw(0xFE, 0).Entry("a", "1").End();
        Assert.Equal(PayloadFault.Incompatible, new SnapshotCollector().Read(dump));
    }

    public static TheoryData<string, string, byte[]> Contradictions => new()
    {
        { "a later format", "Incompatible", Begun(format: "2").End() },
        { "no shard", "Corrupt", Begun(shard: null).End() },
        { "a shard that is no number", "Corrupt", Begun(shard: "x").End() },
        { "a position that is none", "Corrupt", Begun(position: "3").End() },
        { "a history that falls", "Corrupt", Begun(history: "3@5 2@9").End() },
        { "a field twice", "Corrupt", Aux(Aux(new RdbBytes(), "grid-format", "1"), "grid-format", "1").End() },
        { "an entry outside of a keyspace", "Incompatible", Aux(new RdbBytes(), "grid-format", "1").Entry("a", "1").End() },
        { "an entry before the keyspace's name", "Corrupt", Begun().Raw(0xFE, 1).Entry("a", "1").End() },
        { "entries without versions", "Corrupt", Aux(Begun().Entry("a", "1"), "grid-end", "1:0").End() },
        { "versions for more than there is", "Corrupt", Aux(Begun(), "grid-versions", "\u0001").End() },
        { "no totals", "Corrupt", Begun().End() },
        { "wrong totals", "Corrupt", Aux(Begun(), "grid-end", "1:1").End() },
        { "totals that are no numbers", "Corrupt", Aux(Begun(), "grid-end", "many").End() },
        { "a list", "Corrupt", Begun().Key(1, "k").Length(0).End() },
        { "an expiry that cannot be", "Corrupt", Begun().Raw(0xFC).Zeros(8).Entry("a", "1").End() },
        { "a name that is not text", "Corrupt", Begun().Raw(0xFE, 1).Raw(0xFA).String("grid-keyspace").String([0xFF]).End() },
    };

    [Theory]
    [MemberData(nameof(Contradictions))]
    public void A_file_that_contradicts_itself_is_told(string what, string fault, byte[] file)
    {
        Assert.NotEmpty(what);
        Assert.Equal(Enum.Parse<PayloadFault>(fault), new SnapshotCollector().Read(file));
    }

    [Theory]
    [InlineData(SnapshotCodec.None)]
    [InlineData(SnapshotCodec.Lz4)]
    public void An_end_before_the_announced_one_is_truncated_and_bytes_after_it_are_corrupt(SnapshotCodec codec)
    {
        byte[] payload = SnapshotTesting.Payload(SnapshotTesting.Entries(500, seed: 3), codec);
        foreach (int cut in new[] { 8, payload.Length / 3, payload.Length / 2, payload.Length - 9, payload.Length - 1 })
            Assert.Equal(PayloadFault.Truncated, new SnapshotCollector().Read(payload[..cut]));
        Assert.Equal(PayloadFault.Corrupt, new SnapshotCollector().Read([.. payload, 0]));
    }

    [Fact]
    public void The_bound_on_the_whole_holds()
    {
        byte[] raw = SnapshotTesting.Write(SnapshotTesting.Entries(500, seed: 3), out _);
        foreach (SnapshotCodec codec in Enum.GetValues<SnapshotCodec>())
        {
            byte[] payload = SnapshotTesting.Encode(raw, codec);
            Assert.Equal(PayloadFault.LimitExceeded, new SnapshotCollector().Read(payload, new SnapshotReaderOptions { RawBytesMax = raw.Length + 7 }));
            Assert.Null(new SnapshotCollector().Read(payload, new SnapshotReaderOptions { RawBytesMax = raw.Length + 8 }));
        }
    }

    [Fact]
    public void Writing_entries_allocates_nothing()
    {
        ArrayBufferWriter<byte> sink = new(4 << 20);
        SnapshotWriter writer = new(sink);
        writer.Begin(SnapshotTesting.Metadata);
        writer.BeginKeyspace(0, "all");
        byte[] value = Samples.Text(310);
        Assert.Equal(0, Allocations.Least(() =>
        {
            sink.ResetWrittenCount();
            for (int i = 0; i < 5000; i++)
                writer.WriteEntry("key"u8, value, 0, (ulong)i * 977);
        }));
    }

    private static RdbBytes Begun(string format = "1", string? shard = "7", string position = "3:5000", string history = "")
    {
        RdbBytes file = Aux(new RdbBytes("REDIS0010"), "grid-format", format);
        if (shard is not null)
            Aux(file, "grid-shard", shard);
        Aux(Aux(Aux(file, "grid-lineage", "x"), "grid-base", position), "grid-history", history);
        return Aux(file.Raw(0xFE, 0), "grid-keyspace", "all");
    }

    private static RdbBytes Aux(RdbBytes file, string name, string value) => file.Raw(0xFA).String(name).String(value);
}
