using Grid.Formats.Binary;
using Grid.Formats.Buffers;

namespace Grid.Formats.Operations;

/// <summary>One shard's statistics of a keyspace, or the sum over shards; the value of a statistics result.</summary>
/// <param name="Entries">Entries, expired ones that are not reclaimed yet included.</param>
/// <param name="KeyBytes">Bytes of their keys.</param>
/// <param name="ValueBytes">Bytes of their values.</param>
/// <param name="MemoryBytes">All memory held for the keyspace at the primary, in bytes.</param>
/// <param name="WithExpiry">Entries that have an expiry.</param>
/// <param name="Hits">Reads that found their entry, since the copy was made.</param>
/// <param name="Misses">Reads that did not.</param>
/// <param name="Expired">Entries removed because they had expired.</param>
public readonly record struct KeyspaceCounts(
    long Entries, long KeyBytes, long ValueBytes, long MemoryBytes, long WithExpiry, long Hits, long Misses, long Expired)
{
    /// <summary>Bytes of the packed form: eight 64-bit numbers in the order of the parameters.</summary>
    public const int Length = 64;

    /// <summary>The sum of two shards' statistics.</summary>
    public static KeyspaceCounts operator +(KeyspaceCounts a, KeyspaceCounts b) => new(
        a.Entries + b.Entries,
        a.KeyBytes + b.KeyBytes,
        a.ValueBytes + b.ValueBytes,
        a.MemoryBytes + b.MemoryBytes,
        a.WithExpiry + b.WithExpiry,
        a.Hits + b.Hits,
        a.Misses + b.Misses,
        a.Expired + b.Expired);

    /// <summary>The sum of two shards' statistics.</summary>
    public static KeyspaceCounts Add(KeyspaceCounts left, KeyspaceCounts right) => left + right;

    /// <summary>Appends the packed form.</summary>
    public void Write(PooledBuffer buffer)
    {
        buffer.WriteInt64(Entries);
        buffer.WriteInt64(KeyBytes);
        buffer.WriteInt64(ValueBytes);
        buffer.WriteInt64(MemoryBytes);
        buffer.WriteInt64(WithExpiry);
        buffer.WriteInt64(Hits);
        buffer.WriteInt64(Misses);
        buffer.WriteInt64(Expired);
    }

    /// <summary>Reads the packed form.</summary>
    /// <exception cref="MalformedException">It is too short.</exception>
    public static KeyspaceCounts Read(ReadOnlySpan<byte> packed)
    {
        SpanReader r = new(packed);
        return new(r.ReadInt64(), r.ReadInt64(), r.ReadInt64(), r.ReadInt64(), r.ReadInt64(), r.ReadInt64(), r.ReadInt64(), r.ReadInt64());
    }
}
