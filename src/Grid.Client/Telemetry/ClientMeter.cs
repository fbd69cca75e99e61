using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grid.Client.Operations;

namespace Grid.Client.Telemetry;

/// <summary>What a client does and what its callers see, on the meter "Grid".</summary>
/// <remarks>Thread-safe. While nobody listens a call costs one look at whether somebody does.</remarks>
internal sealed class ClientMeter
{
    /// <summary>For a client that reports nothing.</summary>
    public static readonly ClientMeter Off = new(null);

    private readonly ConcurrentDictionary<string, string> _keyspaces = new(StringComparer.Ordinal);
    private readonly Meter? _meter;
    private readonly Histogram<double>? _duration;
    private readonly Histogram<int>? _batches;
    private readonly Counter<long>? _retries;
    private readonly Counter<long>? _indeterminate;

    public ClientMeter(IMeterFactory? meters)
    {
        _meter = meters?.Create(GridTelemetry.MeterName);
        _duration = _meter?.CreateHistogram(
            "db.client.operation.duration", "s", "Calls as their caller sees them, from the call to its result; one of many keys counts once.", tags: null, GridBuckets.Operations);
        _batches = _meter?.CreateHistogram("grid.client.batch.size", "{operation}", "Operations in each batch that was sent.", tags: null, GridBuckets.Counts);
        _retries = _meter?.CreateCounter<long>("grid.client.retries", "{batch}", "Batches that were sent again: refused, or not heard of.");
        _indeterminate = _meter?.CreateCounter<long>("grid.client.indeterminate", "{operation}", "Calls that ended without it being known whether they took effect.");
    }

    /// <summary>Tells how much of its bounds a client uses, whenever somebody asks.</summary>
    public void Observe(Func<(int Operations, long Bytes)> outstanding)
    {
        _meter?.CreateObservableUpDownCounter("grid.client.outstanding", () => outstanding().Operations, "{operation}", "Operations that were sent or wait to be, without those in line.");
        _meter?.CreateObservableUpDownCounter("grid.client.outstanding.size", () => outstanding().Bytes, "By", "Bytes of their keys and values.");
    }

    /// <summary>When a call begins: a timestamp, or 0 while nobody wants to know how long it takes.</summary>
    public long Now() => _duration is { Enabled: true } ? Stopwatch.GetTimestamp() : 0;

    /// <summary>A batch is sent.</summary>
    public void OnSent(int operations, bool again)
    {
        _batches?.Record(operations);
        if (again)
            _retries?.Add(1);
    }

    /// <summary>A call is over.</summary>
    public void OnOver(PendingOperation call, long began, Exception? error)
    {
        if (error is GridIndeterminateException || (error is GridManyException many && many.Failures.Any(static failure => failure.Error is GridIndeterminateException)))
            _indeterminate?.Add(1, GridAttributes.Tag(GridAttributes.DbCollection, NameOf(call.Keyspace)));
        if (began == 0)
            return;
        TagList tags = new(
        [
            new(GridAttributes.DbSystem, GridAttributes.DbSystemGrid),
            new(GridAttributes.DbCollection, NameOf(call.Keyspace)),
            new(GridAttributes.DbOperation, GridAttributes.NameOf(call.Kind)),
        ]);
        if (error is not null)
            tags.Add(GridAttributes.ErrorType, ErrorTypeOf(error));
        _duration!.Record(Stopwatch.GetElapsedTime(began).TotalSeconds, tags);
    }

    /// <summary>The word for what a call ended with.</summary>
    public static string ErrorTypeOf(Exception error) => error switch
    {
        GridTimeoutException => "timeout",
        GridIndeterminateException => "indeterminate",
        GridUnavailableException => "unavailable",
        GridOverloadedException => "overloaded",
        GridNotEnoughReplicasException => "not_enough_replicas",
        GridCounterException => "counter",
        GridSerializationException => "serialization",
        GridManyException => "many",
        OperationCanceledException => "cancelled",
        _ => "_OTHER",
    };

    private string NameOf(string keyspace)
    {
        if (_keyspaces.TryGetValue(keyspace, out string? name))
            return name;
        return _keyspaces.Count >= GridTelemetry.KeyspacesNamedMax ? GridTelemetry.OtherKeyspaces : _keyspaces.GetOrAdd(keyspace, keyspace);
    }
}
