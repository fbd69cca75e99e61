using System.Buffers.Text;
using System.Text;
using System.Text.Unicode;
using Grid.Formats.Mutations;
using Grid.Formats.Operations;
using Grid.Replication.Time;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <content>Operations that write: each is decided here, and only its effect goes into the log.</content>
public sealed partial class ShardPrimary
{
    private readonly Queue<(long Offset, PrimaryKeyspace Keyspace, ulong Hash)> _tombstones = new();
    private readonly ExpiredEntries _expired = new();

    private void ExecuteWrite(ref BatchRun run, PrimaryKeyspace? keyspace, in Operation operation)
    {
        run.MeansToWrite = true;
        OperationStatus obstacle = ObstacleToWrite(run, operation);
        if (obstacle != OperationStatus.Ok)
        {
            Answer(run, obstacle);
            return;
        }

        keyspace ??= operation.Kind is OperationKind.Set or OperationKind.Increment ? CreateKeyspace(operation.Keyspace) : null;
        if (keyspace is null)
        {
            if (_committed < _epochStart && !Plants(PlantedBug.ServesBeforeBarrier))
                run.Observe(_epochStart);
            Answer(run, operation.Kind == OperationKind.Clear ? OperationStatus.Ok : _keyspaces.Count < _options.KeyspacesMax ? OperationStatus.NotFound : OperationStatus.Overloaded);
            return;
        }

        ulong hash = KeyHash.Compute(operation.Key);
        switch (operation.Kind)
        {
            case OperationKind.Set:
                ExecuteSet(ref run, keyspace, hash, operation);
                break;
            case OperationKind.Delete:
                ExecuteDelete(ref run, keyspace, hash, operation);
                break;
            case OperationKind.Expire:
                ExecuteExpire(ref run, keyspace, hash, operation);
                break;
            case OperationKind.Increment:
                ExecuteIncrement(ref run, keyspace, hash, operation);
                break;
            case OperationKind.Clear:
                ExecuteClear(ref run, keyspace, operation);
                break;
        }
    }

    /// <summary>Whether a write must be refused before anything is changed.</summary>
    private OperationStatus ObstacleToWrite(in BatchRun run, in Operation operation)
    {
        bool keyless = operation.Kind == OperationKind.Clear;
        if (operation.Key.Length > _options.KeyBytesMax || operation.Value.Length > _options.ValueBytesMax || (operation.Key.IsEmpty && !keyless))
            return OperationStatus.Invalid;
        if (operation.Keyspace.Length > KeyspaceNameBytesMax || !Utf8.IsValid(operation.Keyspace))
            return OperationStatus.Invalid;
        if (LogEnd >= EntryVersion.OffsetMax || operation.TimeToLiveMs > TimeToLiveMsMax)
            return OperationStatus.Invalid;
        if (run.Durability == WriteDurability.Replicated && !EnoughToWrite(run.Now))
            return OperationStatus.NotEnoughReplicas;
        if (Plants(PlantedBug.RefusesLargeWrites) && operation.Value.Length > _options.UncommittedBytesMax)
            return OperationStatus.Overloaded;
        return HasRoom(run.Now) ? OperationStatus.Ok : OperationStatus.Overloaded;
    }

    private const int KeyspaceNameBytesMax = 256;

    /// <summary>A thousand years.</summary>
    private const long TimeToLiveMsMax = 1000L * 366 * 24 * 3600 * 1000;

    private void ExecuteSet(ref BatchRun run, PrimaryKeyspace keyspace, ulong hash, in Operation operation)
    {
        bool keepExpiry = operation.Flags.HasFlag(OperationFlags.KeepExpiry);
        long expiry = operation.TimeToLiveMs == 0 || operation.Flags.HasFlag(OperationFlags.ExpiresAt)
            ? operation.TimeToLiveMs
            : run.Now.UnixMs + operation.TimeToLiveMs;
        if (operation.Condition != WriteCondition.None || keepExpiry)
        {
            bool found = TryFind(ref run, keyspace, operation.Key, hash, out EntryView entry);
            if (!Holds(operation, found, entry.Version))
            {
                bool showIt = found && operation.Flags.HasFlag(OperationFlags.ReturnExisting);
                new OperationResult
                {
                    Status = OperationStatus.ConditionFailed,
                    HasValue = showIt,
                    Value = showIt ? entry.Value : default,
                    Version = entry.Version,
                    ExpiryUnixMs = entry.ExpiryUnixMs,
                }.Write(run.Reply);
                return;
            }

            if (keepExpiry && expiry == 0)
                expiry = entry.ExpiryUnixMs;
        }

        long offset = AppendSet(keyspace, operation.Key, hash, operation.Value, expiry, OriginOf(ref run, operation.Number));
        run.Wrote(offset);
        Answer(run, OperationStatus.Ok, EntryVersion.Pack(_epoch, offset), expiry);
    }

