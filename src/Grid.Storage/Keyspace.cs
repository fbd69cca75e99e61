using System.Runtime.CompilerServices;
using Grid.Storage.Index;
using Grid.Storage.Records;

namespace Grid.Storage;

/// <summary>One shard's part of a keyspace: a map from key bytes to value bytes.</summary>
/// <remarks>
/// <para>
/// Every method takes the key's hash, <see cref="KeyHash.Compute"/> of it, so that it is computed once. Spans passed in must not point into
/// the store itself, as those of an <see cref="EntryView"/> do.
/// </para>
/// <para>Thread safety: the store's writer only, save <see cref="TryReadShared"/>, <see cref="Id"/>, <see cref="Name"/> and <see cref="Statistics"/>, whose numbers other threads read without a common moment.</para>
/// </remarks>
public sealed partial class Keyspace
{
    private readonly ShardStore _store;
    private readonly SequenceStripes _stripes = new();
    private readonly SharedCounters _sharedCounters = new();
    private KeyspaceContents? _contents;
    private long _hits;
    private long _misses;
    private long _expired;
    private long _moved;

    internal Keyspace(ShardStore store, int id, string name, int ordinal)
    {
        _store = store;
        Id = id;
        Name = name;
        Ordinal = ordinal;
    }

    /// <summary>Its number, the same in every copy.</summary>
    public int Id { get; }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Number of entries, those included that have expired and were not deleted yet.</summary>
    public long Entries => _contents?.Index.Count ?? 0;

    /// <summary>All memory that the keyspace holds, in bytes.</summary>
    public long MemoryBytes => FixedBytes + (_contents?.MemoryBytes ?? 0);

    /// <summary>Counts and sizes as of now.</summary>
    public KeyspaceStatistics Statistics
    {
        get
        {
            KeyspaceContents? contents = Volatile.Read(ref _contents);
            return new KeyspaceStatistics
            {
                Entries = contents?.Index.Count ?? 0,
                KeyBytes = contents?.KeyBytes ?? 0,
                ValueBytes = contents?.ValueBytes ?? 0,
                EntriesWithExpiry = contents?.EntriesWithExpiry ?? 0,
                MemoryBytes = FixedBytes + (contents?.MemoryBytes ?? 0),
                PageBytes = contents?.Heap.PageBytes ?? 0,
                UsedSlotBytes = contents?.Heap.UsedBytes ?? 0,
                IndexBytes = contents?.Index.MemoryBytes ?? 0,
                LargeBytes = contents?.Heap.LargeBytes ?? 0,
                Hits = _hits + _sharedCounters.Hits,
                Misses = _misses + _sharedCounters.Misses,
                Expired = _expired,
                Moved = _moved + (contents?.Moved ?? 0),
            };
        }
    }

    /// <summary>Its place among the keyspaces of the store, in the order of their making.</summary>
    internal int Ordinal { get; }

    internal KeyspaceContents? Contents => _contents;

    private static long FixedBytes => SequenceStripes.MemoryBytes;

    /// <summary>Looks a key up and counts the hit or miss.</summary>
    /// <param name="key">The key.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="nowMs">Unix milliseconds; an entry that expires then or earlier is not found.</param>
    /// <param name="entry">The entry, valid until the next mutation of the store.</param>
    public bool TryGet(ReadOnlySpan<byte> key, ulong hash, long nowMs, out EntryView entry)
    {
        if (Lookup(key, hash, nowMs, out entry) == EntryState.Live)
        {
            _hits++;
            return true;
        }

        _misses++;
        entry = default;
        return false;
    }

    /// <summary>Looks a key up, tells expired from missing, and counts nothing.</summary>
    /// <param name="key">The key.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="nowMs">Unix milliseconds.</param>
    /// <param name="entry">The entry, live or expired, valid until the next mutation of the store.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public EntryState Lookup(ReadOnlySpan<byte> key, ulong hash, long nowMs, out EntryView entry)
    {
        KeyspaceContents? contents = _contents;
        ulong address = contents is null ? 0 : contents.Index.Find(key, hash);
        if (address == 0)
        {
            entry = default;
            return EntryState.Missing;
        }

        var record = new Record(ref contents!.Heap.At(address));
        entry = new EntryView(record.Value, record.Version, record.Expiry);
        return entry.IsExpiredAt(nowMs) ? EntryState.Expired : EntryState.Live;
    }
}
