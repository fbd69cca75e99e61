using Grid.Formats.Buffers;
using Grid.Formats.Mutations;
using Grid.Formats.Operations;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <content>Operations that read.</content>
public sealed partial class ShardPrimary
{
    private const int ScanEntriesMax = 10_000;
    private const int ScanBytesMax = 1 << 20;

    private readonly KeyspaceTable _keyspaces = new();

    private void RestoreKeyspaces()
    {
        foreach (Keyspace keyspace in _copy.Store.Keyspaces)
            _keyspaces.Add(keyspace);
    }

    private void ExecuteRead(ref BatchRun run, PrimaryKeyspace? keyspace, in Operation operation)
    {
        if (!TryFind(ref run, keyspace, operation.Key, KeyHash.Compute(operation.Key), out EntryView entry))
        {
            Answer(run, OperationStatus.NotFound);
            return;
        }

        new OperationResult
        {
            HasValue = operation.Kind == OperationKind.Get,
            Value = operation.Kind == OperationKind.Get ? entry.Value : default,
            Version = entry.Version,
            ExpiryUnixMs = entry.ExpiryUnixMs,
        }.Write(run.Reply);
    }

    /// <summary>
    /// Looks an entry up and notes on which uncommitted mutation the answer depends, be it that the entry is there or
    /// that it is not. An entry found expired is deleted through the log first.
    /// </summary>
    private bool TryFind(ref BatchRun run, PrimaryKeyspace? keyspace, ReadOnlySpan<byte> key, ulong hash, out EntryView entry)
    {
        entry = default;
        if (_committed < _epochStart && !Plants(PlantedBug.ServesBeforeBarrier))
            run.Observe(_epochStart);
        if (keyspace is null)
            return false;
        switch (keyspace.Data.Lookup(key, hash, run.Now.UnixMs, out entry))
        {
            case EntryState.Live:
                run.Observe(EntryVersion.Offset(entry.Version));
                return true;
            case EntryState.Expired when Plants(PlantedBug.HidesExpired):
                return false;
            case EntryState.Expired:
                run.Observe(AppendDelete(keyspace, key, hash, expired: true));
                entry = default;
                return false;
            default:
                if (!Plants(PlantedBug.TellsUncommittedAbsence))
                    run.Observe(keyspace.AbsenceDependsOn(hash));
                return false;
        }
    }

    private void ExecuteScan(ref BatchRun run, PrimaryKeyspace? keyspace, in Operation operation)
    {
        run.Observe(Plants(PlantedBug.ScansUncommitted) ? 0 : LogEnd);
        bool keysOnly = operation.Flags.HasFlag(OperationFlags.KeysOnly);
        int entries = Math.Clamp(operation.EntriesMax, 1, ScanEntriesMax);
        int bytes = Math.Clamp(operation.BytesMax, 1, ScanBytesMax);
        PooledBuffer page = PooledBuffer.Rent(4096);
        ScanPageWriter writer = new(page, keysOnly);
        if (keyspace is null)
        {
            writer.End(0, done: true);
        }
        else
        {
            ulong next = keyspace.Data.Scan(operation.Cursor, entries, bytes, run.Now.UnixMs, new ScanSink(writer, operation.Key.ToArray()));
            writer.End(next, done: next == 0);
        }

        new OperationResult { HasValue = true, Value = page.Span }.Write(run.Reply);
        page.Release();
    }

    private void ExecuteStatistics(ref BatchRun run, PrimaryKeyspace? keyspace)
    {
        run.Observe(LogEnd);
        KeyspaceStatistics statistics = keyspace?.Data.Statistics ?? default;
        PooledBuffer packed = PooledBuffer.Rent(KeyspaceCounts.Length);
        new KeyspaceCounts(
            statistics.Entries,
            statistics.KeyBytes,
            statistics.ValueBytes,
            statistics.MemoryBytes,
            statistics.EntriesWithExpiry,
            statistics.Hits,
            statistics.Misses,
            statistics.Expired).Write(packed);
        new OperationResult { HasValue = true, Value = packed.Span }.Write(run.Reply);
        packed.Release();
    }

    private sealed class ScanSink(ScanPageWriter page, byte[] prefix) : IEntrySink
    {
        public void OnEntry(ReadOnlySpan<byte> key, in EntryView entry)
        {
            if (key.StartsWith(prefix))
                page.Add(key, entry.Value, entry.Version, entry.ExpiryUnixMs);
        }
    }
}
