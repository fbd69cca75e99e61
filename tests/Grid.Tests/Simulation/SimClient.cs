using Grid.Formats.Operations;

namespace Grid.Tests.Simulation;

/// <summary>
/// A client: keeps several batches per shard under way, numbers them, and after a rejection waits for all of them
/// before it sends what was not applied again, in order.
/// </summary>
internal sealed class SimClient
{
    private const long TimeoutUs = 1_500_000;

    private readonly World _world;
    private readonly Session[] _sessions;
    private readonly bool _unordered;
    private readonly List<ulong> _versionsSeen = [0];
    private long _values;

    public SimClient(World world, ulong id, bool unordered)
    {
        _world = world;
        Id = id;
        _unordered = unordered;
        _sessions = [.. Enumerable.Range(0, world.Plan.Shards).Select(_ => new Session())];
        Known = new SimSilo?[world.Plan.Shards];
        world.After(world.Random.Below(30_000), null, Think);
    }

    public ulong Id { get; }

    public SimSilo?[] Known { get; }

    public bool Stopped { get; set; }

    public bool IsUnordered => _unordered;

    public bool IsQuiet => _sessions.All(session => session.Outstanding.Count == 0);

    /// <summary>The last time a replicated write to each shard succeeded, in milliseconds.</summary>
    public long LastSuccessMs(int shard) => _sessions[shard].LastSuccessMs;

    public void OnReply(ClientCall call, byte[] reply)
    {
        if (call.Done || call.Rejected)
            return;
        Session session = _sessions[call.Shard];
        ReplyHeader header = ReplyHeader.Read(reply);
        _world.Count($"Reply{header.Status}");
        switch (header.Status)
        {
            case BatchStatus.Ok:
                foreach (SimResult result in call.ReadResults(reply))
                {
                    if (result.Version != 0 && _versionsSeen.Count < 50)
                        _versionsSeen.Add(result.Version);
                }

                if (call.Durability == WriteDurability.Replicated)
                    session.LastSuccessMs = _world.NowMs;
                Finish(session, call);
                break;
            case BatchStatus.EpochChanged:
                session.Coming = Math.Max(session.Coming, header.Epoch);
                Reject(session, call);
                break;
            case BatchStatus.NotPrimary or BatchStatus.Unavailable:
                Known[call.Shard] = null;
                Reject(session, call);
                break;
            case BatchStatus.ResendFrom:
                call.UnderWay--;
                // The missing one and this one, not all behind the hole: each of those gets an answer of its own, and would multiply.
                if (session.Outstanding.Find(missing => missing.Number == header.Argument) is { } first && first != call && !first.Rejected && _world.NowMs - first.SentAtMs > 10)
                    Transmit(first);
                Transmit(call);
                break;
            case BatchStatus.Indeterminate when Makes(RuntimeBug.ClientRepeatsIndeterminate):
                Reject(session, call);
                break;
            case BatchStatus.Malformed:
                throw _world.Violation($"{call} was called malformed: {ReplyHeader.ReadMessage(reply)}");
            default:
                Finish(session, call);
                break;
        }
    }

    private void Think()
    {
        _world.After(_world.Random.Between(1, 2 * _world.Plan.ThinkMs) * 1000L, null, Think);
        if (Stopped)
            return;
        int shard = _world.Random.Below(_world.Plan.Shards);
        Session session = _sessions[shard];
        if (session.Stopped || session.Outstanding.Count >= _world.Plan.OutstandingMax)
            return;
        ClientCall call = new(this, shard, Invent(), _world.Random.Chance(0.85) ? WriteDurability.Replicated : WriteDurability.Primary)
        {
            Number = _unordered ? 0 : session.Next++,
            Epoch = session.Epoch,
        };
        session.Outstanding.Add(call);
        Transmit(call);
    }

