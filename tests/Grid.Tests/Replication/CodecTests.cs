using System.Text;
using CsCheck;
using Grid.Formats;
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
    public void A_link_item_of_another_version_is_incompatible_and_not_malformed()
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength);
        item.Write(Item().AsSpan(0, LinkItem.HeadLength));
        item.WritableSpan[0]++;
        LinkItem.Seal(item);
        Assert.Equal(PayloadFault.Incompatible, Assert.Throws<LinkFormatException>(() => LinkItem.Read(item.Span, out _)).Fault);
        item.Release();
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
    public void Mutations_of_operations_and_sessions_have_these_bytes()
    {
        byte[] room = new byte[100];
        MutationOrigin origin = new(2, 300, 298);
        Assert.Equal("83" + "02AC0202" + "0701020900000000000000" + "6B7676", Hex(room, Mutation.WriteSet(room, 7, "k"u8, "vv"u8, 9, origin)));
        Assert.Equal("C3" + "02AC0202" + "0104" + "0701020000000000000000" + "6B2D35", Hex(room, Mutation.WriteSet(room, 7, "k"u8, "-5"u8, 0, origin, -5)));
        Assert.Equal("84" + "02AC0202" + "07016B", Hex(room, Mutation.WriteDelete(room, 7, "k"u8, origin)));
        Assert.Equal("85" + "02AC0202" + "07010900000000000000" + "6B", Hex(room, Mutation.WriteExpire(room, 7, "k"u8, 9, origin)));
        Assert.Equal("C6" + "02AC0202" + "00AC02" + "07", Hex(room, Mutation.WriteClear(room, 7, origin, 300)));
        Assert.Equal("0702" + "0807060504030201" + "05", Hex(room, Mutation.WriteOpenSession(room, 2, 0x0102030405060708, 5)));
        Assert.Equal("0802", Hex(room, Mutation.WriteEvictSession(room, 2)));
    }

    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(long.MaxValue)]
    public void An_operations_mutation_comes_out_as_it_went_in_and_damage_is_malformed(long result)
    {
        byte[] room = new byte[Mutation.LengthMax(1, 1)];
        MutationOrigin origin = new(int.MaxValue, long.MaxValue, result & 1);
        byte[] bytes = room[..Mutation.WriteSet(room, int.MaxValue, "k"u8, "v"u8, long.MaxValue, origin, result)];
        Mutation read = Mutation.Read(bytes);
        Assert.Equal((origin, result, bytes.Length, long.MaxValue), (read.Origin, read.Result, read.Length, read.ExpiryUnixMs));
        Assert.True(read.Key.SequenceEqual("k"u8) && read.Value.SequenceEqual("v"u8));
        Damage(bytes, damaged => _ = Mutation.Read(damaged).Length, cutsFail: true);
    }

    [Theory]
    [InlineData("81")]
    [InlineData("41")]
    [InlineData("820200000001")]
    [InlineData("430701020900000000000000")]
    [InlineData("84000000" + "07016B")]
    [InlineData("84000102" + "07016B")]
    [InlineData("0900")]
    public void A_mutation_that_claims_too_much_is_malformed(string hex) =>
        Assert.Throws<MalformedException>(() => Mutation.Read(Convert.FromHexString(hex)).Length);

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
    public void The_head_of_a_request_has_these_bytes()
    {
        byte[] blob = Bytes(Requests.Build([Op.Count()], client: 0x11, number: 3, epoch: 4, acknowledgedBelow: 2, shard: 5, firstOperation: 9, settledBelow: 8, repeats: true));
        Assert.Equal(
            "01000101" + "05000000" + "1100000000000000" + "0300000000000000" + "0400000000000000" + "0200000000000000" + "E8030000" + "01000000" + "0900000000000000" + "0800000000000000" + "7F026B730900",
            Convert.ToHexString(blob));
        RequestHeader header = RequestHeader.Read(blob, out int operations);
        Assert.Equal((9L, 8L, true, 1), (header.FirstOperation, header.SettledBelow, header.Repeats, operations));
    }

    [Fact]
    public void Operations_that_follow_each_other_cost_no_bytes_for_their_numbers_and_others_two()
    {
        (byte[] plain, _) = Numbered(0, 0, 0);
        (byte[] following, long[] read) = Numbered(7, 8, 9);
        Assert.Equal(plain.Length, following.Length);
        Assert.Equal([7, 8, 9], read);
        (byte[] gaps, read) = Numbered(7, 9, 200);
        Assert.Equal(plain.Length + 2 + 3, gaps.Length);
        Assert.Equal([7, 9, 200], read);
        Damage(gaps, damaged => ReadAll(damaged, []), cutsFail: true);
    }

    [Theory]
    [InlineData(0, 5, 5, true)]
    [InlineData(1, 0, 0, true)]
    [InlineData(1, 5, 6, false)]
    public void Numbers_without_a_place_in_the_order_and_settled_ones_are_malformed(long number, long firstOperation, long settledBelow, bool repeats)
    {
        byte[] blob = Bytes(Requests.Build([Op.Set("k")], number: number, firstOperation: firstOperation, settledBelow: settledBelow, repeats: repeats));
        Assert.Throws<MalformedException>(() => RequestHeader.Read(blob, out _));
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

    private static (byte[] Blob, long[] Read) Numbered(params long[] numbers)
    {
        PooledBuffer buffer = PooledBuffer.Rent(100);
        new RequestHeader(0, 1, 1, 1, 0, 1, WriteDurability.Replicated, false).Write(buffer);
        OperationWriter writer = new(buffer);
        foreach (long number in numbers)
            writer.Write("ks", new Operation { Kind = OperationKind.Delete, Key = "k"u8, Number = number });
        RequestHeader.PatchCount(buffer, writer.Count);
        byte[] blob = Bytes(buffer);
        List<long> read = [];
        OperationReader reader = new(blob, numbers.Length);
        while (reader.TryRead(out Operation operation))
            read.Add(operation.Number);
        return (blob, [.. read]);
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
