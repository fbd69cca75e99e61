using Grid.Client.Local;
using Grid.Client.Operations;
using Grid.Client.Pipelines;
using Grid.Formats.Operations;

namespace Grid.Client.Keyspaces;

/// <summary>The calls on one keyspace, over bytes, with the result in whatever form a reader gives it.</summary>
internal sealed class KeyspaceCalls
{
    private readonly CallSettings _defaults;
    private readonly long _timeToLiveMs;

    public KeyspaceCalls(OperationDispatcher dispatcher, string name, KeyspaceOptions? options)
    {
        Checks.KeyspaceName(name);
        Dispatcher = dispatcher;
        Name = name;
        GridClientOptions client = dispatcher.Options;
        _defaults = new CallSettings(
            Checks.Durability(options?.Durability ?? client.Durability, nameof(KeyspaceOptions.Durability)),
            Checks.ReadMode(options?.ReadMode ?? client.ReadMode, nameof(KeyspaceOptions.ReadMode)),
            Checks.Timeout(options?.Timeout ?? client.Timeout, nameof(KeyspaceOptions.Timeout)),
            Checks.MaxStaleness(options?.MaxStaleness ?? client.MaxStaleness, nameof(KeyspaceOptions.MaxStaleness)));
        if (options?.TimeToLive is { } timeToLive)
            _timeToLiveMs = Checks.TimeToLive(timeToLive, nameof(KeyspaceOptions.TimeToLive));
    }

    /// <summary>The client's engine.</summary>
    public OperationDispatcher Dispatcher { get; }

    /// <summary>The keyspace's name.</summary>
    public string Name { get; }

    /// <summary>The settings of a call.</summary>
    public CallSettings Settings(in CallOptions options)
    {
        if (options.Durability is null && options.ReadMode is null && options.Timeout is null && options.MaxStaleness is null)
            return _defaults;
        return new CallSettings(
            options.Durability is { } durability ? Checks.Durability(durability, nameof(CallOptions.Durability)) : _defaults.Durability,
            options.ReadMode is { } mode ? Checks.ReadMode(mode, nameof(CallOptions.ReadMode)) : _defaults.ReadMode,
            options.Timeout is { } timeout ? Checks.Timeout(timeout, nameof(CallOptions.Timeout)) : _defaults.TimeoutMs,
            options.MaxStaleness is { } bound ? Checks.MaxStaleness(bound, nameof(CallOptions.MaxStaleness)) : _defaults.MaxStalenessMs);
    }

    /// <summary>Get, Peek.</summary>
    public ValueTask<T> Read<T>(
        OperationKind kind, ReadOnlySpan<byte> key, ResultReader<T> reader, object? state, in CallOptions options, CancellationToken token)
    {
        CallSettings settings = Settings(options);
        if (settings.ReadMode == ReadMode.Local && Dispatcher.LocalCopies is { } copies && !token.IsCancellationRequested)
        {
            Checks.Key(key);
            try
            {
                if (LocalRead.TryRead(Dispatcher, copies, Name, kind, key, settings, reader, state, out T result))
                    return new(result);
            }
            catch (GridException unreadable)
            {
                return ValueTask.FromException<T>(unreadable);
            }
        }

        Operation data = new() { Kind = kind };
        return Call(key, ref data, reader, state, options, token);
    }

