using System.Buffers.Binary;
using System.Text;
using Grid.Formats.Checksums;

namespace Grid.Tests.Formats.Rdb;

/// <summary>Lays down RDB files by hand, element by element, after the format's description and with no code of ours but the CRC.</summary>
internal sealed class RdbBytes
{
    private readonly List<byte> _bytes = [];

    public RdbBytes(string header = "REDIS0011") => Raw(Encoding.ASCII.GetBytes(header));

    public RdbBytes Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public RdbBytes Zeros(int count) => Raw(new byte[count]);

    /// <summary>A length in its shortest form.</summary>
    public RdbBytes Length(ulong length) => length switch
    {
        < 64 => Raw((byte)length),
        < 16_384 => Raw((byte)(0x40 | (length >> 8)), (byte)length),
        <= uint.MaxValue => Raw([0x80, .. BigEndian(length)[4..]]),
        _ => Raw([0x81, .. BigEndian(length)]),
    };

    public RdbBytes Lengths(params ulong[] lengths)
    {
        foreach (ulong length in lengths)
            Length(length);
        return this;
    }

    public RdbBytes String(string text) => String(Encoding.UTF8.GetBytes(text));

    public RdbBytes String(byte[] bytes) => Length((ulong)bytes.Length).Raw(bytes);

    public RdbBytes Key(byte type, string key) => Raw(type).String(key);

    public RdbBytes Entry(string key, string value) => Key(0, key).String(value);

    public byte[] End(bool checksum = true)
    {
        Raw(0xFF);
        ulong crc = checksum ? Crc64Jones.Append(0, _bytes.ToArray()) : 0;
        byte[] trailer = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(trailer, crc);
        return [.. _bytes, .. trailer];
    }

    public byte[] WithoutEnd() => [.. _bytes];

    private static byte[] BigEndian(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
