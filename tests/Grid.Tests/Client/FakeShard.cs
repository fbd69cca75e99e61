using System.Buffers.Text;
using System.Text;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Tests.Client;

/// <summary>What a shard refuses everything with.</summary>
internal enum Refusing
{
    Nothing,
    NotPrimary,
    Unavailable,
    Overloaded,
}

/// <summary>
/// The server's side of the contract, as simply as it can be said: a dictionary, per client the number that comes
/// next, and, over all reigns, which of its operations took effect. Keeps a log of what took effect.
/// </summary>
internal sealed class FakeShard(int number, TimeProvider time)
{
    private readonly Dictionary<ulong, Session> _sessions = [];
    private readonly Dictionary<ulong, SortedDictionary<long, Effect>> _effects = [];
    private readonly SortedDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private long _offset;

    /// <summary>The reign.</summary>
    public long Epoch { get; private set; } = 3 + number;

    public Refusing Refusing { get; set; }

    /// <summary>A server that has forgotten a rule: it applies what comes, whatever its number.</summary>
    public bool IgnoresNumbers { get; set; }

    /// <summary>True if it keeps the last replies and gives them to whoever asks for a number again.</summary>
    public bool KeepsReplies { get; set; }

    /// <summary>A server that remembers nothing of its clients' operations.</summary>
    public bool ForgetsEffects { get; set; }

    /// <summary>A server that does what is repeated without a look at what it remembers.</summary>
    public bool IgnoresRepetition { get; set; }

    /// <summary>Operations that were repeated, and of them those that had taken effect.</summary>
    public (int Repeated, int Found) Repetitions { get; private set; }

    /// <summary>How long a batch behind a hole is kept.</summary>
    public long HoldMs { get; set; } = 60;

    /// <summary>Every write that took effect: keyspace/key, and its value or delta.</summary>
    public List<(string Key, string Token)> Applied { get; } = [];

    /// <summary>Batches executed, and operations in them.</summary>
    public (int Batches, int Operations) Executed { get; private set; }

    private sealed record Entry(byte[] Value, ulong Version, long ExpiryUnixMs);

    /// <summary>An operation that took effect: where, and its result.</summary>
    private sealed record Effect(string Keyspace, string? Key, ulong Version, long Number);

    private sealed class Session
    {
        public long Expected { get; set; } = 1;

        public SortedDictionary<long, Held> Held { get; } = [];

        public Dictionary<long, byte[]> Replies { get; } = [];
    }

    private sealed record Held(byte[] Request, Action<PooledBuffer> Answer, long UntilMs);

    /// <summary>A new primary: everything in waiting is refused, numbers begin anew.</summary>
    public void ChangeReign(long by)
    {
        foreach (Session session in _sessions.Values)
        {
            foreach (Held held in session.Held.Values)
                held.Answer(ReplyHeader.Refusal(BatchStatus.NotPrimary, Epoch, "deposed"));
        }

        _sessions.Clear();
        Epoch += by;
    }

    /// <summary>Gives up on holes.</summary>
    public void Tick(long nowMs)
    {
        foreach (Session session in _sessions.Values)
        {
            foreach ((long n, Held held) in session.Held.Where(held => held.Value.UntilMs <= nowMs).ToArray())
            {
                session.Held.Remove(n);
                held.Answer(ReplyHeader.Refusal(BatchStatus.ResendFrom, Epoch, "hole", session.Expected));
            }
        }
    }

    /// <summary>Takes a request as it came in.</summary>
    public void Handle(byte[] request, long nowMs, Action<PooledBuffer> answer)
    {
        RequestHeader header = RequestHeader.Read(request, out _);
        BatchStatus refusal = Refusing switch
        {
            Refusing.NotPrimary => BatchStatus.NotPrimary,
            Refusing.Unavailable => BatchStatus.Unavailable,
            Refusing.Overloaded => BatchStatus.Overloaded,
            _ => BatchStatus.Ok,
        };
        if (refusal != BatchStatus.Ok)
        {
            answer(ReplyHeader.Refusal(refusal, Epoch, $"refusing: {Refusing}"));
            return;
        }

        if (header.Epoch != Epoch)
        {
            answer(ReplyHeader.Refusal(BatchStatus.EpochChanged, Epoch, "another reign"));
            return;
        }

        if (IgnoresNumbers)
        {
            answer(Execute(request));
            return;
        }

        if (!_sessions.TryGetValue(header.Client, out Session? session))
            _sessions[header.Client] = session = new();
        Acknowledge(session, header.AcknowledgedBelow);
        if (header.Number < session.Expected)
        {
            answer(session.Replies.TryGetValue(header.Number, out byte[]? reply)
                ? Copy(reply)
                : ReplyHeader.Refusal(BatchStatus.Indeterminate, Epoch, "applied before"));
        }
        else if (header.Number > session.Expected)
        {
            // Of two copies none may be refused while the other is kept: a refusal says that nothing will be applied.
            session.Held[header.Number] = session.Held.Remove(header.Number, out Held? first)
                ? first with { Answer = Both(answer, first.Answer) }
                : new(request, answer, nowMs + HoldMs);
        }
        else
        {
            ExecuteInOrder(session, header.Number, request, answer);
        }

        Drain(session);
    }

