using System.Buffers;
using Grid.Formats.Operations;

namespace Grid.Client;

/// <summary>A keyspace as bytes: a map from key bytes to value bytes.</summary>
/// <remarks>
/// <para>
/// Thread-safe. Keys and values are copied before a call returns, unless its documentation says otherwise. Operations that one
/// thread starts on one key take effect in the order in which it started them, awaited or not.
/// </para>
/// <para>
/// Every call throws <see cref="ArgumentException"/> at once for an argument outside of its limits, before anything is
/// sent; its task may end with <see cref="GridTimeoutException"/>, <see cref="GridUnavailableException"/>,
/// <see cref="GridOverloadedException"/> (not applied), and a write with <see cref="GridNotEnoughReplicasException"/>
/// (not applied) or <see cref="GridIndeterminateException"/> (not known). A task must be awaited at most once.
/// </para>
/// </remarks>
public interface IKeyspace
{
    /// <summary>The keyspace's name.</summary>
    string Name { get; }

    /// <summary>Reads a value.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>The value in an array of its own, or null if there is no such entry.</returns>
    ValueTask<byte[]?> GetAsync(ReadOnlySpan<byte> key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads a value without an array for it.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="destination">Gets the value appended, from a thread of the pool; not to be touched until the call is over.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>True if there is such an entry; otherwise nothing is appended.</returns>
    ValueTask<bool> GetAsync(ReadOnlySpan<byte> key, IBufferWriter<byte> destination, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads an entry: value, version and expiry.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<GridEntry<byte[]>> GetEntryAsync(ReadOnlySpan<byte> key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Writes an entry.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="value">The value, at most 64 MiB.</param>
    /// <param name="set">Condition and time to live.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>Whether the condition held, and the version given.</returns>
    /// <exception cref="GridIndeterminateException">It is not known whether the write took effect.</exception>
    ValueTask<SetResult> SetAsync(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, SetOptions set = default, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Removes an entry.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>True if there was one.</returns>
    ValueTask<bool> DeleteAsync(ReadOnlySpan<byte> key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Removes an entry if it still has a given version.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="version">The version, not 0.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>True if it was removed; false if there is none, or another version of it.</returns>
    ValueTask<bool> DeleteIfVersionAsync(ReadOnlySpan<byte> key, ulong version, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Tells whether there is an entry.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<bool> ExistsAsync(ReadOnlySpan<byte> key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads when an entry expires.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<GridExpiry> GetExpiryAsync(ReadOnlySpan<byte> key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Lets an entry expire after a time from now, whatever it had before.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="timeToLive">1 ms to 100 years, rounded up to milliseconds.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>True if there is such an entry.</returns>
    ValueTask<bool> ExpireAsync(ReadOnlySpan<byte> key, TimeSpan timeToLive, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Takes an entry's expiry away.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>True if there is such an entry.</returns>
    ValueTask<bool> PersistAsync(ReadOnlySpan<byte> key, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads the entry under a key, or adds one, in one step at the primary.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="value">What to add if there is none.</param>
    /// <param name="timeToLive">Time to live of an entry that this call makes: 1 ms to 100 years; null for the keyspace's default.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<GetOrAddResult<byte[]>> GetOrAddAsync(ReadOnlySpan<byte> key, byte[] value, TimeSpan? timeToLive = null, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads the entry under a key, or makes a value and adds it. Of several callers who make one, the first to add wins and all get its value.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB. Its bytes must not change until the call is over.</param>
    /// <typeparam name="TState">The state's type.</typeparam>
    /// <param name="state">Handed to the factory, so that it need not capture anything.</param>
    /// <param name="factory">Makes the value; called only if a read found none.</param>
    /// <param name="timeToLive">Time to live of an entry that this call makes: 1 ms to 100 years; null for the keyspace's default.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    ValueTask<GetOrAddResult<byte[]>> GetOrAddAsync<TState>(
        ReadOnlyMemory<byte> key, TState state, Func<TState, CancellationToken, ValueTask<byte[]>> factory, TimeSpan? timeToLive = null, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Adds to a counter, kept as decimal text; an absent one counts as 0.</summary>
    /// <param name="key">The key, 1 byte to 64 KiB.</param>
    /// <param name="delta">What to add; may be negative.</param>
    /// <param name="timeToLive">Time to live of a counter that this call makes: 1 ms to 100 years; null for none. One that is there keeps its expiry.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>The new value.</returns>
    /// <exception cref="GridCounterException">The value is no counter, or would leave the range of 64 bits.</exception>
    ValueTask<long> IncrementAsync(ReadOnlySpan<byte> key, long delta = 1, TimeSpan? timeToLive = null, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Reads many values. Not one atomic step: each key is read by itself.</summary>
    /// <param name="keys">The keys, at most 1,000,000.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>One element for each key, in its order; null where there is no such entry.</returns>
    /// <exception cref="GridManyException">Some keys failed; it names them.</exception>
    ValueTask<byte[]?[]> GetManyAsync(ReadOnlySpan<ReadOnlyMemory<byte>> keys, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Writes many entries. Not one atomic step: each key is written by itself.</summary>
    /// <param name="entries">Keys and values, at most 1,000,000.</param>
    /// <param name="timeToLive">Time to live of all of them: 1 ms to 100 years; null for the keyspace's default.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>The version of each entry, in its order.</returns>
    /// <exception cref="GridManyException">Some keys failed; it names them.</exception>
    ValueTask<ulong[]> SetManyAsync(
        ReadOnlySpan<KeyValuePair<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>> entries, TimeSpan? timeToLive = null, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Removes many entries. Not one atomic step: each key is removed by itself.</summary>
    /// <param name="keys">The keys, at most 1,000,000.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    /// <returns>How many there were.</returns>
    /// <exception cref="GridManyException">Some keys failed; it names them.</exception>
    ValueTask<int> DeleteManyAsync(ReadOnlySpan<ReadOnlyMemory<byte>> keys, CallOptions options = default, CancellationToken cancellationToken = default);

    /// <summary>Walks through the entries, shard by shard, in hash order. An entry that is there from start to end is met exactly once; one written or removed meanwhile may be met or not.</summary>
    /// <param name="scan">Prefix, keys only, page size.</param>
    /// <param name="options">Settings of this call.</param>
    /// <param name="cancellationToken">Ends the call; one that is under way already completes as cancelled with its outcome unknown.</param>
    IAsyncEnumerable<ScanEntry<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>> ScanAsync(
        ScanOptions scan = default, CallOptions options = default, CancellationToken cancellationToken = default);

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
