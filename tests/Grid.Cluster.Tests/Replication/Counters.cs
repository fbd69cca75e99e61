using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Grid.Client.Telemetry;

namespace Grid.Cluster.Tests.Replication;

/// <summary>
/// The counters of all silos of one test's cluster, also of those that died: it makes their meters, and so tells them from
/// the meters of clusters of other tests in this process.
/// </summary>
internal sealed class Counters : IMeterFactory
{
    private readonly ConcurrentDictionary<string, long> _values = new();
    private readonly MeterListener _listener = new();
    private ConcurrentDictionary<string, long> _observed = new();

    public Counters()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == this && instrument.Meter.Name == GridTelemetry.MeterName)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            if (instrument.IsObservable)
                _observed.AddOrUpdate(Key(instrument.Name, tags), value, (_, other) => Math.Max(value, other));

            // Series begin at 0 before anything has happened.
            else if (value != 0)
                _values.AddOrUpdate(Key(instrument.Name, tags), value, (_, before) => before + value);
        });
        _listener.Start();
    }

    /// <summary>Syncs that ended, of a kind (<c>full</c>, <c>partial</c>) with an outcome.</summary>
    public long Syncs(string kind, string outcome) => this["grid.replication.syncs", kind, outcome];

    /// <summary>Errors of a type.</summary>
    public long Errors(string type) => this["grid.replication.errors", type];

    /// <summary>All errors by type, for messages and comparisons.</summary>
    public SortedDictionary<string, long> ErrorsByType => new(
        _values.Where(pair => pair.Key.StartsWith("grid.replication.errors", StringComparison.Ordinal)).ToDictionary(pair => pair.Key.Split(' ')[1], pair => pair.Value),
        StringComparer.Ordinal);

    /// <summary>Snapshots begun for cohorts.</summary>
    public long Rounds => _values.Where(pair => pair.Key.StartsWith("grid.replication.rounds ", StringComparison.Ordinal)).Sum(pair => pair.Value);

    /// <summary>What a gauge shows now with these values of its tags, in their order: the highest of all silos; null when none shows it.</summary>
    public long? Gauge(string name, params string[] tags)
    {
        _observed = new();
        _listener.RecordObservableInstruments();
        return _observed.TryGetValue(string.Join(' ', [name, .. tags]), out long value) ? value : null;
    }

    /// <summary>A counter's value with these values of its tags, in their order.</summary>
    public long this[string name, params string[] tags] => _values.GetValueOrDefault(string.Join(' ', [name, .. tags]));

    public override string ToString() => string.Join("\n", _values.ToArray().OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}: {pair.Value}"));

    Meter IMeterFactory.Create(MeterOptions options)
    {
        options.Scope = this;
        return new Meter(options);
    }

    public void Dispose() => _listener.Dispose();

    private static string Key(string name, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
            name += $" {tag.Value}";
        return name;
    }
}
