using System.IO.Hashing;
using System.Text;
using Grid.Formats.Mutations;
using Grid.Replication.Sessions;

namespace Grid.Tests.Simulation;

/// <summary>What a copy must remember of clients' operations after a run of mutations, and that each took effect once and in order: plain dictionaries.</summary>
internal sealed class SessionModel
{
    private readonly Dictionary<int, Session> _open = [];
    private readonly Dictionary<(ulong Client, long Number), TrueMutation> _took = [];
    private readonly Dictionary<(ulong Client, int Keyspace), (long Any, long Clear)> _lastIn = [];
    private readonly Dictionary<(ulong Client, int Keyspace, string Key), long> _lastOn = [];
    private ulong _evictedUpTo;

    /// <summary>The effect of an operation; null if it had none.</summary>
    public TrueMutation? EffectOf(ulong client, long number) => _took.GetValueOrDefault((client, number));

    /// <summary>The client of an open session.</summary>
    public ulong ClientOf(int session) => _open[session].Client;

    /// <summary>Opens or evicts a session; the answer is what is wrong with that, or null.</summary>
    public string? Apply(TrueMutation mutation)
    {
        if (mutation.Kind == MutationKind.EvictSession)
        {
            if (!_open.Remove(mutation.Keyspace, out Session? evicted))
                return $"session {mutation.Keyspace} is evicted and was not open";
            _evictedUpTo = Math.Max(_evictedUpTo, evicted.Client);
            return null;
        }

        if (_open.Values.Any(other => other.Client == mutation.Client))
            return $"client {mutation.Client} has two sessions";
        Session session = new(mutation.Client) { Floor = mutation.Origin.Floor, UsedAt = mutation.At.Offset };
        return _open.TryAdd(mutation.Keyspace, session) ? null : $"session {mutation.Keyspace} is opened twice";
    }

    /// <summary>An operation takes effect; the answer is what is wrong with that, or null.</summary>
    public string? Record(TrueMutation mutation)
    {
        MutationOrigin origin = mutation.Origin;
        if (!_open.TryGetValue(origin.Session, out Session? session))
            return $"{mutation.At} is of session {origin.Session}, which is not open";
        session.UsedAt = mutation.At.Offset;
        if (origin.Floor > session.Floor)
            session.Settle(origin.Floor);
        if (origin.Number >= session.Floor)
            session.Applied[origin.Number] = mutation;
        if (!_took.TryAdd((session.Client, origin.Number), mutation))
            return $"operation {origin.Number} of client {session.Client} takes effect twice, at {_took[(session.Client, origin.Number)].At} and {mutation.At}";
        return CheckOrder(session.Client, mutation);
    }

    /// <summary>What is wrong with a copy's table; null if nothing is.</summary>
    public string? Compare(SessionTable table)
    {
        if (table.EvictedUpTo != _evictedUpTo)
            return $"clients were evicted up to {table.EvictedUpTo}, not {_evictedUpTo}";
        if (table.Count != _open.Count || table.Entries != _open.Values.Sum(session => session.Applied.Count))
            return $"{table.Count} sessions with {table.Entries} operations, not {_open.Count} with {_open.Values.Sum(session => session.Applied.Count)}";
        foreach (ClientSession there in table.Sessions)
        {
            if (!_open.TryGetValue(there.Id, out Session? session) || (session.Client, session.Floor, session.UsedAt) != (there.Client, there.Floor, there.UsedAt))
                return $"session {there.Id} of client {there.Client} from {there.Floor}, used at {there.UsedAt}, not {session}";
            int i = 0;
            foreach ((long number, TrueMutation mutation) in session.Applied)
            {
                AppliedOperation expected = new(number, mutation.Version, mutation.Result, HashOf(mutation), AppliedOperation.PlaceOf(mutation.Keyspace, mutation.Kind == MutationKind.Clear));
                if (there.Entries[i++] != expected)
                    return $"client {there.Client}: {there.Entries[i - 1]}, not {expected}";
            }
        }

        return null;
    }

    private string? CheckOrder(ulong client, TrueMutation mutation)
    {
        bool clears = mutation.Kind == MutationKind.Clear;
        long number = mutation.Origin.Number;
        (ulong, int, string) entry = (client, mutation.Keyspace, mutation.Key);
        (long any, long clear) = _lastIn.GetValueOrDefault((client, mutation.Keyspace));
        long last = clears ? any : Math.Max(clear, _lastOn.GetValueOrDefault(entry));
        if (last > number)
            return $"operation {number} of client {client} on {mutation.Key} takes effect behind its later operation {last}";
        _lastIn[(client, mutation.Keyspace)] = (Math.Max(any, number), clears ? number : clear);
        if (!clears)
            _lastOn[entry] = number;
        return null;
    }

    private static uint HashOf(TrueMutation mutation) => mutation.Kind == MutationKind.Clear ? 0 : (uint)XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(mutation.Key));

    private sealed record Session(ulong Client)
    {
        public long Floor { get; set; }

        public long UsedAt { get; set; }

        public SortedDictionary<long, TrueMutation> Applied { get; } = [];

        /// <summary>What is below the floor is of no use to the client any more.</summary>
        public void Settle(long floor)
        {
            Floor = floor;
            foreach (long settled in Applied.Keys.TakeWhile(number => number < floor).ToArray())
                Applied.Remove(settled);
        }
    }
}