    /// <summary>Set.</summary>
    public ValueTask<SetResult> Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, in SetOptions set, in CallOptions options, CancellationToken token)
    {
        Operation data = new() { Kind = OperationKind.Set, Value = value };
        Checks.Value(value);
        switch (set.When)
        {
            case SetWhen.Always:
                break;
            case SetWhen.Absent:
                data.Condition = WriteCondition.IfAbsent;
                break;
            case SetWhen.Present:
                data.Condition = WriteCondition.IfPresent;
                break;
            case SetWhen.Version:
                Checks.Version(set.Version, nameof(SetOptions.Version));
                data.Condition = WriteCondition.IfVersion;
                data.Version = set.Version;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(set), set.When, "SetOptions.When is Always, Absent, Present or Version.");
        }

        if (set.Version != 0 && set.When != SetWhen.Version)
            throw new ArgumentException("SetOptions.Version is given, but When is not SetWhen.Version.", nameof(set));
        if ((set.KeepTimeToLive ? 1 : 0) + (set.TimeToLive is null ? 0 : 1) + (set.ExpiresAt is null ? 0 : 1) > 1)
            throw new ArgumentException("SetOptions.KeepTimeToLive, TimeToLive and ExpiresAt exclude each other.", nameof(set));
        if (set.KeepTimeToLive)
        {
            data.Flags = OperationFlags.KeepExpiry;
        }
        else if (set.ExpiresAt is { } moment)
        {
            data.Flags = OperationFlags.ExpiresAt;
            data.TimeToLiveMs = Checks.Moment(moment, nameof(SetOptions.ExpiresAt));
        }
        else
        {
            data.TimeToLiveMs = TimeToLiveMs(set.TimeToLive);
        }

        return Call(key, ref data, Readers.Set, null, options, token);
    }

    /// <summary>Set if absent, with the entry that is there as the answer.</summary>
    public ValueTask<T> GetOrAdd<T>(
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> value,
        TimeSpan? timeToLive,
        ResultReader<T> reader,
        object? state,
        in CallOptions options,
        CancellationToken token)
    {
        Checks.Value(value);
        Operation data = new()
        {
            Kind = OperationKind.Set,
            Value = value,
            Condition = WriteCondition.IfAbsent,
            Flags = OperationFlags.ReturnExisting,
            TimeToLiveMs = TimeToLiveMs(timeToLive),
        };
        return Call(key, ref data, reader, state, options, token);
    }

    /// <summary>Delete; with a version other than 0 only that one.</summary>
    public ValueTask<bool> Delete(ReadOnlySpan<byte> key, ulong version, in CallOptions options, CancellationToken token)
    {
        Operation data = new() { Kind = OperationKind.Delete };
        if (version != 0)
        {
            data.Condition = WriteCondition.IfVersion;
            data.Version = version;
        }

        return Call(key, ref data, Readers.IsOk, null, options, token);
    }

    /// <summary>Expire; null for no expiry.</summary>
    public ValueTask<bool> Expire(ReadOnlySpan<byte> key, TimeSpan? timeToLive, in CallOptions options, CancellationToken token)
    {
        Operation data = new() { Kind = OperationKind.Expire };
        if (timeToLive is { } time)
            data.TimeToLiveMs = Checks.TimeToLive(time, nameof(timeToLive));
        return Call(key, ref data, Readers.IsOk, null, options, token);
    }

    /// <summary>Increment.</summary>
    public ValueTask<long> Increment(ReadOnlySpan<byte> key, long delta, TimeSpan? timeToLive, in CallOptions options, CancellationToken token)
    {
        Operation data = new() { Kind = OperationKind.Increment, Delta = delta, Flags = OperationFlags.KeepExpiry };
        if (timeToLive is { } time)
            data.TimeToLiveMs = Checks.TimeToLive(time, nameof(timeToLive));
        return Call(key, ref data, Readers.Number, null, options, token);
    }

    /// <summary>A read or a delete of each of many keys.</summary>
    public ValueTask<T[]> Many<T>(
        OperationKind kind, ReadOnlySpan<ReadOnlyMemory<byte>> keys, ResultReader<T> reader, object? state, in CallOptions options, CancellationToken token)
    {
        Checks.ManyKeys(keys.Length, nameof(keys));
        CallSettings settings = Settings(options);
        foreach (ReadOnlyMemory<byte> key in keys)
            Checks.Key(key.Span);
        bool local = settings.ReadMode == ReadMode.Local && kind is (OperationKind.Get or OperationKind.Peek) && !token.IsCancellationRequested;
        return local && Dispatcher.LocalCopies is { } copies
            ? LocalMany.Read(this, copies, kind, keys, reader, state, settings, token)
            : ManyAtPrimaries(kind, keys, reader, state, settings, token);
    }

    /// <summary>The same at the primaries, with keys that are checked.</summary>
    public ValueTask<T[]> ManyAtPrimaries<T>(
        OperationKind kind, ReadOnlySpan<ReadOnlyMemory<byte>> keys, ResultReader<T> reader, object? state, in CallSettings settings, CancellationToken token)
    {
        long bytes = 0;
        foreach (ReadOnlyMemory<byte> key in keys)
            bytes += Batch.SizeOf(new Operation { Key = key.Span });

        if (Begin(keys.Length, kind, reader, state, settings, token, out ManyOperation<T>? call, out ValueTask<T[]> over))
            return over;
        OperationDispatcher.ManyStarter starter = Dispatcher.StartMany(call, keys.Length, bytes);
        foreach (ReadOnlyMemory<byte> key in keys)
            starter.Add(new Operation { Kind = kind, Key = key.Span });
        starter.End();
        return call.Task;
    }

    /// <summary>A set of each of many entries.</summary>
    public ValueTask<ulong[]> SetMany(
        ReadOnlySpan<KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>> entries, TimeSpan? timeToLive, in CallOptions options, CancellationToken token)
    {
        Checks.ManyKeys(entries.Length, nameof(entries));
        CallSettings settings = Settings(options);
        long timeToLiveMs = TimeToLiveMs(timeToLive);
        long bytes = 0;
        foreach (ref readonly KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> entry in entries)
        {
            Checks.Key(entry.Key.Span);
            Checks.Value(entry.Value.Span);
            bytes += Batch.SizeOf(new Operation { Key = entry.Key.Span, Value = entry.Value.Span });
        }

        if (Begin(entries.Length, OperationKind.Set, Readers.Version, null, settings, token, out ManyOperation<ulong>? call, out ValueTask<ulong[]> over))
            return over;
        OperationDispatcher.ManyStarter starter = Dispatcher.StartMany(call, entries.Length, bytes);
        foreach (ref readonly KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> entry in entries)
            starter.Add(new Operation { Kind = OperationKind.Set, Key = entry.Key.Span, Value = entry.Value.Span, TimeToLiveMs = timeToLiveMs });
        starter.End();
        return call.Task;
    }

    /// <summary>An operation on every shard.</summary>
    public async ValueTask<T[]> OnAllShards<T>(OperationKind kind, ResultReader<T> reader, CallOptions options, CancellationToken token)
    {
        CallSettings settings = Settings(options);
        token.ThrowIfCancellationRequested();
        await Dispatcher.OpenAsync(settings.TimeoutMs, token).ConfigureAwait(false);
        ManyOperation<T> call = new(Dispatcher.ShardCount, reader);
        call.Begin(Dispatcher, Name, kind, settings.ForPrimary, null, token, Dispatcher.ShardCount);
        Dispatcher.StartOnAll(call, new Operation { Kind = kind });
        return await call.Task.ConfigureAwait(false);
    }

    /// <summary>One page of a scan of one shard.</summary>
    public ValueTask<T> ScanPage<T>(
        int shard, ulong cursor, in ScanOptions scan, int entriesMax, int bytesMax, ResultReader<T> reader, in CallSettings settings, CancellationToken token)
    {
        Operation data = new()
        {
            Kind = OperationKind.Scan,
            Flags = scan.KeysOnly ? OperationFlags.KeysOnly : OperationFlags.None,
            Key = scan.Prefix.Span,
            Cursor = cursor,
            EntriesMax = entriesMax,
            BytesMax = bytesMax,
        };
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<T>(token);
        SingleOperation<T> call = SingleOperation<T>.Rent(Dispatcher, Name, OperationKind.Scan, settings.ForPrimary, reader, null, token);
        ValueTask<T> task = call.Task;
        Dispatcher.StartOn(shard, call, data);
        return task;
    }

    private ValueTask<T> Call<T>(
        ReadOnlySpan<byte> key, ref Operation data, ResultReader<T> reader, object? state, in CallOptions options, CancellationToken token)
    {
        Checks.Key(key);
        data.Key = key;
        CallSettings settings = Settings(options);
        if (token.IsCancellationRequested)
            return ValueTask.FromCanceled<T>(token);
        SingleOperation<T> call = SingleOperation<T>.Rent(Dispatcher, Name, data.Kind, settings.ForPrimary, reader, state, token);
        ValueTask<T> task = call.Task;
        Dispatcher.Start(call, data);
        return task;
    }

    /// <summary>True if the call is over before it began.</summary>
    private bool Begin<T>(
        int count,
        OperationKind kind,
        ResultReader<T> reader,
        object? state,
        in CallSettings settings,
        CancellationToken token,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out ManyOperation<T>? call,
        out ValueTask<T[]> over)
    {
        call = null;
        over = default;
        if (count == 0 || token.IsCancellationRequested)
        {
            over = token.IsCancellationRequested ? ValueTask.FromCanceled<T[]>(token) : ValueTask.FromResult<T[]>([]);
            return true;
        }

        call = new ManyOperation<T>(count, reader);
        call.Begin(Dispatcher, Name, kind, settings.ForPrimary, state, token, count);
        return false;
    }

    private long TimeToLiveMs(TimeSpan? timeToLive) =>
        timeToLive is { } time ? Checks.TimeToLive(time, nameof(SetOptions.TimeToLive)) : _timeToLiveMs;
}