    private void ExecuteDelete(ref BatchRun run, PrimaryKeyspace keyspace, ulong hash, in Operation operation)
    {
        if (!TryFind(ref run, keyspace, operation.Key, hash, out EntryView entry))
        {
            Answer(run, OperationStatus.NotFound);
            return;
        }

        if (!Holds(operation, found: true, entry.Version))
        {
            Answer(run, OperationStatus.ConditionFailed, entry.Version, entry.ExpiryUnixMs);
            return;
        }

        MutationOrigin origin = OriginOf(ref run, operation.Number);
        long offset = AppendDelete(keyspace, operation.Key, hash, origin);
        Remember(origin, keyspace, hash, offset);
        run.Wrote(offset);
        Answer(run, OperationStatus.Ok);
    }

    private void ExecuteExpire(ref BatchRun run, PrimaryKeyspace keyspace, ulong hash, in Operation operation)
    {
        if (!TryFind(ref run, keyspace, operation.Key, hash, out EntryView entry))
        {
            Answer(run, OperationStatus.NotFound);
            return;
        }

        if (!Holds(operation, found: true, entry.Version))
        {
            Answer(run, OperationStatus.ConditionFailed, entry.Version, entry.ExpiryUnixMs);
            return;
        }

        long expiry = operation.TimeToLiveMs > 0 ? run.Now.UnixMs + operation.TimeToLiveMs : 0;
        MutationOrigin origin = OriginOf(ref run, operation.Number);
        int length = Mutation.WriteExpire(_copy.Log.Reserve(_epoch, Mutation.LengthMax(operation.Key.Length, 0)), keyspace.Data.Id, operation.Key, expiry, origin);
        long offset = Append(length);
        ulong version = EntryVersion.Pack(_epoch, offset);
        keyspace.Data.SetExpiry(operation.Key, hash, expiry, version);
        Remember(origin, keyspace, hash, offset);
        run.Wrote(offset);
        Answer(run, OperationStatus.Ok, version, expiry);
    }

    private void ExecuteIncrement(ref BatchRun run, PrimaryKeyspace keyspace, ulong hash, in Operation operation)
    {
        long counter = 0;
        bool found = TryFind(ref run, keyspace, operation.Key, hash, out EntryView entry);
        if (found
            && (!Utf8Parser.TryParse(entry.Value, out counter, out int read) || read != entry.Value.Length))
        {
            Answer(run, OperationStatus.NotANumber, entry.Version, entry.ExpiryUnixMs);
            return;
        }

        if (operation.Delta > 0 ? counter > long.MaxValue - operation.Delta : counter < long.MinValue - operation.Delta)
        {
            Answer(run, OperationStatus.Overflow, entry.Version, entry.ExpiryUnixMs);
            return;
        }

        counter += operation.Delta;
        long expiry = operation.TimeToLiveMs > 0 ? run.Now.UnixMs + operation.TimeToLiveMs : 0;
        if (found && operation.Flags.HasFlag(OperationFlags.KeepExpiry))
            expiry = entry.ExpiryUnixMs;
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(counter, digits, out int length);
        long offset = AppendSet(keyspace, operation.Key, hash, digits[..length], expiry, OriginOf(ref run, operation.Number), counter);
        run.Wrote(offset);
        Answer(run, OperationStatus.Ok, EntryVersion.Pack(_epoch, offset), expiry, counter);
    }