    private static PooledBuffer Copy(byte[] reply)
    {
        PooledBuffer buffer = PooledBuffer.Rent(reply.Length);
        buffer.Write(reply);
        return buffer;
    }

    private static Action<PooledBuffer> Both(Action<PooledBuffer> second, Action<PooledBuffer> first) => reply =>
    {
        second(Copy(reply.Span.ToArray()));
        first(reply);
    };

    private void Acknowledge(Session session, long below)
    {
        if (below <= session.Expected)
            return;
        session.Expected = below;
        foreach ((long n, Held held) in session.Held.Where(held => held.Key < below).ToArray())
        {
            session.Held.Remove(n);
            held.Answer(ReplyHeader.Refusal(BatchStatus.Indeterminate, Epoch, "given up by its client"));
        }
    }

    private void Drain(Session session)
    {
        while (session.Held.Remove(session.Expected, out Held? next))
            ExecuteInOrder(session, session.Expected, next.Request, next.Answer);
    }

    private void ExecuteInOrder(Session session, long n, byte[] request, Action<PooledBuffer> answer)
    {
        session.Expected = n + 1;
        PooledBuffer reply = Execute(request);
        if (KeepsReplies)
            session.Replies[n] = reply.Span.ToArray();
        answer(reply);
    }

    private PooledBuffer Execute(byte[] request)
    {
        RequestHeader header = RequestHeader.Read(request, out int count);
        PooledBuffer reply = PooledBuffer.Rent(256);
        new ReplyHeader(BatchStatus.Ok, Epoch, 0, count).Write(reply);
        OperationReader reader = new(request, count);
        while (reader.TryRead(out Operation operation))
            ExecuteOnce(header, operation).Write(reply);
        Executed = (Executed.Batches + 1, Executed.Operations + count);
        return reply;
    }

    private OperationResult ExecuteOnce(in RequestHeader header, in Operation operation)
    {
        if (operation.Kind is OperationKind.Scan or OperationKind.Statistics)
            return Execute(operation);
        if (!_effects.TryGetValue(header.Client, out SortedDictionary<long, Effect>? effects))
            _effects.Add(header.Client, effects = []);
        long settledBelow = header.SettledBelow;
        foreach (long settled in effects.Keys.Where(n => n < settledBelow).ToArray())
            effects.Remove(settled);
        string keyspace = Encoding.Latin1.GetString(operation.Keyspace);
        string? key = operation.Kind == OperationKind.Clear ? null : Encoding.Latin1.GetString(operation.Key);
        if (header.Repeats && !IgnoresRepetition)
        {
            bool found = effects.TryGetValue(operation.Number, out Effect? effect);
            Repetitions = (Repetitions.Repeated + 1, Repetitions.Found + (found ? 1 : 0));
            if (ForgetsEffects)
                return Status(OperationStatus.SessionExpired);
            if (found)
                return new OperationResult { Version = effect!.Version, Number = effect.Number };
            long number = operation.Number;
            if (operation.Flags.HasFlag(OperationFlags.OnlyLookUp)
                || effects.Any(later => later.Key > number && later.Value.Keyspace == keyspace && (key is null || later.Value.Key is null || later.Value.Key == key)))
            {
                return Status(OperationStatus.Overtaken);
            }
        }

        int before = Applied.Count;
        OperationResult result = Execute(operation);
        if (Applied.Count > before)
            effects[operation.Number] = new Effect(keyspace, key, result.Version, result.Number);
        return result;
    }

