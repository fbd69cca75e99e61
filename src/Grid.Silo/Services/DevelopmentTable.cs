using System.Collections.Concurrent;

namespace Grid.Silo.Services;

/// <summary>
/// The development storage's values: a table in the memory of the cluster's first silo, beside Orleans' development
/// membership, with which it comes and goes.
/// </summary>
/// <remarks>Thread-safe. Bounded by what is kept in it: a record per shard, and one for the cluster.</remarks>
internal sealed class DevelopmentTable
{
    private readonly ConcurrentDictionary<string, DevelopmentValue> _values = new(StringComparer.Ordinal);
    private long _lastTag;

    public DevelopmentValue Read(string key) => _values.GetValueOrDefault(key);

    /// <summary>Compare-and-set by tag; tag 0 stands for "not there".</summary>
    public long Write(string key, byte[]? value, long tag)
    {
        DevelopmentValue next = new(value, Interlocked.Increment(ref _lastTag));
        if (tag == 0)
            return _values.TryAdd(key, next) ? next.Tag : 0;
        return _values.TryGetValue(key, out DevelopmentValue current) && current.Tag == tag && _values.TryUpdate(key, next, current) ? next.Tag : 0;
    }
}
