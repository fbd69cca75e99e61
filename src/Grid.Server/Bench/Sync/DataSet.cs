using System.Buffers.Binary;
using System.Buffers.Text;

namespace Grid.Server.Bench.Sync;

/// <summary>
/// Three sets of records that come out the same everywhere: T short messages as JSON (310 B on average), J orders as JSON
/// (1,024 B), R random bytes (512 B). Keys have 16 bytes. A record is a function of its index alone.
/// </summary>
internal sealed class DataSet
{
    /// <summary>Bytes of a key.</summary>
    public const int KeyBytes = 16;

    /// <summary>Room for any value.</summary>
    public const int ValueBytesMax = 2048;

    private const int OrderBytes = 1024;
    private const int DaysMax = 28;

    private static readonly byte[][] Languages = [.. "en en en en en en de de fr es es it pt ja pl nl".Split(' ').Select(System.Text.Encoding.ASCII.GetBytes)];

    private readonly byte[] _prefix;
    private readonly Func<long, byte[], int> _value;

    private DataSet(char name, string prefix, long records, string description, Func<long, byte[], int> value)
    {
        Name = name;
        Records = records;
        Description = description;
        _prefix = System.Text.Encoding.ASCII.GetBytes(prefix);
        _value = value;
    }

    /// <summary>All sets.</summary>
    public static IReadOnlyList<DataSet> All { get; } =
    [
        new('T', "tw:", 3_000_000, "messages as JSON, 310 B", Message),
        new('J', "js:", 1_000_000, "orders as JSON, 1 KiB", Order),
        new('R', "rn:", 1_000_000, "random bytes, 512 B", Noise),
    ];

    /// <summary>T, J or R.</summary>
    public char Name { get; }

    /// <summary>Records of the whole set.</summary>
    public long Records { get; }

    /// <summary>What a record is.</summary>
    public string Description { get; }

    /// <summary>Writes the key of a record, <see cref="KeyBytes"/> long.</summary>
    public void WriteKey(long index, Span<byte> target)
    {
        _prefix.CopyTo(target);
        Digits(target[_prefix.Length..KeyBytes], index);
    }

    /// <summary>Writes the value of a record into a buffer of at least <see cref="ValueBytesMax"/> bytes.</summary>
    /// <returns>Its length.</returns>
    public int WriteValue(long index, byte[] target) => _value(index, target);

    private static int Message(long index, byte[] target)
    {
        DataSetRandom random = new(0x54, index);
        Text text = new(target);
        text.Put("{\"id\":"u8);
        text.Number(1_765_000_000_000_000_000 + (index * 4_194_304) + random.Below(4_194_304));
        int author = random.Below(DataSetWords.Authors);

        // Squared, so that few authors write most.
        author = (int)((long)author * author / DataSetWords.Authors);
        text.Put(",\"author\":\""u8);
        text.Put(DataSetWords.AuthorAt(author));
        text.Put("\",\"authorId\":"u8);
        text.Number(100_000 + (author * 7919L));
        text.Put(",\"text\":\""u8);
        int words = 14 + random.Below(21);
        for (int i = 0; i < words; i++)
        {
            if (i > 0)
                text.Put(" "u8);
            text.Put(DataSetWords.Draw(ref random));
        }

        text.Put("\",\"lang\":\""u8);
        text.Put(Languages[random.Below(Languages.Length)]);
        text.Put("\",\"likes\":"u8);
        text.Number(Square(random.Below(1000)));
        text.Put(",\"retweets\":"u8);
        text.Number(Square(random.Below(300)));
        text.Put(",\"replies\":"u8);
        text.Number(random.Below(20));
        text.Put(",\"createdAt\":\""u8);
        text.Moment(index);
        text.Put("\",\"source\":\""u8);
        text.Put(random.Below(3) == 0 ? "web"u8 : "mobile"u8);
        text.Put("\"}"u8);
        return text.Length;
    }

    private static int Order(long index, byte[] target)
    {
        DataSetRandom random = new(0x4A, index);
        Text text = new(target);
        text.Put("{\"orderId\":"u8);
        text.Number(5_000_000_000 + index);
        int customer = random.Below(200_000);
        ReadOnlySpan<byte> name = DataSetWords.AuthorAt(customer % DataSetWords.Authors);
        text.Put(",\"customer\":{\"id\":"u8);
        text.Number(customer);
        text.Put(",\"name\":\""u8);
        text.Put(name);
        text.Put("\",\"email\":\""u8);
        text.Put(name);
        text.Put("@example.com\",\"tier\":\""u8);
        text.Put((customer % 4) switch { 0 => "gold"u8, 1 => "silver"u8, _ => "basic"u8 });
        text.Put("\"},\"placedAt\":\""u8);
        text.Moment(index);
        text.Put("\",\"items\":["u8);
        int items = 1 + random.Below(5);
        for (int i = 0; i < items; i++)
            Item(ref text, ref random, i);
        text.Put("],\"currency\":\"EUR\",\"note\":\""u8);
        while (text.Length < OrderBytes - 2)
        {
            text.Put(DataSetWords.Draw(ref random));
            text.Put(" "u8);
        }

        // The note's last word is cut to make the length.
        "\"}"u8.CopyTo(target.AsSpan(OrderBytes - 2));
        return OrderBytes;
    }

    private static void Item(ref Text text, ref DataSetRandom random, int number)
    {
        if (number > 0)
            text.Put(","u8);
        int article = random.Below(30_000);
        text.Put("{\"sku\":\"SKU-"u8);
        text.Digits(article, 6);
        text.Put("\",\"name\":\""u8);
        text.Put(DataSetWords.WordAt(article % DataSetWords.Words));
        text.Put(" "u8);
        text.Put(DataSetWords.WordAt(article * 31 % DataSetWords.Words));
        text.Put("\",\"qty\":"u8);
        text.Number(1 + random.Below(9));
        text.Put(",\"price\":"u8);
        text.Number((article % 500) + 1);
        text.Put("."u8);
        text.Digits(article % 100, 2);
        text.Put("}"u8);
    }

    private static int Noise(long index, byte[] target)
    {
        DataSetRandom random = new(0x52, index);
        for (int i = 0; i < 64; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(target.AsSpan(i * sizeof(ulong)), random.Next());
        return 64 * sizeof(ulong);
    }

    private static long Square(int drawn) => (long)drawn * drawn / 1000;

    private static void Digits(Span<byte> target, long number)
    {
        for (int i = target.Length - 1; i >= 0; i--)
        {
            target[i] = (byte)('0' + (number % 10));
            number /= 10;
        }
    }

    /// <summary>ASCII, appended to a buffer that has room.</summary>
    private ref struct Text(byte[] target)
    {
        public int Length { get; private set; }

        public void Put(scoped ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(target.AsSpan(Length));
            Length += bytes.Length;
        }

        public void Number(long number)
        {
            Utf8Formatter.TryFormat(number, target.AsSpan(Length), out int written);
            Length += written;
        }

        public void Digits(long number, int width)
        {
            DataSet.Digits(target.AsSpan(Length, width), number);
            Length += width;
        }

        /// <summary>Seven tenths of a second per record from the first of March 2026, over and over for 28 days.</summary>
        public void Moment(long index)
        {
            long second = index * 7 / 10 % (DaysMax * 86_400L);
            Put("2026-03-"u8);
            Digits(1 + (second / 86_400), 2);
            Put("T"u8);
            Digits(second / 3600 % 24, 2);
            Put(":"u8);
            Digits(second / 60 % 60, 2);
            Put(":"u8);
            Digits(second % 60, 2);
            Put("Z"u8);
        }
    }
}
