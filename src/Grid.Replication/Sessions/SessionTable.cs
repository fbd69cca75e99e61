using Grid.Formats.Binary;
using Grid.Formats.Mutations;

namespace Grid.Replication.Sessions;

/// <summary>
/// Which operations of which clients took effect, so that one that is repeated is answered and not applied again. Part of
/// a shard's copy: a pure function of its mutations, or of its snapshot and those behind it.
/// </summary>
/// <remarks>
/// <para>
/// A client's first write opens its session; from then on every mutation that is the effect of a numbered operation is
/// remembered, until a later one says that its client has settled it (<see cref="MutationOrigin.Floor"/>). Who decides
/// what is forgotten is the primary alone, through the log: floors, and sessions that are evicted. So the table is bounded by the primary's
/// settings, and equal on copies at the same position.
/// </para>
/// <para>
/// Of a client without a session nothing was applied, unless its session was evicted: ids of clients begin with the time of
/// their making, and <see cref="EvictedUpTo"/> is the highest that ever was.
/// </para>
/// <para>Not thread-safe: it belongs to the copy's owner.</para>
/// </remarks>
public sealed class SessionTable
{
    /// <summary>The highest id of a session.</summary>
    internal const int IdMax = 1 << 20;

    private readonly Dictionary<ulong, ClientSession> _byClient = [];
    private readonly List<ClientSession?> _byId = [];
    private int _idToTry;

    /// <summary>Sessions open.</summary>
    public int Count => _byClient.Count;

    /// <summary>Operations remembered, in all sessions.</summary>
    public long Entries { get; private set; }

    /// <summary>The highest client whose session was evicted; 0 for none.</summary>
    public ulong EvictedUpTo { get; private set; }

    /// <summary>Applies a mutation that opens or evicts a session.</summary>
    /// <exception cref="InvalidOperationException">It does not fit: the log is not this copy's.</exception>
    public void Apply(in Mutation mutation, ulong version)
    {
        if (mutation.Kind == MutationKind.OpenSession)
            Open(mutation.Keyspace, mutation.Client, mutation.Origin.Floor, EntryVersion.Offset(version));
        else
            Evict(mutation.Keyspace);
    }

    /// <summary>Remembers that an operation took effect.</summary>
    /// <exception cref="InvalidOperationException">Its session was never opened: the log is not this copy's.</exception>
    public void Record(in MutationOrigin origin, int keyspace, bool clears, ulong keyHash, ulong version, long result)
    {
        ClientSession session = At(origin.Session)
            ?? throw new InvalidOperationException($"A mutation of session {origin.Session}, which this copy never heard of.");
        int before = session.Count;
        AppliedOperation operation = new(origin.Number, version, result, (uint)keyHash, AppliedOperation.PlaceOf(keyspace, clears));
        session.Record(operation, origin.Floor, EntryVersion.Offset(version));
        Entries += session.Count - before;
    }

    /// <summary>The table as it is now, for others to pack or to hash while it goes on. Takes time by sessions, not by operations.</summary>
    public FrozenSessions Freeze()
    {
        FrozenSession[] sessions = new FrozenSession[Count];
        int i = 0;
        foreach (ClientSession session in Sessions)
            sessions[i++] = session.Freeze();
        return new FrozenSessions(sessions, EvictedUpTo);
    }

    /// <summary>A hash of all that is remembered: equal on copies at the same position.</summary>
    public ulong Digest() => Freeze().Digest();

    /// <summary>The table as it stands in a snapshot, in parts of moderate size.</summary>
    public IReadOnlyList<byte[]> Pack() => Freeze().Pack();

    /// <summary>Takes a part of a snapshot's table into this one.</summary>
    /// <exception cref="MalformedException">It is no such part.</exception>
    public void Load(ReadOnlySpan<byte> part) => SessionCodec.Load(this, part);

    /// <summary>The sessions by id.</summary>
    internal IEnumerable<ClientSession> Sessions
    {
        get
        {
            foreach (ClientSession? session in _byId)
            {
                if (session is not null)
                    yield return session;
            }
        }
    }

    internal ClientSession? Find(ulong client) => _byClient.GetValueOrDefault(client);

    internal ClientSession? At(int id) => (uint)id < (uint)_byId.Count ? _byId[id] : null;

    /// <summary>An id that no session has.</summary>
    internal int FreeId()
    {
        while (At(_idToTry) is not null)
            _idToTry++;
        return _idToTry;
    }

    /// <summary>The session that was used least recently, but not <paramref name="except"/>; null if there is none.</summary>
    internal ClientSession? Idlest(ClientSession? except)
    {
        ClientSession? idlest = null;
        foreach (ClientSession? session in _byId)
        {
            if (session is not null && session != except && (idlest is null || session.UsedAt < idlest.UsedAt))
                idlest = session;
        }

        return idlest;
    }

    internal ClientSession Open(int id, ulong client, long floor, long offset)
    {
        ClientSession session = new(id, client, floor, offset);
        Add(session);
        return session;
    }

    internal void Evict(int id)
    {
        ClientSession session = At(id) ?? throw new InvalidOperationException($"Session {id} is evicted, which this copy never heard of.");
        Entries -= session.Count;
        _byId[id] = null;
        _byClient.Remove(session.Client);
        _idToTry = Math.Min(_idToTry, id);
        NoteEvicted(session.Client);
    }

    internal void Add(ClientSession session)
    {
        if (session.Id > IdMax || At(session.Id) is not null || !_byClient.TryAdd(session.Client, session))
            throw new InvalidOperationException($"Session {session.Id} of client {session.Client:x} is opened a second time.");
        while (_byId.Count <= session.Id)
            _byId.Add(null);
        _byId[session.Id] = session;
        Entries += session.Count;
    }

    internal void NoteEvicted(ulong client) => EvictedUpTo = Math.Max(EvictedUpTo, client);
}
