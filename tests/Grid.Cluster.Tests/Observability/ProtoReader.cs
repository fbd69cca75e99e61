using System.Buffers.Binary;
using System.Text;

namespace Grid.Cluster.Tests.Observability;

/// <summary>The fields of one protocol buffers message, as they come.</summary>
internal readonly ref struct ProtoReader(ReadOnlySpan<byte> message)
{
    private readonly ReadOnlySpan<byte> _message = message;

    public delegate void OnField(int number, ReadOnlySpan<byte> bytes, ulong value);

    /// <summary>Tells of each field: the bytes of a length-delimited one, the number of any other.</summary>
    public void ReadAll(OnField on)
    {
        int at = 0;
        while (at < _message.Length)
        {
            ulong tag = ReadVarInt(ref at);
            int number = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    on(number, default, ReadVarInt(ref at));
                    break;
                case 1:
                    on(number, default, BinaryPrimitives.ReadUInt64LittleEndian(_message[at..]));
                    at += 8;
                    break;
                case 2:
                    int length = (int)ReadVarInt(ref at);
                    on(number, _message.Slice(at, length), 0);
                    at += length;
                    break;
                case 5:
                    on(number, default, BinaryPrimitives.ReadUInt32LittleEndian(_message[at..]));
                    at += 4;
                    break;
                default:
                    throw new FormatException($"Wire type {tag & 7} at byte {at}.");
            }
        }
    }

    /// <summary>Reads KeyValue messages of OpenTelemetry: strings as they are, numbers as text.</summary>
    public static void ReadAttribute(ReadOnlySpan<byte> message, Dictionary<string, string> into)
    {
        string key = "";
        string value = "";
        new ProtoReader(message).ReadAll((number, bytes, _) =>
        {
            if (number == 1)
                key = Encoding.UTF8.GetString(bytes);
            else if (number == 2)
                value = ReadAny(bytes);
        });
        into[key] = value;
    }

    /// <summary>Reads an AnyValue: text, a truth or a whole number.</summary>
    public static string ReadAny(ReadOnlySpan<byte> message)
    {
        string text = "";
        new ProtoReader(message).ReadAll((number, bytes, value) => text = number switch
        {
            1 => Encoding.UTF8.GetString(bytes),
            2 => value != 0 ? "true" : "false",
            3 => ((long)value).ToString(System.Globalization.CultureInfo.InvariantCulture),
            _ => text,
        });
        return text;
    }

    private ulong ReadVarInt(ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = _message[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }
    }
}
