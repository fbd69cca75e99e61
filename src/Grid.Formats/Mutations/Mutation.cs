using System.Buffers.Binary;
using System.Text;
using Grid.Formats.Binary;

namespace Grid.Formats.Mutations;

/// <summary>What a mutation does. The numbers are on the wire: never reuse one. At most 63.</summary>
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

    /// <summary>Opens a client's session: its id stands for the client from here on.</summary>
    OpenSession = 7,

    /// <summary>Forgets a session; its id is free again.</summary>
    EvictSession = 8,
}

/// <summary>
/// One mutation as it stands in the log: the effect of a command, so that applying it is deterministic and never
/// reads a clock. Its epoch and offset follow from the batch that carries it.
/// </summary>
/// <remarks>
/// Layout: <c>[kind] [origin] [keyspace varint] [key length varint] [value length varint] [expiry i64] [key] [value]</c>, of
/// which each kind has only its own fields; see the README of this project. The spans point into the log.
/// </remarks>
public readonly ref struct Mutation
{
    private const byte OriginBit = 0x80;
    private const byte ResultBit = 0x40;

    private Mutation(MutationKind kind) => Kind = kind;

    /// <summary>What it does.</summary>
    public MutationKind Kind { get; private init; }

    /// <summary>The operation whose effect it is.</summary>
    public MutationOrigin Origin { get; private init; }

    /// <summary>The number that the operation was answered with: a counter's new value, or the entries that a clear removed.</summary>
    public long Result { get; private init; }

    /// <summary>Id of the keyspace, or of the session that is opened or evicted; 0 for a barrier.</summary>
    public int Keyspace { get; private init; }

    /// <summary>The client whose session is opened.</summary>
    public ulong Client { get; private init; }

    /// <summary>The entry's key, or the keyspace's name as UTF-8 for <see cref="MutationKind.CreateKeyspace"/>.</summary>
    public ReadOnlySpan<byte> Key { get; private init; }

    /// <summary>The entry's value; empty for all but <see cref="MutationKind.Set"/>.</summary>
    public ReadOnlySpan<byte> Value { get; private init; }

    /// <summary>When the entry expires, in Unix milliseconds; 0 for never.</summary>
    public long ExpiryUnixMs { get; private init; }

    /// <summary>Bytes that the mutation takes in the log.</summary>
    public int Length { get; private init; }

    /// <summary>Reads the mutation at the start of <paramref name="log"/>.</summary>
    /// <exception cref="MalformedException">There is no whole, valid mutation.</exception>
    public static Mutation Read(ReadOnlySpan<byte> log)
    {
        SpanReader reader = new(log);
        byte head = reader.ReadByte();
        MutationKind kind = (MutationKind)(head & ~(OriginBit | ResultBit));
        if (kind is 0 or > MutationKind.EvictSession)
            throw new MalformedException($"Mutation kind {(byte)kind} is not known to this version.");
        if (kind == MutationKind.Barrier && head == (byte)kind)
            return new(kind) { Length = reader.Position };
        if (kind >= MutationKind.OpenSession && head == (byte)kind)
            return ReadSession(kind, ref reader);
        MutationOrigin origin = default;
        long result = 0;
        if ((head & OriginBit) != 0)
        {
            if (kind is not (MutationKind.Set or MutationKind.Delete or MutationKind.Expire or MutationKind.Clear))
                throw new MalformedException($"A mutation of kind {kind} that claims to be an operation's.");
            origin = MutationOrigin.Read(ref reader);
            if ((head & ResultBit) != 0)
                result = ReadSigned(ref reader);
        }
        else if (head != (byte)kind)
        {
            throw new MalformedException($"A mutation of kind {kind} with a result and without an operation.");
        }

        int keyspace = reader.ReadVarInt();
        int keyLength = kind == MutationKind.Clear ? 0 : reader.ReadVarInt();
        int valueLength = kind == MutationKind.Set ? reader.ReadVarInt() : 0;
        long expiry = kind is MutationKind.Set or MutationKind.Expire ? reader.ReadInt64() : 0;
        if (expiry < 0)
            throw new MalformedException("A mutation's expiry is negative.");
        ReadOnlySpan<byte> key = reader.Read(keyLength);
        ReadOnlySpan<byte> value = reader.Read(valueLength);
        return new(kind) { Origin = origin, Result = result, Keyspace = keyspace, Key = key, Value = value, ExpiryUnixMs = expiry, Length = reader.Position };
    }

    /// <summary>The most bytes that a mutation with this key and value takes.</summary>
    public static int LengthMax(int keyLength, int valueLength) =>
        1 + MutationOrigin.LengthMax + (3 * BufferFields.VarIntBytesMax) + 8 + keyLength + valueLength;

    /// <summary>Writes the barrier that begins a reign.</summary>
    public static int WriteBarrier(Span<byte> log)
    {
        log[0] = (byte)MutationKind.Barrier;
        return 1;
    }

    /// <summary>Writes the naming of a keyspace.</summary>
    public static int WriteCreateKeyspace(Span<byte> log, int keyspace, string name)
    {
        int i = WriteHead(log, MutationKind.CreateKeyspace, keyspace, default, null);
        i += BufferFields.WriteVarInt(log[i..], Encoding.UTF8.GetByteCount(name));
        return i + Encoding.UTF8.GetBytes(name, log[i..]);
    }

    /// <summary>Writes the writing of an entry.</summary>
    public static int WriteSet(
        Span<byte> log, int keyspace, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, in MutationOrigin origin = default, long? result = null)
    {
        int i = WriteHead(log, MutationKind.Set, keyspace, origin, result);
        i += BufferFields.WriteVarInt(log[i..], key.Length);
        i += BufferFields.WriteVarInt(log[i..], value.Length);
        BinaryPrimitives.WriteInt64LittleEndian(log[i..], expiryUnixMs);
        i += 8;
        key.CopyTo(log[i..]);
        value.CopyTo(log[(i + key.Length)..]);
        return i + key.Length + value.Length;
    }

    /// <summary>Writes the removal of an entry.</summary>
    public static int WriteDelete(Span<byte> log, int keyspace, ReadOnlySpan<byte> key, in MutationOrigin origin = default)
    {
        int i = WriteHead(log, MutationKind.Delete, keyspace, origin, null);
        i += BufferFields.WriteVarInt(log[i..], key.Length);
        key.CopyTo(log[i..]);
        return i + key.Length;
    }

    /// <summary>Writes the change of an entry's expiry.</summary>
    public static int WriteExpire(Span<byte> log, int keyspace, ReadOnlySpan<byte> key, long expiryUnixMs, in MutationOrigin origin = default)
    {
        int i = WriteHead(log, MutationKind.Expire, keyspace, origin, null);
        i += BufferFields.WriteVarInt(log[i..], key.Length);
        BinaryPrimitives.WriteInt64LittleEndian(log[i..], expiryUnixMs);
        i += 8;
        key.CopyTo(log[i..]);
        return i + key.Length;
    }

    /// <summary>Writes the removal of all entries of a keyspace.</summary>
    public static int WriteClear(Span<byte> log, int keyspace, in MutationOrigin origin = default, long? result = null) =>
        WriteHead(log, MutationKind.Clear, keyspace, origin, result);

    /// <summary>Writes the opening of a session. <paramref name="floor"/>: nothing is known of the client's operations below this number.</summary>
    public static int WriteOpenSession(Span<byte> log, int session, ulong client, long floor)
    {
        int i = WriteHead(log, MutationKind.OpenSession, session, default, null);
        BinaryPrimitives.WriteUInt64LittleEndian(log[i..], client);
        i += 8;
        return i + BufferFields.WriteVarLong(log[i..], floor);
    }

    /// <summary>Writes the forgetting of a session.</summary>
    public static int WriteEvictSession(Span<byte> log, int session) => WriteHead(log, MutationKind.EvictSession, session, default, null);

    private static Mutation ReadSession(MutationKind kind, scoped ref SpanReader reader)
    {
        int session = reader.ReadVarInt();
        if (kind == MutationKind.EvictSession)
            return new(kind) { Keyspace = session, Length = reader.Position };
        ulong client = reader.ReadUInt64();
        long floor = reader.ReadVarLong();
        return new(kind) { Keyspace = session, Client = client, Origin = new MutationOrigin(session, 0, floor), Length = reader.Position };
    }

    private static long ReadSigned(ref SpanReader reader)
    {
        byte negative = reader.ReadByte();
        if (negative > 1)
            throw new MalformedException("A mutation's result has no sign.");
        long rest = reader.ReadVarLong();
        return negative == 1 ? ~rest : rest;
    }

    private static int WriteHead(Span<byte> log, MutationKind kind, int keyspace, in MutationOrigin origin, long? result)
    {
        log[0] = (byte)kind;
        int i = 1;
        if (!origin.IsNone)
        {
            log[0] |= OriginBit;
            i += origin.Write(log[i..]);
            if (result is { } number)
            {
                log[0] |= ResultBit;
                log[i++] = number < 0 ? (byte)1 : (byte)0;
                i += BufferFields.WriteVarLong(log[i..], number < 0 ? ~number : number);
            }
        }

        return i + BufferFields.WriteVarInt(log[i..], keyspace);
    }
}
