using Grid.Formats.Operations;

namespace Grid.Client.Contracts;

/// <summary>
/// A keyspace by plain grain calls, for Orleans programs that do without <see cref="IGrid"/>; the grain's key is the
/// keyspace's name. A stateless worker on the caller's silo, so a call costs one hop more than through <see cref="IGrid"/>.
/// </summary>
/// <remarks>
/// Limits, results and exceptions are those of <see cref="IKeyspace"/>. Calls that are under way together may overtake each
/// other on their way to the worker: await one before starting the next where the order matters.
/// </remarks>
[Alias("Grid.IKeyspaceGrain")]
public interface IKeyspaceGrain : IGrainWithStringKey
{
    /// <summary>Reads an entry.</summary>
    [Alias("Get")]
    ValueTask<KeyspaceEntry> GetAsync(GetRequest request);

    /// <summary>Reads many values, one answer for each key in its order; without versions and expiries.</summary>
    [Alias("GetMany")]
    ValueTask<KeyspaceEntry[]> GetManyAsync(GetManyRequest request);

    /// <summary>Writes an entry.</summary>
    [Alias("Set")]
    ValueTask<SetAnswer> SetAsync(SetRequest request);

    /// <summary>Removes an entry; true if it was removed.</summary>
    [Alias("Delete")]
    ValueTask<bool> DeleteAsync(DeleteRequest request);

    /// <summary>Gives an entry another expiry, or none; true if there is such an entry.</summary>
    [Alias("Expire")]
    ValueTask<bool> ExpireAsync(ExpireRequest request);

    /// <summary>Adds to a counter and returns its new value.</summary>
    [Alias("Increment")]
    ValueTask<long> IncrementAsync(IncrementRequest request);

    /// <summary>Removes all entries and returns how many there were.</summary>
    [Alias("Clear")]
    ValueTask<long> ClearAsync(CallRequest request);

    /// <summary>Reads the keyspace's statistics.</summary>
    [Alias("GetStatistics")]
    ValueTask<KeyspaceStatistics> GetStatisticsAsync(CallRequest request);
}

/// <summary>What every request may say; null for the client's default.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Grid.CallRequest")]
public record CallRequest
{
    /// <summary>What the acknowledgement of a write promises.</summary>
    [Id(0)]
    public Durability? Durability { get; init; }

    /// <summary>What a read promises.</summary>
    [Id(1)]
    public ReadMode? ReadMode { get; init; }

    /// <summary>How long the call may take, 1 ms to 1 day.</summary>
    [Id(2)]
    public TimeSpan? Timeout { get; init; }

    /// <summary>How old the state that a read by <see cref="Client.ReadMode.Local"/> shows may be, 1 ms to 1 day. The copies are those of the silo that takes the call.</summary>
    [Id(3)]
    public TimeSpan? MaxStaleness { get; init; }
}

/// <summary>Asks for an entry.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Grid.GetRequest")]
public sealed record GetRequest : CallRequest
{
    /// <summary>The key, 1 byte to 64 KiB.</summary>
    [Id(0)]
    public required byte[] Key { get; init; }

    /// <summary>True for the expiry only, without value and version.</summary>
    [Id(1)]
    public bool WithoutValue { get; init; }
}

/// <summary>Asks for many entries.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Grid.GetManyRequest")]
public sealed record GetManyRequest : CallRequest
{
    /// <summary>The keys, at most 1,000,000.</summary>
    [Id(0)]
    public required byte[][] Keys { get; init; }
}

/// <summary>Asks for an entry to be written.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Grid.SetRequest")]
public sealed record SetRequest : CallRequest
{
    /// <summary>The key, 1 byte to 64 KiB.</summary>
    [Id(0)]
    public required byte[] Key { get; init; }

    /// <summary>The value, at most 64 MiB.</summary>
    [Id(1)]
    public required byte[] Value { get; init; }

    /// <summary>When the set takes place.</summary>
    [Id(2)]
    public SetWhen When { get; init; }