    private OperationResult Execute(in Operation operation)
    {
        string keyspace = Encoding.Latin1.GetString(operation.Keyspace);
        string key = keyspace + "/" + Encoding.Latin1.GetString(operation.Key);
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        Entry? entry = _entries.GetValueOrDefault(key);
        if (entry is { ExpiryUnixMs: > 0 } && entry.ExpiryUnixMs <= now)
            entry = null;
        switch (operation.Kind)
        {
            case OperationKind.Get:
            case OperationKind.Peek:
                return entry is null ? Status(OperationStatus.NotFound) : Read(entry, operation.Kind == OperationKind.Get);
            case OperationKind.Set:
                return Set(operation, key, entry, now);
            case OperationKind.Delete:
                if (entry is null)
                    return Status(OperationStatus.NotFound);
                if (operation.Condition == WriteCondition.IfVersion && operation.Version != entry.Version)
                    return Status(OperationStatus.ConditionFailed);
                _entries.Remove(key);
                return Written(key, "deleted");
            case OperationKind.Expire:
                if (entry is null)
                    return Status(OperationStatus.NotFound);
                _entries[key] = entry with { ExpiryUnixMs = operation.TimeToLiveMs == 0 ? 0 : now + operation.TimeToLiveMs };
                return Written(key, "expiry");
            case OperationKind.Increment:
                return Increment(operation, key, entry, now);
            case OperationKind.Clear:
                string[] all = _entries.Keys.Where(k => k.StartsWith(keyspace + "/", StringComparison.Ordinal)).ToArray();
                foreach (string k in all)
                    _entries.Remove(k);
                return new OperationResult { Number = all.Length };
            case OperationKind.Statistics:
                PooledBuffer packed = PooledBuffer.Rent(KeyspaceCounts.Length);
                new KeyspaceCounts(_entries.Keys.Count(k => k.StartsWith(keyspace + "/", StringComparison.Ordinal)), 1, 2, 3, 4, 5, 6, 7).Write(packed);
                return new OperationResult { HasValue = true, Value = packed.Span };
            default:
                return Scan(operation, key, keyspace);
        }
    }

    private OperationResult Set(in Operation operation, string key, Entry? entry, long now)
    {
        bool holds = operation.Condition switch
        {
            WriteCondition.IfAbsent => entry is null,
            WriteCondition.IfPresent => entry is not null,
            WriteCondition.IfVersion => entry?.Version == operation.Version,
            _ => true,
        };
        if (!holds)
            return entry is not null && operation.Flags.HasFlag(OperationFlags.ReturnExisting) ? Read(entry, true) with { Status = OperationStatus.ConditionFailed } : Status(OperationStatus.ConditionFailed);
        OperationResult written = Written(key, Encoding.Latin1.GetString(operation.Value));
        long expiry = operation.TimeToLiveMs == 0 ? 0 : now + operation.TimeToLiveMs;
        if (entry is not null && operation.Flags.HasFlag(OperationFlags.KeepExpiry))
            expiry = entry.ExpiryUnixMs;
        _entries[key] = new(operation.Value.ToArray(), written.Version, expiry);
        return written;
    }

    private OperationResult Increment(in Operation operation, string key, Entry? entry, long now)
    {
        long value = 0;
        if (entry is not null && (!Utf8Parser.TryParse(entry.Value, out value, out int read) || read != entry.Value.Length))
            return Status(OperationStatus.NotANumber);
        if (value > 0 && operation.Delta > long.MaxValue - value)
            return Status(OperationStatus.Overflow);
        value += operation.Delta;
        OperationResult written = Written(key, operation.Delta.ToString());
        long expiry = entry?.ExpiryUnixMs ?? (operation.TimeToLiveMs == 0 ? 0 : now + operation.TimeToLiveMs);
        _entries[key] = new(Encoding.ASCII.GetBytes(value.ToString()), written.Version, expiry);
        return written with { Number = value };
    }

    private OperationResult Scan(in Operation operation, string prefix, string keyspace)
    {
        PooledBuffer page = PooledBuffer.Rent(256);
        bool keysOnly = operation.Flags.HasFlag(OperationFlags.KeysOnly);
        ScanPageWriter writer = new(page, keysOnly);
        (string Key, Entry Entry)[] all = [.. _entries.Where(e => e.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(e => (e.Key, e.Value))];
        ulong next = operation.Cursor;
        for (int i = 0; i < operation.EntriesMax && next < (ulong)all.Length && page.Length < operation.BytesMax; i++, next++)
        {
            (string key, Entry entry) = all[next];
            writer.Add(Encoding.Latin1.GetBytes(key[(keyspace.Length + 1)..]), entry.Value, entry.Version, entry.ExpiryUnixMs);
        }

        writer.End(next, next >= (ulong)all.Length);
        return new OperationResult { HasValue = true, Value = page.Span };
    }

    private OperationResult Written(string key, string token)
    {
        Applied.Add((key, token));
        return new OperationResult { Version = ((ulong)Epoch << 44) | (ulong)++_offset };
    }

    private static OperationResult Read(Entry entry, bool value) => new()
    {
        HasValue = value,
        Value = value ? entry.Value : default(ReadOnlySpan<byte>),
        Version = entry.Version,
        ExpiryUnixMs = entry.ExpiryUnixMs,
    };

    private static OperationResult Status(OperationStatus status) => new() { Status = status };
}
