using System.Text;
using CsCheck;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Formats.Operations;
using Grid.Replication.Links;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>What travels: the same out as in, the bytes for ever the same, and damage is never anything but malformed.</summary>
public sealed class CodecTests
{
    private static readonly SyncAnnouncement Announced =
        new(0x1122, 77, true, new Guid("00112233-4455-6677-8899-aabbccddeeff"), [new(1, 1), new(3, 50)]) { Length = 7, CommandTraits = LinkTraits.OffersPacking };

    [Fact]
    public void A_link_item_has_these_bytes()
    {
        PooledBuffer item = PooledBuffer.Rent(100);
        new LinkItem(LinkItemKind.Mutations, 2, 3, 4, 5, 6, 7, 8).Write(item);
        item.Write("xy"u8);
        LinkItem.Seal(item);
        string hex = Convert.ToHexString(item.Span);
        Assert.StartsWith("01030000", hex);
        Assert.EndsWith("02000000000000000300000000000000040000000000000005000000000000000600000000000000070000000000000008000000000000007879", hex);
        LinkItem read = LinkItem.Read(item.Span, out ReadOnlySpan<byte> body);
        Assert.Equal(new LinkItem(LinkItemKind.Mutations, 2, 3, 4, 5, 6, 7, 8), read);
        Assert.True(body.SequenceEqual("xy"u8));
    }

    [Fact]
    public void Every_flipped_bit_and_every_cut_of_a_link_item_is_malformed()
    {
        byte[] item = Item();
        for (int bit = 0; bit < item.Length * 8; bit++)
        {
            byte[] damaged = [.. item];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<MalformedException>(() => LinkItem.Read(damaged, out _));
        }

        for (int length = 0; length < item.Length; length++)
            Assert.Throws<MalformedException>(() => LinkItem.Read(item.AsSpan(0, length), out _));
    }

    [Fact]
    public void An_announcement_comes_out_as_it_went_in()
    {
        LinkItem head = LinkItem.Read(Item(), out ReadOnlySpan<byte> body);
        SyncAnnouncement read = SyncAnnouncement.Read(head, body);
        Assert.Equal((Announced.SnapshotId, Announced.BaseOffset, Announced.Compressed, Announced.Lineage), (read.SnapshotId, read.BaseOffset, read.Compressed, read.Lineage));
        Assert.Equal(Announced.History, read.History);
        Assert.Equal((Announced.Length, Announced.CommandTraits, 5), (read.Length, read.CommandTraits, head.C));
        Assert.Equal("0700000000000000" + "33221100554477668899AABBCCDDEEFF02000000010000000000000001000000000000000300000000000000" + "3200000000000000", Convert.ToHexString(body));
    }

    [Fact]
    public void A_damaged_announcement_is_malformed_or_another_valid_one()
    {
        LinkItem head = LinkItem.Read(Item(), out ReadOnlySpan<byte> span);
        byte[] body = span.ToArray();
        Damage(body, damaged => SyncAnnouncement.Read(head, damaged), cutsFail: true);
        SyncAnnouncement unordered = Announced with { History = [new(3, 50), new(1, 1)] };
        LinkItem bad = LinkItem.Read(Bytes(unordered.ToItem(1, 0, 3, 9)), out ReadOnlySpan<byte> badBody);
        byte[] copied = badBody.ToArray();
        Assert.Throws<MalformedException>(() => SyncAnnouncement.Read(bad, copied));
    }

    [Fact]
    public void Mutations_have_these_bytes()
    {
        byte[] room = new byte[100];
        Assert.Equal("01", Hex(room, Mutation.WriteBarrier(room)));
        Assert.Equal("0207026B73", Hex(room, Mutation.WriteCreateKeyspace(room, 7, "ks")));
        Assert.Equal("030701020900000000000000" + "6B7676", Hex(room, Mutation.WriteSet(room, 7, "k"u8, "vv"u8, 9)));
        Assert.Equal("0407016B", Hex(room, Mutation.WriteDelete(room, 7, "k"u8)));
        Assert.Equal("0507010900000000000000" + "6B", Hex(room, Mutation.WriteExpire(room, 7, "k"u8, 9)));
        Assert.Equal("0607", Hex(room, Mutation.WriteClear(room, 7)));
        Assert.Equal("0680" + "02", Hex(room, Mutation.WriteClear(room, 256)));
    }

    [Fact]
    public void A_set_comes_out_as_it_went_in_and_damage_is_malformed() =>
        Gen.Select(Gen.Byte.Array[0, 300], Gen.Byte.Array[0, 300], Gen.Int[0, int.MaxValue], Gen.Long[0, long.MaxValue]).Sample(
            (key, value, keyspace, expiry) =>
            {
                byte[] room = new byte[Mutation.LengthMax(key.Length, value.Length)];
                byte[] bytes = room[..Mutation.WriteSet(room, keyspace, key, value, expiry)];
                Mutation read = Mutation.Read(bytes);
                Assert.True(read.Key.SequenceEqual(key) && read.Value.SequenceEqual(value));
                Assert.Equal((keyspace, expiry, bytes.Length), (read.Keyspace, read.ExpiryUnixMs, read.Length));
                Damage(bytes, damaged => _ = Mutation.Read(damaged).Length, cutsFail: true);
            },
            iter: 50);

