using System.Buffers.Binary;
using System.Text;
using Grid.Formats.Binary;

namespace Grid.Formats.Mutations;

/// <summary>What a mutation does. The numbers are on the wire: never reuse one.</summary>
public enum MutationKind : byte
{
    /// <summary>Begins a reign; changes no data.</summary>
    Barrier = 1,

    /// <summary>Names a keyspace: the id stands for the name from here on.</summary>
    CreateKeyspace = 2,

    /// <summary>Writes an entry.</summary>
    Set = 3,

    /// <summary>Removes an entry.</summary>
    Delete = 4,

    /// <summary>Gives an entry another expiry, or none.</summary>
    Expire = 5,

    /// <summary>Removes all entries of a keyspace.</summary>
    Clear = 6,
}

/// <summary>
/// One mutation as it stands in the log: the effect of a command, so that applying it is deterministic and never
/// reads a clock. Its epoch and offset follow from the batch that carries it.
/// </summary>
/// <remarks>
/// Layout: <c>[kind] [keyspace varint] [key length varint] [value length varint] [expiry i64] [key] [value]</c>, of
/// which each kind has only its own fields; see the README of this project. The spans point into the log.
/// </remarks>
public readonly ref struct Mutation
{
    private Mutation(MutationKind kind, int keyspace, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, int length)
    {
        Kind = kind;
        Keyspace = keyspace;
        Key = key;
        Value = value;
        ExpiryUnixMs = expiryUnixMs;
        Length = length;
    }

    /// <summary>What it does.</summary>
    public MutationKind Kind { get; }

    /// <summary>Id of the keyspace; 0 for a barrier.</summary>
    public int Keyspace { get; }

    /// <summary>The entry's key, or the keyspace's name as UTF-8 for <see cref="MutationKind.CreateKeyspace"/>.</summary>
    public ReadOnlySpan<byte> Key { get; }

    /// <summary>The entry's value; empty for all but <see cref="MutationKind.Set"/>.</summary>
    public ReadOnlySpan<byte> Value { get; }

    /// <summary>When the entry expires, in Unix milliseconds; 0 for never.</summary>
    public long ExpiryUnixMs { get; }

    /// <summary>Bytes that the mutation takes in the log.</summary>
    public int Length { get; }

    /// <summary>Reads the mutation at the start of <paramref name="log"/>.</summary>
    /// <exception cref="MalformedException">There is no whole, valid mutation.</exception>
    public static Mutation Read(ReadOnlySpan<byte> log)
    {
        SpanReader reader = new(log);
        MutationKind kind = (MutationKind)reader.ReadByte();
        if (kind == MutationKind.Barrier)
            return new(kind, 0, default, default, 0, reader.Position);
        int keyspace = reader.ReadVarInt();
        int keyLength = kind == MutationKind.Clear ? 0 : reader.ReadVarInt();
        int valueLength = kind == MutationKind.Set ? reader.ReadVarInt() : 0;
        long expiry = kind is MutationKind.Set or MutationKind.Expire ? reader.ReadInt64() : 0;
        if (kind > MutationKind.Clear || kind == 0)
            throw new MalformedException($"Mutation kind {(byte)kind} is not known to this version.");
        if (expiry < 0)
            throw new MalformedException("A mutation's expiry is negative.");
        ReadOnlySpan<byte> key = reader.Read(keyLength);
        ReadOnlySpan<byte> value = reader.Read(valueLength);
        return new(kind, keyspace, key, value, expiry, reader.Position);
    }

    /// <summary>The most bytes that a mutation with this key and value takes.</summary>
    public static int LengthMax(int keyLength, int valueLength) => 1 + (3 * BufferFields.VarIntBytesMax) + 8 + keyLength + valueLength;

    /// <summary>Writes the barrier that begins a reign.</summary>
    public static int WriteBarrier(Span<byte> log)
    {
        log[0] = (byte)MutationKind.Barrier;
        return 1;
    }

    /// <summary>Writes the naming of a keyspace.</summary>
    public static int WriteCreateKeyspace(Span<byte> log, int keyspace, string name)
    {
        int i = WriteHead(log, MutationKind.CreateKeyspace, keyspace);
        i += BufferFields.WriteVarInt(log[i..], Encoding.UTF8.GetByteCount(name));
        return i + Encoding.UTF8.GetBytes(name, log[i..]);
    }

    /// <summary>Writes the writing of an entry.</summary>
    public static int WriteSet(Span<byte> log, int keyspace, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs)
    {
        int i = WriteHead(log, MutationKind.Set, keyspace);
        i += BufferFields.WriteVarInt(log[i..], key.Length);
        i += BufferFields.WriteVarInt(log[i..], value.Length);
        BinaryPrimitives.WriteInt64LittleEndian(log[i..], expiryUnixMs);
        i += 8;
        key.CopyTo(log[i..]);
        value.CopyTo(log[(i + key.Length)..]);
        return i + key.Length + value.Length;
    }

    /// <summary>Writes the removal of an entry.</summary>
    public static int WriteDelete(Span<byte> log, int keyspace, ReadOnlySpan<byte> key)
    {
        int i = WriteHead(log, MutationKind.Delete, keyspace);
        i += BufferFields.WriteVarInt(log[i..], key.Length);
        key.CopyTo(log[i..]);
        return i + key.Length;
    }

    /// <summary>Writes the change of an entry's expiry.</summary>
    public static int WriteExpire(Span<byte> log, int keyspace, ReadOnlySpan<byte> key, long expiryUnixMs)
    {
        int i = WriteHead(log, MutationKind.Expire, keyspace);
        i += BufferFields.WriteVarInt(log[i..], key.Length);
        BinaryPrimitives.WriteInt64LittleEndian(log[i..], expiryUnixMs);
        i += 8;
        key.CopyTo(log[i..]);
        return i + key.Length;
    }

    /// <summary>Writes the removal of all entries of a keyspace.</summary>
    public static int WriteClear(Span<byte> log, int keyspace) => WriteHead(log, MutationKind.Clear, keyspace);

    private static int WriteHead(Span<byte> log, MutationKind kind, int keyspace)
    {
        log[0] = (byte)kind;
        return 1 + BufferFields.WriteVarInt(log[1..], keyspace);
    }
}
