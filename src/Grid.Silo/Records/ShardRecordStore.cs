using Grid.Client.Contracts.Operator;
using Grid.Replication.Records;
using Grid.Silo.Events;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace Grid.Silo.Records;

/// <summary>
/// The shard records in Orleans grain storage, with its ETag as compare-and-set. Used directly, not through a grain's
/// state: who reigns may not depend on Orleans running one activation of a grain.
/// </summary>
internal sealed partial class ShardRecordStore(IServiceProvider services, IOptions<GridOptions> options, Troubles troubles, ILogger<ShardRecordStore> logger)
{
    private const string StateName = "shard-record";

    /// <summary>What may fail while the other works: a store that is full, or follows another server, is read but not written.</summary>
    private const string Reads = "record store, reads";
    private const string Writes = "record store, writes";

    private readonly IGrainStorage _storage = services.GetRequiredKeyedService<IGrainStorage>(options.Value.RecordStorage);

    /// <summary>Reads a record; null when there is none.</summary>
    public async Task<StoredRecord?> ReadAsync(int shard)
    {
        GrainState<ShardRecordState> state = new(new ShardRecordState());
        try
        {
            await _storage.ReadStateAsync(StateName, IdOf(shard), state);
        }
        catch (Exception failure)
        {
            troubles.Failed(Reads, EventSeverity.Error, shard, $"the record store cannot be read, so shards cannot be taken over: {failure.Message}");
            throw;
        }

        troubles.Works(Reads, null, "the record store can be read again");
        return state.RecordExists && state.State is { Version: > 0 } found ? new StoredRecord(found.ToRecord(), state.ETag) : null;
    }

    /// <summary>Makes the record of a shard that has none.</summary>
    /// <returns>False when there is one already.</returns>
    public async Task<bool> CreateAsync(ShardRecord record) => (await WriteAsync(record, etag: null)).Written;

    /// <summary>
    /// Writes <paramref name="next"/> if the record still has <paramref name="etag"/>, and comes back only when the
    /// outcome is known.
    /// </summary>
    /// <remarks>
    /// A write that fails without an answer may still land later. Reading the old value back proves nothing; only one's
    /// own nonce, a stranger's newer version, or a later success of the same compare-and-set settles it. So the same
    /// write is tried again, with a pause, until one of the three has happened; meanwhile the caller's required set
    /// covers both records.
    /// </remarks>
    public async Task<RecordWrite> WriteAsync(ShardRecord next, string? etag, CancellationToken cancellation = default)
    {
        for (int attempt = 0; ; attempt++)
        {
            GrainState<ShardRecordState> state = new(ShardRecordState.From(next), etag) { RecordExists = etag is not null };
            try
            {
                await _storage.WriteStateAsync(StateName, IdOf(next.Shard), state);
                troubles.Works(Writes, null, "the record store takes writes again");
                return new RecordWrite(true, new StoredRecord(next, state.ETag));
            }
            catch (Exception failure)
            {
                if (failure is not InconsistentStateException)
                {
                    LogWriteFailed(failure, next.Shard, attempt);
                    troubles.Failed(Writes, EventSeverity.Error, next.Shard, $"the record store takes no writes, so takeovers and changes of in-sync sets wait: {failure.Message}");
                }

                if (await TrySettleAsync(next, etag) is { } settled)
                    return settled;
            }

            await Task.Delay(Math.Min(50 << Math.Min(attempt, 5), 1000), cancellation);
        }
    }

    private async Task<RecordWrite?> TrySettleAsync(ShardRecord next, string? etag)
    {
        try
        {
            StoredRecord? current = await ReadAsync(next.Shard);
            if (current is null)
                return null;
            if (current.Record.Nonce == next.Nonce)
                return new RecordWrite(true, current);
            return current.ETag != etag || current.Record.Version >= next.Version ? new RecordWrite(false, current) : null;
        }
        catch (Exception failure)
        {
            LogReadFailed(failure, next.Shard);
            return null;
        }
    }

    private static GrainId IdOf(int shard) => GrainId.Create("grid-shard-record", shard.ToString(System.Globalization.CultureInfo.InvariantCulture));

    [LoggerMessage(Level = LogLevel.Warning, Message = "Shard {Shard}: the record could not be written (attempt {Attempt}); its outcome is not known, the write is tried again")]
    private partial void LogWriteFailed(Exception failure, int shard, int attempt);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Shard {Shard}: the record could not be read")]
    private partial void LogReadFailed(Exception failure, int shard);
}

/// <summary>A record and the tag that a compare-and-set against it needs.</summary>
internal sealed record StoredRecord(ShardRecord Record, string? ETag);

/// <summary>The known outcome of a write, and the record as it now is.</summary>
internal readonly record struct RecordWrite(bool Written, StoredRecord Current);
