using Grid.Formats.Lz4;
using Grid.Server.Bench.Sync;
using K4os.Compression.LZ4;
using Xunit;

namespace Grid.Tests.Formats.Lz4;

/// <summary>Our blocks, as another implementation decodes them.</summary>
public sealed class Lz4BlockEncoderTests
{
    private const int HistoryBytes = 64 << 10;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 12)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Blocks_of_any_size_decode_with_what_came_before_them(int seed)
    {
        Random random = new(seed);
        byte[] content = (seed % 3) switch
        {
            0 => Samples.Text(3 << 20, seed),
            1 => Samples.Mixed(3 << 20, seed),
            _ => [.. Samples.Text(1 << 20, seed), .. Samples.RandomBytes(1 << 20, seed), .. new byte[300_000], .. Samples.Text(1 << 20, seed)],
        };
        int longest = seed % 2 == 0 ? HistoryBytes : 3000;
        using Lz4BlockEncoder encoder = new();
        byte[] decoded = new byte[content.Length];
        for (int at = 0; at < content.Length;)
        {
            int length = Math.Min(random.Next(1, longest + 1), content.Length - at);
            Append(encoder, content.AsSpan(at, length));
            byte[] target = new byte[Lz4BlockCompressor.OutputBytesMax(length)];
            (int encoded, bool stored) = encoder.Encode(target);
            Decode(target.AsSpan(0, encoded), stored, decoded, at, length);
            at += length;
        }

        Assert.True(content.AsSpan().SequenceEqual(decoded));
    }

    [Fact]
    public void Nothing_is_written_outside_of_the_room_that_the_worst_block_needs()
    {
        const byte canary = 0xA5;
        Lz4BlockCompressor compressor = new();
        for (int length = 1; length < 700; length++)
        {
            byte[] block = length % 2 == 0 ? Samples.RandomBytes(length, length) : Samples.Mixed(length, length);
            int room = Lz4BlockCompressor.OutputBytesMax(length);
            byte[] around = new byte[room + 128];
            around.AsSpan().Fill(canary);
            compressor.Reset();
            int encoded = compressor.Encode(block, 0, around.AsSpan(64, room));
            Assert.InRange(encoded, 1, room);
            Assert.DoesNotContain(around[..64], b => b != canary);
            Assert.DoesNotContain(around[(64 + room)..], b => b != canary);
            byte[] decoded = new byte[length];
            Assert.Equal(length, LZ4Codec.Decode(around.AsSpan(64, encoded), decoded));
            Assert.Equal(block, decoded);
        }
    }

    [Fact]
    public void An_empty_block_is_one_token_without_anything()
    {
        byte[] target = new byte[Lz4BlockCompressor.OutputBytesMax(0)];
        Assert.Equal((1, 0), (new Lz4BlockCompressor().Encode([], 0, target), target[0]));
    }

    /// <summary>What a snapshot holds: records in the order of their keys' hashes, which have words in common but no neighbours.</summary>
    [Theory]
    [InlineData('T')]
    [InlineData('J')]
    public void Scattered_JSON_records_take_less_room_than_with_the_usual_encoder(char name)
    {
        DataSet records = DataSet.All.Single(set => set.Name == name);
        byte[] value = new byte[DataSet.ValueBytesMax];
        byte[] block = new byte[HistoryBytes];
        for (int at = 0, i = 0; at < block.Length; i++)
        {
            int length = Math.Min(records.WriteValue(i * 7919 % records.Records, value), block.Length - at);
            value.AsSpan(0, length).CopyTo(block.AsSpan(at));
            at += length;
        }

        byte[] target = new byte[Lz4BlockCompressor.OutputBytesMax(block.Length)];
        int ours = new Lz4BlockCompressor().Encode(block, 0, target);
        Assert.InRange(ours, 1, LZ4Codec.Encode(block, target.AsSpan(), LZ4Level.L00_FAST) * 97 / 100);
    }

    [Fact]
    public void What_is_forgotten_is_not_referred_to()
    {
        byte[] text = Samples.Text(1000, 3);
        using Lz4BlockEncoder encoder = new();
        byte[] first = new byte[2000];
        byte[] again = new byte[2000];
        Append(encoder, text);
        (int length, _) = encoder.Encode(first);
        encoder.Reset();
        Append(encoder, text);
        Assert.Equal((length, false), encoder.Encode(again));
        Assert.Equal(first[..length], again[..length]);
    }

    private static void Append(Lz4BlockEncoder encoder, ReadOnlySpan<byte> content)
    {
        while (content.Length > 0)
            content = content[encoder.Append(content)..];
    }

    private static void Decode(ReadOnlySpan<byte> block, bool stored, byte[] decoded, int at, int length)
    {
        if (stored)
        {
            Assert.Equal(length, block.Length);
            block.CopyTo(decoded.AsSpan(at));
            return;
        }

        int history = Math.Min(at, HistoryBytes);
        Assert.Equal(length, LZ4Codec.Decode(block, decoded.AsSpan(at, length), decoded.AsSpan(at - history, history)));
    }
}
