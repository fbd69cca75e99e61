using System.Buffers.Binary;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;

namespace Grid.Replication.Sessions;

/// <summary>A session table as it stands in a snapshot; the layout is drawn in the README of Grid.Formats.</summary>
internal static class SessionCodec
{
    /// <summary>Name of the snapshot's extra field; it may come several times.</summary>
    public const string FieldName = "sessions";

    private const byte Version = 1;
    private const int PartBytes = 64 << 10;
    private const int SessionBytesMax = 8 + (2 * BufferFields.VarIntBytesMax) + (2 * BufferFields.VarLongBytesMax);
    private const int EntryBytesMax = 8 + 4 + 1 + BufferFields.VarIntBytesMax + (2 * BufferFields.VarLongBytesMax);

    /// <summary>Writes all of it: at least one part.</summary>
    public static IReadOnlyList<byte[]> Pack(FrozenSessions table)
    {
        List<byte[]> parts = [];
        PooledBuffer buffer = PooledBuffer.Rent(4096);
        Begin(buffer, table);
        foreach (ref readonly FrozenSession session in table.Sessions)
        {
            if (buffer.Length >= PartBytes)
            {
                parts.Add(buffer.Span.ToArray());
                buffer.Truncate(0);
                Begin(buffer, table);
            }

            Write(buffer, session);
        }

        parts.Add(buffer.Span.ToArray());
        buffer.Release();
        return parts;
    }

    /// <summary>Reads one part.</summary>
    /// <exception cref="MalformedException">It is none, or has a session that is there already.</exception>
    public static void Load(SessionTable table, ReadOnlySpan<byte> part)
    {
        SpanReader reader = new(part);
        byte version = reader.ReadByte();
        if (version != Version)
            throw new MalformedException($"A session table of version {version}; this version reads {Version}.");
        table.NoteEvicted(reader.ReadUInt64());
        while (reader.Remaining > 0)
        {
            ClientSession session = Read(ref reader);
            if (table.At(session.Id) is not null || table.Find(session.Client) is not null)
                throw new MalformedException($"Session {session.Id} comes twice.");
            table.Add(session);
        }
    }

    private static void Begin(PooledBuffer buffer, FrozenSessions table)
    {
        buffer.WriteByte(Version);
        buffer.WriteUInt64(table.EvictedUpTo);
    }

    private static void Write(PooledBuffer buffer, in FrozenSession session)
    {
        Span<byte> span = buffer.GetSpan(SessionBytesMax);
        int i = BufferFields.WriteVarInt(span, session.Id);
        BinaryPrimitives.WriteUInt64LittleEndian(span[i..], session.Client);
        i += 8;
        i += BufferFields.WriteVarLong(span[i..], session.Floor);
        i += BufferFields.WriteVarLong(span[i..], session.UsedAt);
        i += BufferFields.WriteVarInt(span[i..], session.Entries.Length);
        buffer.Advance(i);
        long before = session.Floor;
        foreach (ref readonly AppliedOperation operation in session.Entries.Span)
        {
            span = buffer.GetSpan(EntryBytesMax);
            i = BufferFields.WriteVarLong(span, operation.Number - before);
            before = operation.Number + 1;
            BinaryPrimitives.WriteUInt64LittleEndian(span[i..], operation.Version);
            BinaryPrimitives.WriteUInt32LittleEndian(span[(i + 8)..], operation.KeyHash);
            i += 12;
            i += BufferFields.WriteVarInt(span[i..], operation.Place);
            span[i++] = operation.Result < 0 ? (byte)1 : (byte)0;
            i += BufferFields.WriteVarLong(span[i..], operation.Result < 0 ? ~operation.Result : operation.Result);
            buffer.Advance(i);
        }
    }

    private static ClientSession Read(ref SpanReader reader)
    {
        int id = reader.ReadVarInt();
        ulong client = reader.ReadUInt64();
        long floor = reader.ReadVarLong();
        long usedAt = reader.ReadVarLong();
        int count = reader.ReadVarInt();
        if (id > SessionTable.IdMax)
            throw new MalformedException($"A session with the id {id}.");
        ClientSession session = new(id, client, floor, usedAt);
        long before = floor;
        for (; count > 0; count--)
        {
            long number = before + reader.ReadVarLong();
            ulong version = reader.ReadUInt64();
            uint keyHash = reader.ReadUInt32();
            int place = reader.ReadVarInt();
            byte negative = reader.ReadByte();
            long result = reader.ReadVarLong();
            if (number < before || number == long.MaxValue || negative > 1)
                throw new MalformedException($"Operation {number} of session {id} is out of its range.");
            session.Record(new AppliedOperation(number, version, negative == 1 ? ~result : result, keyHash, place), floor, usedAt);
            before = number + 1;
        }

        return session;
    }
}
