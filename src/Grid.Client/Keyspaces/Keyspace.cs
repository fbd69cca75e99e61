using System.Buffers;
using Grid.Formats.Operations;

namespace Grid.Client.Keyspaces;

/// <summary>A keyspace as bytes.</summary>
internal sealed class Keyspace(KeyspaceCalls calls) : IKeyspace
{
    public string Name => calls.Name;

    public ValueTask<byte[]?> GetAsync(ReadOnlySpan<byte> key, CallOptions options, CancellationToken cancellationToken) =>
        calls.Read(OperationKind.Get, key, Readers.Bytes, null, options, cancellationToken);

    public ValueTask<bool> GetAsync(ReadOnlySpan<byte> key, IBufferWriter<byte> destination, CallOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return calls.Read(OperationKind.Get, key, Readers.CopyBytes, destination, options, cancellationToken);
    }

    public ValueTask<GridEntry<byte[]>> GetEntryAsync(ReadOnlySpan<byte> key, CallOptions options, CancellationToken cancellationToken) =>
        calls.Read(OperationKind.Get, key, Readers.Entry, null, options, cancellationToken);

    public ValueTask<SetResult> SetAsync(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, SetOptions set, CallOptions options, CancellationToken cancellationToken) =>
        calls.Set(key, value, set, options, cancellationToken);

    public ValueTask<bool> DeleteAsync(ReadOnlySpan<byte> key, CallOptions options, CancellationToken cancellationToken) =>
        calls.Delete(key, 0, options, cancellationToken);

    public ValueTask<bool> DeleteIfVersionAsync(ReadOnlySpan<byte> key, ulong version, CallOptions options, CancellationToken cancellationToken)
    {
        Checks.Version(version, nameof(version));
        return calls.Delete(key, version, options, cancellationToken);
    }

    public ValueTask<bool> ExistsAsync(ReadOnlySpan<byte> key, CallOptions options, CancellationToken cancellationToken) =>
        calls.Read(OperationKind.Peek, key, Readers.IsOk, null, options, cancellationToken);

    public ValueTask<GridExpiry> GetExpiryAsync(ReadOnlySpan<byte> key, CallOptions options, CancellationToken cancellationToken) =>
        calls.Read(OperationKind.Peek, key, Readers.Expiry, calls.Dispatcher.Clock.Time, options, cancellationToken);

    public ValueTask<bool> ExpireAsync(ReadOnlySpan<byte> key, TimeSpan timeToLive, CallOptions options, CancellationToken cancellationToken) =>
        calls.Expire(key, timeToLive, options, cancellationToken);

    public ValueTask<bool> PersistAsync(ReadOnlySpan<byte> key, CallOptions options, CancellationToken cancellationToken) =>
        calls.Expire(key, null, options, cancellationToken);

    public ValueTask<GetOrAddResult<byte[]>> GetOrAddAsync(
        ReadOnlySpan<byte> key, byte[] value, TimeSpan? timeToLive, CallOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(value);
        return calls.GetOrAdd(key, value, timeToLive, Readers.GetOrAdd, value, options, cancellationToken);
    }

    public async ValueTask<GetOrAddResult<byte[]>> GetOrAddAsync<TState>(
        ReadOnlyMemory<byte> key,
        TState state,
        Func<TState, CancellationToken, ValueTask<byte[]>> factory,
        TimeSpan? timeToLive,
        CallOptions options,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(factory);
        GridEntry<byte[]> there = await GetEntryAsync(key.Span, options, cancellationToken);
        if (there.Found)
            return new(there.Value!, false, there.Version);
        byte[] value = await factory(state, cancellationToken);
        return await GetOrAddAsync(key.Span, value, timeToLive, options, cancellationToken);
    }

    public ValueTask<long> IncrementAsync(
        ReadOnlySpan<byte> key, long delta, TimeSpan? timeToLive, CallOptions options, CancellationToken cancellationToken) =>
        calls.Increment(key, delta, timeToLive, options, cancellationToken);

    public ValueTask<byte[]?[]> GetManyAsync(ReadOnlySpan<ReadOnlyMemory<byte>> keys, CallOptions options, CancellationToken cancellationToken) =>
        calls.Many(OperationKind.Get, keys, Readers.Bytes, null, options, cancellationToken);

    public ValueTask<ulong[]> SetManyAsync(
        ReadOnlySpan<KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>> entries,
        TimeSpan? timeToLive,
        CallOptions options,
        CancellationToken cancellationToken) =>
        calls.SetMany(entries, timeToLive, options, cancellationToken);

    public ValueTask<int> DeleteManyAsync(ReadOnlySpan<ReadOnlyMemory<byte>> keys, CallOptions options, CancellationToken cancellationToken) =>
        CountAsync(calls.Many(OperationKind.Delete, keys, Readers.IsOk, null, options, cancellationToken));

    public IAsyncEnumerable<ScanEntry<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>> ScanAsync(
        ScanOptions scan, CallOptions options, CancellationToken cancellationToken) =>
        Scan.Run(calls, scan, options, static (key, value) => (key, value), cancellationToken);

    public async ValueTask<long> ClearAsync(CallOptions options, CancellationToken cancellationToken)
    {
        long all = 0;
        foreach (long removed in await calls.OnAllShards(OperationKind.Clear, Readers.Number, options, cancellationToken))
            all += removed;
        return all;
    }

    public async ValueTask<KeyspaceCounts> GetStatisticsAsync(CallOptions options, CancellationToken cancellationToken)
    {
        KeyspaceCounts all = default;
        foreach (KeyspaceCounts counts in await calls.OnAllShards(OperationKind.Statistics, Readers.Counts, options, cancellationToken))
            all += counts;
        return all;
    }

    internal static async ValueTask<int> CountAsync(ValueTask<bool[]> truths) => (await truths).Count(static truth => truth);
}
