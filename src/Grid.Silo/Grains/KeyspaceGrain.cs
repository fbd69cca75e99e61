using Grid.Client;
using Grid.Client.Contracts;
using Grid.Formats.Operations;
using Orleans.Concurrency;

namespace Grid.Silo.Grains;

/// <summary>A keyspace by plain grain calls: a thin worker over the silo's own <see cref="IGrid"/>.</summary>
[GrainType("grid-keyspace"), StatelessWorker]
[Reentrant]
internal sealed class KeyspaceGrain(IGrid grid) : Grain, IKeyspaceGrain
{
    private IKeyspace _keyspace = null!;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _keyspace = grid.GetKeyspace(this.GetPrimaryKeyString());
        return base.OnActivateAsync(cancellationToken);
    }

    public async ValueTask<KeyspaceEntry> GetAsync(GetRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.WithoutValue)
        {
            GridExpiry expiry = await _keyspace.GetExpiryAsync(request.Key, Options(request));
            return new KeyspaceEntry(expiry.Found, default, 0, expiry.ExpiresAt);
        }

        GridEntry<byte[]> entry = await _keyspace.GetEntryAsync(request.Key, Options(request));
        return new KeyspaceEntry(entry.Found, entry.Value, entry.Version, entry.ExpiresAt);
    }

    public async ValueTask<KeyspaceEntry[]> GetManyAsync(GetManyRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        byte[]?[] values = await _keyspace.GetManyAsync(Memories(request.Keys), Options(request));
        return Array.ConvertAll(values, static value => new KeyspaceEntry(value is not null, value, 0, null));
    }

    public async ValueTask<SetAnswer> SetAsync(SetRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.ReturnExisting)
        {
            if (request.When != SetWhen.Absent || request.KeepTimeToLive || request.Version != 0)
                throw new ArgumentException("SetRequest.ReturnExisting goes with When = Absent only, without Version and KeepTimeToLive.", nameof(request));
            GetOrAddResult<byte[]> there = await _keyspace.GetOrAddAsync(request.Key, request.Value, request.TimeToLive, Options(request));
            return new SetAnswer(there.Added, there.Version, there.Added ? null : new ReadOnlyMemory<byte>(there.Value));
        }

        SetOptions set = new()
        {
            When = request.When,
            Version = request.Version,
            TimeToLive = request.TimeToLive,
            KeepTimeToLive = request.KeepTimeToLive,
        };
        SetResult result = await _keyspace.SetAsync(request.Key, request.Value, set, Options(request));
        return new SetAnswer(result.Applied, result.Version, null);
    }

    public ValueTask<bool> DeleteAsync(DeleteRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.Version == 0
            ? _keyspace.DeleteAsync(request.Key, Options(request))
            : _keyspace.DeleteIfVersionAsync(request.Key, request.Version, Options(request));
    }

    public ValueTask<bool> ExpireAsync(ExpireRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.TimeToLive is { } timeToLive
            ? _keyspace.ExpireAsync(request.Key, timeToLive, Options(request))
            : _keyspace.PersistAsync(request.Key, Options(request));
    }

    public ValueTask<long> IncrementAsync(IncrementRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return _keyspace.IncrementAsync(request.Key, request.Delta, request.TimeToLive, Options(request));
    }

    public ValueTask<long> ClearAsync(CallRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return _keyspace.ClearAsync(Options(request));
    }

    public async ValueTask<KeyspaceStatistics> GetStatisticsAsync(CallRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        KeyspaceCounts counts = await _keyspace.GetStatisticsAsync(Options(request));
        return new KeyspaceStatistics(
            counts.Entries, counts.KeyBytes, counts.ValueBytes, counts.MemoryBytes, counts.WithExpiry, counts.Hits, counts.Misses, counts.Expired);
    }

    private static CallOptions Options(CallRequest request) => new()
    {
        Durability = request.Durability,
        ReadMode = request.ReadMode,
        MaxStaleness = request.MaxStaleness,
        Timeout = request.Timeout,
    };

    private static ReadOnlyMemory<byte>[] Memories(byte[][] keys) => Array.ConvertAll(keys, static key => (ReadOnlyMemory<byte>)key);
}
