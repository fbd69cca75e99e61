using Grid.Formats.Operations;

namespace Grid.Client;

/// <summary>A keyspace with typed keys and values; what <see cref="IKeyspace"/> says of order, errors and threads holds here too.</summary>
/// <typeparam name="TKey">The keys' type.</typeparam>
/// <typeparam name="TValue">The values' type.</typeparam>
public interface IKeyspace<TKey, TValue>
    where TKey : notnull
{
    /// <summary>The keyspace's name.</summary>
    string Name { get; }

    /// <summary>The same keyspace as bytes, with the same options.</summary>
    IKeyspace Bytes { get; }

    /// <summary>Reads a value.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>The value, if there is such an entry.</returns>
    /// <exception cref="GridSerializationException">The bytes under the key are not what the serializer expects.</exception>
    ValueTask<GridValue<TValue>> GetAsync(TKey key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads an entry: value, version and expiry.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<GridEntry<TValue>> GetEntryAsync(TKey key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Writes an entry.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="value">The value; its bytes number at most 64 Mi.</param>
    /// <param name="set">Condition and time to live.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>Whether the condition held, and the version given.</returns>
    /// <exception cref="GridIndeterminateException">It is not known whether the write took effect.</exception>
    ValueTask<SetResult> SetAsync(TKey key, TValue value, SetOptions set = default, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Removes an entry.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>True if there was one.</returns>
    ValueTask<bool> DeleteAsync(TKey key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Removes an entry if it still has a given version.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="version">The version, not 0.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>True if it was removed; false if there is none, or another version of it.</returns>
    ValueTask<bool> DeleteIfVersionAsync(TKey key, ulong version, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Tells whether there is an entry.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<bool> ExistsAsync(TKey key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads when an entry expires.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<GridExpiry> GetExpiryAsync(TKey key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Lets an entry expire after a time from now, whatever it had before.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="timeToLive">1 ms to 100 years, rounded up to milliseconds.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>True if there is such an entry.</returns>
    ValueTask<bool> ExpireAsync(TKey key, TimeSpan timeToLive, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Takes an entry's expiry away.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>True if there is such an entry.</returns>
    ValueTask<bool> PersistAsync(TKey key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads the entry under a key, or adds one, in one step at the primary.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="value">What to add if there is none.</param>
    /// <param name="timeToLive">Time to live of an entry that this call makes: 1 ms to 100 years; null for the keyspace's default.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<GetOrAddResult<TValue>> GetOrAddAsync(TKey key, TValue value, TimeSpan? timeToLive = null, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads the entry under a key, or makes a value and adds it. Of several callers who make one, the first to add wins and all get its value.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <typeparam name="TState">The state's type.</typeparam>
    /// <param name="state">Handed to the factory, so that it need not capture anything.</param>
    /// <param name="factory">Makes the value; called only if a read found none.</param>
    /// <param name="timeToLive">Time to live of an entry that this call makes: 1 ms to 100 years; null for the keyspace's default.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<GetOrAddResult<TValue>> GetOrAddAsync<TState>(
        TKey key, TState state, Func<TState, CancellationToken, ValueTask<TValue>> factory, TimeSpan? timeToLive = null, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Adds to a counter, kept as decimal text; an absent one counts as 0.</summary>
    /// <param name="key">The key; its bytes number 1 to 65,536.</param>
    /// <param name="delta">What to add; may be negative.</param>
    /// <param name="timeToLive">Time to live of a counter that this call makes: 1 ms to 100 years; null for none. One that is there keeps its expiry.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>The new value.</returns>
    /// <exception cref="GridCounterException">The value is no counter, or would leave the range of 64 bits.</exception>
    ValueTask<long> IncrementAsync(TKey key, long delta = 1, TimeSpan? timeToLive = null, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads many values. Not one atomic step: each key is read by itself.</summary>
    /// <param name="keys">The keys, at most 1,000,000.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>One element for each key, in its order.</returns>
    /// <exception cref="GridManyException">Some keys failed; it names them.</exception>
    ValueTask<GridValue<TValue>[]> GetManyAsync(ReadOnlySpan<TKey> keys, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Writes many entries. Not one atomic step: each key is written by itself.</summary>
    /// <param name="entries">Keys and values, at most 1,000,000.</param>
    /// <param name="timeToLive">Time to live of all of them: 1 ms to 100 years; null for the keyspace's default.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>The version of each entry, in its order.</returns>
    /// <exception cref="GridManyException">Some keys failed; it names them.</exception>
    ValueTask<ulong[]> SetManyAsync(
        ReadOnlySpan<KeyValuePair<TKey, TValue>> entries, TimeSpan? timeToLive = null, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Removes many entries. Not one atomic step: each key is removed by itself.</summary>
    /// <param name="keys">The keys, at most 1,000,000.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>How many there were.</returns>
    /// <exception cref="GridManyException">Some keys failed; it names them.</exception>
    ValueTask<int> DeleteManyAsync(ReadOnlySpan<TKey> keys, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Walks through the entries, shard by shard, in hash order. An entry that is there from start to end is met exactly once; one written or removed meanwhile may be met or not.</summary>
    /// <param name="scan">Prefix (of the key's bytes), keys only, page size.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    IAsyncEnumerable<ScanEntry<TKey, TValue>> ScanAsync(ScanOptions scan = default, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Removes all entries, shard by shard.</summary>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>How many there were.</returns>
    /// <exception cref="GridManyException">Some shards failed; the others are cleared.</exception>
    ValueTask<long> ClearAsync(CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads the keyspace's statistics, summed over the shards.</summary>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <exception cref="GridManyException">Some shards failed.</exception>
    ValueTask<KeyspaceCounts> GetStatisticsAsync(CallOptions options = default, CancellationToken cancellationToken = default);
}
