using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace Grid.Storage;

/// <summary>
/// A digest of contents that does not depend on the order of entries: the sum modulo 2^128 of a hash of each entry's keyspace name, key,
/// value, expiry and version. Copies with equal contents have equal digests; it is no protection against forgery.
/// </summary>
/// <remarks>
/// Fed by <see cref="ShardSnapshot.Next"/>, slice by slice. The hash of an entry is XxHash128 over 48 bytes: XxHash128 of the key, seeded with XxHash3
/// of the keyspace's name in UTF-8; XxHash128 of the value; version; expiry; little-endian. Part of the protocol between copies.
/// </remarks>
public sealed class ContentDigest : ISnapshotSink
{
    private ulong _nameHash;

    /// <summary>The sum so far.</summary>
    public UInt128 Value { get; private set; }

    /// <summary>Entries summed up.</summary>
    public long Entries { get; private set; }

    /// <summary>Key and value bytes seen.</summary>
    public long Bytes { get; private set; }

    /// <inheritdoc/>
    public void OnKeyspace(int id, string name) => _nameHash = XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(name));

    /// <inheritdoc/>
    public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version)
    {
        Span<byte> entry = stackalloc byte[48];
        BinaryPrimitives.WriteUInt128LittleEndian(entry, XxHash128.HashToUInt128(key, (long)_nameHash));
        BinaryPrimitives.WriteUInt128LittleEndian(entry[16..], XxHash128.HashToUInt128(value));
        BinaryPrimitives.WriteUInt64LittleEndian(entry[32..], version);
        BinaryPrimitives.WriteInt64LittleEndian(entry[40..], expiryUnixMs);
        Value = unchecked(Value + XxHash128.HashToUInt128(entry));
        Entries++;
        Bytes += key.Length + value.Length;
    }

    /// <summary>The digest as 32 hexadecimal digits.</summary>
    public override string ToString() => Value.ToString("x32", null);
}
