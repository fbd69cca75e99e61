using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Replication.Primary;

/// <summary>What to do with a batch that has a place in its client's order.</summary>
internal enum OrderVerdict
{
    /// <summary>It is the next one: execute it, then ask <see cref="ClientOrder.TryTakeNext"/>.</summary>
    Execute,

    /// <summary>Batches before it are missing: it is kept.</summary>
    Keep,

    /// <summary>It came before, or its client gave it up: it is never applied (again).</summary>
    Stale,

    /// <summary>Too many wait behind the hole already.</summary>
    Resend,

    /// <summary>Too many clients are active: nothing is known of this one.</summary>
    Crowded,
}

/// <summary>
/// Puts the batches of each client back in the order in which it numbered them, since calls overtake each other on
/// the way. Bounded in clients, in batches behind a hole, and in the time that they wait.
/// </summary>
internal sealed class ClientOrder(PrimaryOptions options)
{
    private readonly Dictionary<ulong, Client> _clients = [];
    private int _clientsWithHole;

    /// <summary>Takes a batch; with <see cref="OrderVerdict.Keep"/> a reference of the request's is held until it leaves again.</summary>
    public OrderVerdict Offer(in RequestHeader header, object token, PooledBuffer request, long nowMs)
    {
        if (!_clients.TryGetValue(header.Client, out Client? client))
        {
            if (_clients.Count >= options.ClientsMax && !TryForgetIdlest(nowMs))
                return OrderVerdict.Crowded;
            _clients.Add(header.Client, client = new Client { Next = 1 });
        }

        client.UsedAtMs = nowMs;
        client.Next = Math.Max(client.Next, header.AcknowledgedBelow);
        if (header.Number < client.Next)
            return OrderVerdict.Stale;
        if (header.Number == client.Next)
        {
            client.Next++;
            return OrderVerdict.Execute;
        }

        if (options.Planted.Has(PlantedBug.ExecutesOutOfOrder))
            return OrderVerdict.Execute;

        if (client.Kept.ContainsKey(header.Number))
            return OrderVerdict.Stale;
        if (client.Kept.Count >= options.BatchesBehindHoleMax && !options.Planted.Has(PlantedBug.KeepsAnyBatches))
            return OrderVerdict.Resend;
        if (client.Kept.Count == 0)
        {
            client.HoleSinceMs = nowMs;
            _clientsWithHole++;
        }

        client.Kept.Add(header.Number, new KeptBatch(token, request.Retain(), header));
        return OrderVerdict.Keep;
    }

    /// <summary>The number that the client is to send next.</summary>
    public long NextOf(ulong client) => _clients.TryGetValue(client, out Client? known) ? known.Next : 1;

    /// <summary>
    /// Takes the kept batch that has become the client's next one, or was given up by the client meanwhile
    /// (<paramref name="stale"/>); the caller gets its reference.
    /// </summary>
    public bool TryTakeNext(ulong id, out KeptBatch batch, out bool stale)
    {
        batch = default;
        stale = false;
        if (_clientsWithHole == 0 || !_clients.TryGetValue(id, out Client? client) || client.Kept.Count == 0)
            return false;
        (long number, KeptBatch first) = client.Kept.First();
        if (number > client.Next)
            return false;
        client.Kept.Remove(number);
        if (client.Kept.Count == 0)
            _clientsWithHole--;
        batch = first;
        stale = number < client.Next;
        client.Next = Math.Max(client.Next, number + 1);
        return true;
    }

    /// <summary>The most batches of one client that wait behind a hole.</summary>
    public int KeptMost => _clientsWithHole == 0 ? 0 : _clients.Values.Max(client => client.Kept.Count);

    /// <summary>How long the batch that waits longest behind a hole has waited.</summary>
    public long OldestHoleMs(long nowMs) =>
        _clientsWithHole == 0 ? 0 : nowMs - _clients.Values.Where(client => client.Kept.Count > 0).Min(client => client.HoleSinceMs);

    /// <summary>Gives back the batches that have waited behind a hole for too long.</summary>
    public void RefuseOverdue(long nowMs, Action<object, long> refuse)
    {
        if (_clientsWithHole == 0 || options.Planted.Has(PlantedBug.NeverAsksToResend))
            return;
        foreach (Client client in _clients.Values)
        {
            if (client.Kept.Count > 0 && nowMs - client.HoleSinceMs >= options.HoleWaitMs)
                Refuse(client, refuse);
        }
    }

    /// <summary>Gives back everything that waits: the reign is over.</summary>
    public void RefuseAll(Action<object, long> refuse)
    {
        foreach (Client client in _clients.Values)
            Refuse(client, refuse);
        _clients.Clear();
    }

    private void Refuse(Client client, Action<object, long> refuse)
    {
        if (client.Kept.Count == 0)
            return;
        foreach (KeptBatch kept in client.Kept.Values)
        {
            kept.Request.Release();
            refuse(kept.Token, client.Next);
        }

        client.Kept.Clear();
        _clientsWithHole--;
    }

    /// <summary>
    /// A client that is forgotten while batches of it are under way would get them executed again when it sends them
    /// again: nothing here would know better.
    /// </summary>
    private bool TryForgetIdlest(long nowMs)
    {
        // Without a client that could be forgotten there is no first one.
        (ulong id, Client idlest) = _clients.Where(pair => pair.Value.Kept.Count == 0).OrderBy(pair => pair.Value.UsedAtMs).FirstOrDefault();
        bool isIdle = idlest is not null && (nowMs - idlest.UsedAtMs >= options.ClientIdleMs || options.Planted.Has(PlantedBug.ForgetsActiveClient));
        return isIdle && _clients.Remove(id);
    }

    internal readonly record struct KeptBatch(object Token, PooledBuffer Request, RequestHeader Header);

    private sealed class Client
    {
        public long Next;
        public long UsedAtMs;
        public long HoleSinceMs;
        public readonly SortedDictionary<long, KeptBatch> Kept = [];
    }
}
