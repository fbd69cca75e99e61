using System.Collections.Concurrent;
using System.Globalization;
using Orleans.Storage;

namespace Grid.Cluster.Tests.Replication;

/// <summary>Grain storage that outlives every silo of a test's cluster: compare-and-set on a dictionary.</summary>
internal sealed class TestRecordStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<string, (object? Value, long Tag)> _values = new();
    private long _lastTag;

    /// <summary>Loses every state that is not of this name.</summary>
    public void LoseAllBut(string stateName)
    {
        foreach (string key in _values.Keys.Where(key => !key.StartsWith(stateName + "/", StringComparison.Ordinal)))
            _values.TryRemove(key, out _);
    }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (_values.TryGetValue($"{stateName}/{grainId}", out (object? Value, long Tag) found) && found.Value is T value)
        {
            grainState.State = value;
            grainState.ETag = found.Tag.ToString(CultureInfo.InvariantCulture);
            grainState.RecordExists = true;
        }

        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        string key = $"{stateName}/{grainId}";
        (object? Value, long Tag) next = (grainState.State, Interlocked.Increment(ref _lastTag));
        bool written = grainState.ETag is null
            ? _values.TryAdd(key, next)
            : _values.TryGetValue(key, out (object? Value, long Tag) current)
                && current.Tag.ToString(CultureInfo.InvariantCulture) == grainState.ETag
                && _values.TryUpdate(key, next, current);
        if (!written)
            throw new InconsistentStateException($"{key} was changed by another writer.");
        grainState.ETag = next.Tag.ToString(CultureInfo.InvariantCulture);
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new NotSupportedException();
}