    private List<SimOperation> Invent()
    {
        List<SimOperation> operations = [];
        int count = _world.Random.Chance(0.6) ? 1 : _world.Random.Between(2, 5);
        for (int i = 0; i < count; i++)
        {
            string keyspace = $"ks{_world.Random.Below(2)}";
            string key = $"k{_world.Random.Below(_world.Plan.Keys)}";
            double dice = _world.Random.NextFraction();
            operations.Add(dice switch
            {
                < 0.45 => Write(keyspace, key, _world.Random.Chance(0.25) ? (WriteCondition)_world.Random.Between(1, 3) : WriteCondition.None),
                < 0.70 => new SimOperation(OperationKind.Get, keyspace, key, "", default, default, 0, 0),
                < 0.85 => new SimOperation(OperationKind.Delete, keyspace, key, "", default, default, 0, 0),
                < 0.92 => new SimOperation(OperationKind.Increment, "counters", $"c{_world.Random.Below(3)}", "", default, default, 0, 0),
                < 0.95 => new SimOperation(OperationKind.Expire, keyspace, key, "", default, default, _world.Random.Between(50, 800), 0),
                < 0.96 => new SimOperation(OperationKind.Statistics, keyspace, "", "", default, default, 0, 0),
                < 0.97 => new SimOperation(OperationKind.Scan, keyspace, "", "", default, default, 0, 0),
                < 0.98 => new SimOperation(OperationKind.Clear, keyspace, "", "", default, default, 0, 0),
                _ => new SimOperation(OperationKind.Peek, $"new{_world.Random.Below(4)}", key, "", default, default, 0, 0),
            });
        }

        return operations;
    }

    private SimOperation Write(string keyspace, string key, WriteCondition condition)
    {
        string value = $"{Id}:{++_values}:".PadRight(_world.Random.Between(8, _world.Plan.ValueBytesMax), '.');
        long ttl = _world.Random.Chance(0.15) ? _world.Random.Between(30, 2000) : 0;
        OperationFlags flags = _world.Random.Chance(0.1) ? OperationFlags.KeepExpiry : OperationFlags.None;
        return new SimOperation(OperationKind.Set, keyspace, key, value, condition, flags, ttl, _world.Random.Pick(_versionsSeen));
    }

    private void Transmit(ClientCall call)
    {
        Session session = _sessions[call.Shard];
        call.UnderWay++;
        call.SentAtMs = _world.NowMs;
        call.AcknowledgedBelow = _unordered || session.Outstanding.Count == 0 ? 0 : session.Outstanding.Min(other => other.Number);
        long number = call.Number, epoch = call.Epoch;
        byte[] request = call.Render();
        bool reached = false;
        _world.CallShard(
            null,
            Known,
            call.Shard,
            TimeoutUs + 10_000,
            (primary, answered) =>
            {
                reached = true;
                answered();
                primary.Execute(call, request);
            },
            () =>
            {
                if (!reached && IsOpen(call, number, epoch))
                    Reject(session, call);
            });
        _world.After(TimeoutUs, null, () =>
        {
            if (IsOpen(call, number, epoch))
                Finish(session, call);
        });
    }

    private static bool IsOpen(ClientCall call, long number, long epoch) =>
        !call.Done && !call.Rejected && call.Number == number && call.Epoch == epoch;

    /// <summary>
    /// A try was refused. Only when no other try is under way is it known that the batch was not applied; otherwise the
    /// other one's answer decides, or time.
    /// </summary>
    private void Reject(Session session, ClientCall call)
    {
        session.Stopped = true;
        call.Rejected = --call.UnderWay == 0 || Makes(RuntimeBug.ClientForgetsTries);
        RestartWhenSettled(session);
    }

    private void Finish(Session session, ClientCall call)
    {
        call.Done = true;
        session.Outstanding.Remove(call);
        RestartWhenSettled(session);
    }

    private void RestartWhenSettled(Session session)
    {
        if (!session.Stopped || session.Restarting)
            return;
        if (session.Outstanding.Any(call => !call.Rejected) && !Makes(RuntimeBug.ClientNumbersAnewEarly))
            return;
        session.Restarting = true;
        _world.After(_world.Random.Between(5, 60) * 1000L, null, () => Restart(session));
    }

    private void Restart(Session session)
    {
        session.Restarting = false;
        session.Stopped = false;
        if (session.Coming > session.Epoch && !_unordered)
        {
            session.Epoch = session.Coming;
            session.Next = 1;
            foreach (ClientCall call in session.Outstanding)
            {
                call.Number = session.Next++;
                call.Epoch = session.Epoch;
            }
        }

        foreach (ClientCall call in session.Outstanding.ToArray())
        {
            call.Rejected = false;
            Transmit(call);
        }
    }

    private bool Makes(RuntimeBug bug) => _world.Plan.Broken.HasFlag(bug);

    private sealed class Session
    {
        public long Epoch;
        public long Coming;
        public long Next = 1;
        public bool Stopped;
        public bool Restarting;
        public long LastSuccessMs = -1;
        public readonly List<ClientCall> Outstanding = [];
    }
}