    /// <summary>With <see cref="SetWhen.Version"/> the version that the entry must have.</summary>
    [Id(3)]
    public ulong Version { get; init; }

    /// <summary>Time to live, 1 ms to 100 years; null for none.</summary>
    [Id(4)]
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>True to leave the entry the expiry that it has.</summary>
    [Id(5)]
    public bool KeepTimeToLive { get; init; }

    /// <summary>True to get the entry that is there when <see cref="SetWhen.Absent"/> does not hold (get-or-add).</summary>
    [Id(6)]
    public bool ReturnExisting { get; init; }
}

/// <summary>Asks for an entry to be removed.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Grid.DeleteRequest")]
public sealed record DeleteRequest : CallRequest
{
    /// <summary>The key, 1 byte to 64 KiB.</summary>
    [Id(0)]
    public required byte[] Key { get; init; }

    /// <summary>The version that the entry must have; 0 for any.</summary>
    [Id(1)]
    public ulong Version { get; init; }
}

/// <summary>Asks for another expiry.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Grid.ExpireRequest")]
public sealed record ExpireRequest : CallRequest
{
    /// <summary>The key, 1 byte to 64 KiB.</summary>
    [Id(0)]
    public required byte[] Key { get; init; }

    /// <summary>Time to live from now, 1 ms to 100 years; null for no expiry.</summary>
    [Id(1)]
    public TimeSpan? TimeToLive { get; init; }
}

/// <summary>Asks for an addition to a counter.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Grid.IncrementRequest")]
public sealed record IncrementRequest : CallRequest
{
    /// <summary>The key, 1 byte to 64 KiB.</summary>
    [Id(0)]
    public required byte[] Key { get; init; }

    /// <summary>What to add.</summary>
    [Id(1)]
    public long Delta { get; init; } = 1;

    /// <summary>Time to live of a counter that the call makes; null for none.</summary>
    [Id(2)]
    public TimeSpan? TimeToLive { get; init; }
}

/// <summary>An entry that was found, or not.</summary>
/// <param name="Found">True if there is an entry under the key.</param>
/// <param name="Value">Its value; empty if there is none or it was not asked for.</param>
/// <param name="Version">Its version; 0 if there is no entry.</param>
/// <param name="ExpiresAt">When it expires, by the clock of the shard's primary; null for never.</param>
[GenerateSerializer]
[Immutable]
[Alias("Grid.KeyspaceEntry")]
public sealed record KeyspaceEntry(
    [property: Id(0)] bool Found,
    [property: Id(1)] ReadOnlyMemory<byte> Value,
    [property: Id(2)] ulong Version,
    [property: Id(3)] DateTimeOffset? ExpiresAt);

/// <summary>What a set did.</summary>
/// <param name="Applied">False if its condition did not hold, and nothing was changed.</param>
/// <param name="Version">The version that it gave the entry; of the existing entry if that was asked for; otherwise 0.</param>
/// <param name="Existing">The value that is there, if it was asked for and the condition did not hold.</param>
[GenerateSerializer]
[Immutable]
[Alias("Grid.SetAnswer")]
public sealed record SetAnswer(
    [property: Id(0)] bool Applied,
    [property: Id(1)] ulong Version,
    [property: Id(2)] ReadOnlyMemory<byte>? Existing);

/// <summary>A keyspace's statistics, summed over the shards; see <see cref="KeyspaceCounts"/> for what each number counts.</summary>
[GenerateSerializer]
[Immutable]
[Alias("Grid.KeyspaceStatistics")]
public sealed record KeyspaceStatistics(
    [property: Id(0)] long Entries,
    [property: Id(1)] long KeyBytes,
    [property: Id(2)] long ValueBytes,
    [property: Id(3)] long MemoryBytes,
    [property: Id(4)] long WithExpiry,
    [property: Id(5)] long Hits,
    [property: Id(6)] long Misses,
    [property: Id(7)] long Expired);
