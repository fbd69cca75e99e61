using Grid.Formats.Operations;
using Grid.Server.Chaos.Histories;

namespace Grid.Tests.Simulation;

/// <summary>
/// A client: keeps several batches per shard under way, numbers them and their operations, and sends again in order, as
/// repetitions, what was refused or not answered.
/// </summary>
internal sealed class SimClient
{
    private const long TimeoutUs = 3_000_000;

    /// <summary>How long nothing must be heard of a call for it to be sent once more.</summary>
    private const long SilenceUs = 600_000;

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

    public void OnReply(ClientTry attempt, byte[] reply)
    {
        ClientCall call = attempt.Call;
        if (call.Done || (!Makes(RuntimeBug.ClientTakesOldAnswers) && (!attempt.IsCurrent || call.Rejected)))
            return;
        Session session = _sessions[call.Shard];
        ReplyHeader header = ReplyHeader.Read(reply);
        _world.Count($"Reply{header.Status}");
        switch (header.Status)
        {
            case BatchStatus.Ok:
                Answered(session, call, call.ReadResults(reply));
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
                // The missing one and this one, not all behind the hole: each of those gets an answer of its own, and would multiply.
                if (session.Outstanding.Find(missing => missing.Number == header.Argument) is { } first && first != call && !first.Rejected && _world.NowMs - first.SentAtMs > 10)
                    Transmit(first);
                Transmit(call);
                break;
            case BatchStatus.Indeterminate when !_unordered:
                session.NumbersAnew = true;
                Reject(session, call);
                break;
            case BatchStatus.Malformed:
                throw _world.Violation($"{call} was called malformed: {ReplyHeader.ReadMessage(reply)}");
            default:
                bool isRefused = header.Status != BatchStatus.Indeterminate && call.Sends <= 1;
                _world.Histories[call.Shard].Ended(call, isRefused ? HistoryOutcome.Refused : HistoryOutcome.Unknown);
                Finish(session, call);
                break;
        }
    }

    private void Answered(Session session, ClientCall call, List<SimResult> results)
    {
        for (int i = 0; i < results.Count; i++)
        {
            _world.Count($"Result{results[i].Status}");
            if (results[i].Version != 0 && _versionsSeen.Count < 50)
                _versionsSeen.Add(results[i].Version);
        }

        _world.Oracles[call.Shard].OnTold(call, results);
        _world.Histories[call.Shard].Answered(call, results);
        foreach (ClientCall earlier in session.Outstanding)
        {
            if (earlier.FirstOperation < call.FirstOperation)
                earlier.OnlyLookUp(call);
        }

        if (call.Durability == WriteDurability.Replicated)
            session.LastSuccessMs = _world.NowMs;
        Finish(session, call);
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
        List<SimOperation> operations = Invent();
        ClientCall call = new(this, shard, operations, _world.Random.Chance(0.85) ? WriteDurability.Replicated : WriteDurability.Primary)
        {
            Number = _unordered ? 0 : session.Next++,
            Epoch = session.Epoch,
            FirstOperation = _unordered ? 0 : session.NextOperation,
            BegunUs = _world.NowUs,
            Committed = !operations.Exists(Oracle.IsWrite) && _world.Random.Chance(0.2),
        };
        session.NextOperation += operations.Count;
        session.Outstanding.Add(call);
        _world.After(TimeoutUs, null, () =>
        {
            if (call.Done)
                return;
            _world.Histories[call.Shard].Ended(call, HistoryOutcome.Unknown);
            Finish(session, call);
        });
        Transmit(call);
    }

    private List<SimOperation> Invent()
    {
        List<SimOperation> operations = [];
        int count = _world.Random.Chance(0.6) ? 1 : _world.Random.Between(2, ClientCall.OperationsMax);
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
        call.Rejected = false;
        call.SentAtMs = _world.NowMs;
        call.Repeats = !_unordered && call.Sends > 0 && !Makes(RuntimeBug.ClientRepeatsAsNew);
        call.Sends += call.Epoch > 0 ? 1 : 0;
        call.AcknowledgedBelow = _unordered ? 0 : session.Outstanding.Min(other => other.Number);
        call.SettledBelow = _unordered ? 0 : session.Outstanding.Min(other => other.FirstOperation);
        ClientTry attempt = new(call, call.Number, call.Epoch);
        int sends = call.Sends;
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
                primary.Execute(attempt, request);
            },
            () =>
            {
                if (!reached && attempt.IsCurrent && !call.Rejected)
                    Reject(session, call);
            });
        if (_unordered)
            return;
        _world.After(SilenceUs, null, () =>
        {
            if (attempt.IsCurrent && !call.Rejected && call.Sends == sends)
                Transmit(call);
        });
    }

    /// <summary>A try was refused, or the shard is past its number: all is sent again in order, after a pause.</summary>
    private void Reject(Session session, ClientCall call)
    {
        call.Rejected = true;
        session.Stopped = true;
        RestartSoon(session);
    }

    private static void Finish(Session session, ClientCall call)
    {
        call.Done = true;
        session.Outstanding.Remove(call);
    }

    private void RestartSoon(Session session)
    {
        if (session.Restarting)
            return;
        session.Restarting = true;
        _world.After(_world.Random.Between(5, 60) * 1000L, null, () => Restart(session));
    }

    /// <summary>Under a new reign, or when the shard is past their numbers, calls get new ones; their operations keep theirs.</summary>
    private void Restart(Session session)
    {
        session.Restarting = false;
        session.Stopped = false;
        bool isNewReign = session.Coming > session.Epoch;
        if (!_unordered && (isNewReign || session.NumbersAnew))
        {
            session.NumbersAnew = false;
            session.Epoch = Math.Max(session.Epoch, session.Coming);
            session.Next = isNewReign ? 1 : session.Next;
            foreach (ClientCall call in Makes(RuntimeBug.ClientResendsInReverse) ? session.Outstanding.AsEnumerable().Reverse() : session.Outstanding)
            {
                call.Number = session.Next++;
                call.Epoch = session.Epoch;
                call.Rejected = true;
            }
        }

        foreach (ClientCall call in session.Outstanding.Where(call => call.Rejected).ToArray())
            Transmit(call);
    }

    private bool Makes(RuntimeBug bug) => _world.Plan.Broken.HasFlag(bug);

    private sealed class Session
    {
        public long Epoch;
        public long Coming;
        public long Next = 1;
        public long NextOperation = 1;
        public bool NumbersAnew;
        public bool Stopped;
        public bool Restarting;
        public long LastSuccessMs = -1;
        public readonly List<ClientCall> Outstanding = [];
    }
}