    private void ExecuteClear(ref BatchRun run, PrimaryKeyspace keyspace, in Operation operation)
    {
        run.Observe(LogEnd);
        long entries = keyspace.Data.Statistics.Entries;
        MutationOrigin origin = OriginOf(ref run, operation.Number);
        long offset = Append(Mutation.WriteClear(_copy.Log.Reserve(_epoch, Mutation.LengthMax(0, 0)), keyspace.Data.Id, origin, entries));
        keyspace.Data.Clear(EntryVersion.Pack(_epoch, offset));
        Remember(origin, keyspace, 0, offset, entries, clears: true);
        keyspace.ClearedAt = Plants(PlantedBug.TellsUncommittedClear) ? 0 : offset;
        run.Wrote(offset);
        Answer(run, OperationStatus.Ok, number: entries);
    }

    private static bool Holds(in Operation operation, bool found, ulong version) => operation.Condition switch
    {
        WriteCondition.None => true,
        WriteCondition.IfAbsent => !found,
        WriteCondition.IfPresent => found,
        _ => found && version == operation.Version,
    };

    private long AppendSet(
        PrimaryKeyspace keyspace, ReadOnlySpan<byte> key, ulong hash, ReadOnlySpan<byte> value, long expiryUnixMs, in MutationOrigin origin, long? result = null)
    {
        Span<byte> log = _copy.Log.Reserve(_epoch, Mutation.LengthMax(key.Length, value.Length));
        long offset = Append(Mutation.WriteSet(log, keyspace.Data.Id, key, value, expiryUnixMs, origin, result));
        keyspace.Data.Set(key, hash, value, expiryUnixMs, EntryVersion.Pack(_epoch, offset));
        Remember(origin, keyspace, hash, offset, result ?? 0);
        return offset;
    }

    private long AppendDelete(PrimaryKeyspace keyspace, ReadOnlySpan<byte> key, ulong hash, in MutationOrigin origin = default, bool expired = false)
    {
        Span<byte> log = _copy.Log.Reserve(_epoch, Mutation.LengthMax(key.Length, 0));
        long offset = Append(Mutation.WriteDelete(log, keyspace.Data.Id, key, origin));
        keyspace.Data.Delete(key, hash, EntryVersion.Pack(_epoch, offset), expired);
        if (expired)
            _output.CountExpired(keyspace.Data);
        keyspace.Tombstones[hash] = offset;
        _tombstones.Enqueue((offset, keyspace, hash));
        return offset;
    }

    private PrimaryKeyspace? CreateKeyspace(ReadOnlySpan<byte> name)
    {
        if (_keyspaces.Count >= _options.KeyspacesMax)
            return null;
        string text = Encoding.UTF8.GetString(name);
        int id = _keyspaces.NextId;
        Append(Mutation.WriteCreateKeyspace(_copy.Log.Reserve(_epoch, Mutation.LengthMax(name.Length, 0)), id, text));
        return _keyspaces.Add(_copy.Store.GetOrCreate(id, text));
    }

    private void ForgetTombstones()
    {
        while (_tombstones.TryPeek(out (long Offset, PrimaryKeyspace Keyspace, ulong Hash) oldest) && oldest.Offset <= _committed)
        {
            _tombstones.Dequeue();
            if (oldest.Keyspace.Tombstones.TryGetValue(oldest.Hash, out long newest) && newest == oldest.Offset)
                oldest.Keyspace.Tombstones.Remove(oldest.Hash);
        }
    }

    /// <summary>Active expiry: at the primary only, in bounded slices, each one replicated as a delete.</summary>
    private void ExpireSlice(Instant now)
    {
        if (IsSealed)
            return;
        if (!HasRoom(now))
            return;
        _expired.Clear();
        _copy.Store.FindExpired(now.UnixMs, _options.ExpirySliceEntries, _expired);
        foreach ((Keyspace data, byte[] key) in _expired.Found)
        {
            PrimaryKeyspace? keyspace = _keyspaces.All.FirstOrDefault(keyspace => keyspace.Data == data);
            if (keyspace is not null)
                AppendDelete(keyspace, key, KeyHash.Compute(key), expired: true);
        }

        if (_expired.Found.Count == 0)
            return;
        AdvanceCommitted(now);
        Flush(now);
    }

    private sealed class ExpiredEntries : IExpiredSink
    {
        public List<(Keyspace Keyspace, byte[] Key)> Found { get; } = [];

        public void Clear() => Found.Clear();

        public bool OnExpired(Keyspace keyspace, ReadOnlySpan<byte> key, ulong version)
        {
            Found.Add((keyspace, key.ToArray()));
            return true;
        }
    }
}
