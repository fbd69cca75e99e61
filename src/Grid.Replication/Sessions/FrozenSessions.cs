using System.IO.Hashing;

namespace Grid.Replication.Sessions;

/// <summary>
/// A session table as it was at one moment. Made in the time that its sessions take to be counted, while the copy's owner waits; packed and hashed later, on
/// any thread, while the table goes on: what a session has recorded is never written over as long as somebody may look at it.
/// </summary>
public sealed class FrozenSessions
{
    private readonly FrozenSession[] _sessions;

    internal FrozenSessions(FrozenSession[] sessions, ulong evictedUpTo)
    {
        _sessions = sessions;
        EvictedUpTo = evictedUpTo;
    }

    /// <summary>The highest client whose session was evicted; 0 for none.</summary>
    public ulong EvictedUpTo { get; }

    internal ReadOnlySpan<FrozenSession> Sessions => _sessions;

    /// <summary>The table as it stands in a snapshot, in parts of moderate size.</summary>
    public IReadOnlyList<byte[]> Pack() => SessionCodec.Pack(this);

    /// <summary>A hash of all that is remembered: equal on copies at the same position.</summary>
    public ulong Digest()
    {
        XxHash3 hash = new();
        foreach (byte[] part in Pack())
            hash.Append(part);
        return hash.GetCurrentHashAsUInt64();
    }
}

/// <summary>A session as it was at one moment.</summary>
/// <param name="Id">Its id among the shard's sessions.</param>
/// <param name="Client">The client.</param>
/// <param name="Floor">Below it nothing is known.</param>
/// <param name="UsedAt">Offset of its newest mutation.</param>
/// <param name="Entries">The operations remembered.</param>
internal readonly record struct FrozenSession(int Id, ulong Client, long Floor, long UsedAt, ReadOnlyMemory<AppliedOperation> Entries);
