using Grid.Formats.Binary;

namespace Grid.Formats.Mutations;

/// <summary>
/// Whose operation a mutation is the effect of: stands with it in the log, so that every copy remembers that the operation
/// was applied.
/// </summary>
/// <param name="Session">The client's session, as <see cref="MutationKind.OpenSession"/> named it.</param>
/// <param name="Number">The operation's number in its client's count for the shard, from 1; 0: nobody's that would ask for it again.</param>
/// <param name="Floor">Nothing needs to be remembered of the session's operations below this number; at most <paramref name="Number"/>.</param>
public readonly record struct MutationOrigin(int Session, long Number, long Floor)
{
    /// <summary>The most bytes that it takes in the log, a result with it.</summary>
    public const int LengthMax = BufferFields.VarIntBytesMax + (3 * BufferFields.VarLongBytesMax) + 1;

    /// <summary>True when there is none.</summary>
    public bool IsNone => Number == 0;

    internal int Write(Span<byte> log)
    {
        int i = BufferFields.WriteVarInt(log, Session);
        i += BufferFields.WriteVarLong(log[i..], Number);
        return i + BufferFields.WriteVarLong(log[i..], Number - Floor);
    }

    internal static MutationOrigin Read(ref SpanReader reader)
    {
        int session = reader.ReadVarInt();
        long number = reader.ReadVarLong();
        long below = reader.ReadVarLong();
        if (number == 0 || below > number)
            throw new MalformedException($"A mutation of operation {number} that settles everything {below} below it.");
        return new(session, number, number - below);
    }
}