    [Fact]
    public void A_request_comes_out_as_it_went_in_and_damage_is_malformed()
    {
        Op[] operations = [Op.Set("k", "v"), Op.Get("g") with { Keyspace = "other" }, Op.Set("c") with { Condition = WriteCondition.IfVersion, Version = 99, TimeToLiveMs = 5 }, Op.Add("n", -3), Op.Scan("p") with { Cursor = 12, EntriesMax = 3 }, Op.Clear(), Op.Count(), Op.Expire("e", 4), Op.Delete("d")];
        byte[] blob = Bytes(Requests.Build(operations, number: 3, epoch: 4));
        List<Op> read = [];
        ReadAll(blob, read);
        Assert.Equal(operations, read);
        Damage(blob, damaged => ReadAll(damaged, []), cutsFail: true);
    }

    [Fact]
    public void A_reply_comes_out_as_it_went_in_and_damage_is_malformed()
    {
        PooledBuffer reply = PooledBuffer.Rent(100);
        new ReplyHeader(BatchStatus.Ok, 3, 0, 2).Write(reply);
        new OperationResult { Status = OperationStatus.Ok, HasValue = true, Value = "v"u8, Version = 5, ExpiryUnixMs = 6, Number = -7 }.Write(reply);
        new OperationResult { Status = OperationStatus.NotFound }.Write(reply);
        byte[] bytes = Bytes(reply);
        Answer answer = Answer.Read(bytes);
        Assert.Equal((OperationStatus.Ok, "v", 5ul, 6L, -7L), (answer.Results[0].Status, answer.Results[0].Value, answer.Results[0].Version, answer.Results[0].ExpiryUnixMs, answer.Results[0].Number));
        Assert.Equal((OperationStatus.NotFound, null), (answer.Results[1].Status, answer.Results[1].Value));
        for (int length = 0; length < bytes.Length; length++)
            Assert.Throws<MalformedException>(() => Answer.Read(bytes.AsSpan(0, length)));
        Answer refusal = Answer.Read(Bytes(ReplyHeader.Refusal(BatchStatus.ResendFrom, 2, "überholt", 9)));
        Assert.Equal((BatchStatus.ResendFrom, 2L, 9L, "überholt"), (refusal.Status, refusal.Epoch, refusal.Argument, refusal.Message));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_page_comes_out_as_it_went_in_and_damage_is_malformed(bool keysOnly)
    {
        PooledBuffer buffer = PooledBuffer.Rent(100);
        ScanPageWriter writer = new(buffer, keysOnly);
        writer.Add("k1"u8, "v1"u8, 1, 2);
        writer.Add("k2"u8, "v2"u8, 3, 0);
        writer.End(42, done: false);
        byte[] page = Bytes(buffer);
        Assert.Equal(keysOnly ? "k1==1/0 k2==3/0 @42" : "k1=v1=1/2 k2=v2=3/0 @42", Show(page));
        Damage(page, damaged => Show(damaged), cutsFail: true);
    }

    /// <summary>Any cut fails as malformed; any changed byte is read or malformed, and nothing else is thrown.</summary>
    private static void Damage(byte[] bytes, Action<byte[]> read, bool cutsFail)
    {
        for (int length = 0; cutsFail && length < bytes.Length; length++)
            Assert.Throws<MalformedException>(() => read(bytes[..length]));
        for (int at = 0; at < bytes.Length; at++)
        {
            foreach (byte value in (byte[])[0, 1, 0x7F, 0x80, 0xFF])
            {
                byte[] damaged = [.. bytes];
                damaged[at] = value;
                try
                {
                    read(damaged);
                }
                catch (MalformedException)
                {
                }
            }
        }
    }

    private static void ReadAll(byte[] blob, List<Op> operations)
    {
        RequestHeader.Read(blob, out int count);
        OperationReader reader = new(blob, count);
        while (reader.TryRead(out Operation operation))
        {
            operations.Add(new Op(
                operation.Kind,
                Encoding.UTF8.GetString(operation.Key),
                Encoding.UTF8.GetString(operation.Value),
                operation.Condition,
                operation.Flags,
                operation.Version,
                operation.TimeToLiveMs,
                operation.Delta,
                operation.Cursor,
                operation.Kind == OperationKind.Scan ? operation.EntriesMax : 100,
                Encoding.UTF8.GetString(operation.Keyspace)));
        }
    }

    private static string Show(byte[] page)
    {
        ScanPageReader reader = new(page);
        StringBuilder shown = new();
        while (reader.TryRead(out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out ulong version, out long expiry))
            shown.Append($"{Encoding.UTF8.GetString(key)}={Encoding.UTF8.GetString(value)}={version}/{expiry} ");
        return shown.Append($"@{reader.Cursor}").ToString();
    }

    private static byte[] Item() => Bytes(Announced.ToItem(1, 0, 3, 9));

    private static byte[] Bytes(PooledBuffer buffer)
    {
        byte[] bytes = buffer.Span.ToArray();
        buffer.Release();
        return bytes;
    }

    private static string Hex(byte[] room, int length) => Convert.ToHexString(room, 0, length);
}
