using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grid.Client.Telemetry;
using Grid.Silo.Snapshots;

namespace Grid.Silo.Telemetry;

/// <summary>What syncs cost and how long they take, on the meter "Grid".</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class SyncInstruments
{
    private readonly Counter<long> _sent;
    private readonly Counter<long> _entries;
    private readonly Counter<long> _rawBytes;
    private readonly Counter<long> _wireBytes;
    private readonly Histogram<double> _snapshots;
    private readonly Histogram<double> _syncs;

    public SyncInstruments(IMeterFactory meters, SyncPlaces places)
    {
        Meter meter = meters.Create(GridTelemetry.MeterName);
        _sent = meter.CreateCounter<long>("grid.sync.snapshots", "{snapshot}", "Snapshots taken to their end.");
        _entries = meter.CreateCounter<long>("grid.sync.entries", "{entry}", "Entries of those snapshots.");
        _rawBytes = meter.CreateCounter<long>("grid.sync.raw.io", "By", "Bytes of those snapshots before compression.");
        _wireBytes = meter.CreateCounter<long>("grid.sync.wire.io", "By", "Bytes of snapshots' items given to streams, once for each member, of those cut short too.");
        _snapshots = meter.CreateHistogram(
            "grid.sync.snapshot.duration", "s", "From a snapshot's beginning at the primary to its end, by codec and outcome.", tags: null, GridBuckets.Changes);
        _syncs = meter.CreateHistogram(
            "grid.sync.duration", "s", "From a replica's attach to the end of its sync, by kind and outcome.", tags: null, GridBuckets.Changes);
        meter.CreateObservableUpDownCounter("grid.sync.active", () => places.Held, "{snapshot}", "Full syncs that this silo's primaries serve now.");
        meter.CreateObservableUpDownCounter("grid.sync.waiting", () => places.Waiting, "{snapshot}", "Full syncs that wait for a place on this silo.");
    }

    /// <summary>
    /// An item of a snapshot is given to a member's stream: all of its bytes, head included, also of one that the stream refuses, or abandons before it has travelled.
    /// </summary>
    public void OnItem(int bytes) => _wireBytes.Add(bytes);

    /// <summary>A snapshot was taken to its end.</summary>
    public void OnSent(in SnapshotOutcome outcome)
    {
        _sent.Add(1);
        _entries.Add(outcome.Entries);
        _rawBytes.Add(outcome.RawBytes);
    }

    /// <summary>A snapshot is over, one way or another.</summary>
    public void OnEnded(bool compressed, string outcome, long sinceTimestamp) => _snapshots.Record(
        Stopwatch.GetElapsedTime(sinceTimestamp).TotalSeconds,
        GridAttributes.Tag(GridAttributes.Codec, compressed ? "lz4" : "none"),
        GridAttributes.Tag(GridAttributes.Outcome, outcome));

    /// <summary>A replica's sync is over.</summary>
    public void OnSynced(string kind, string outcome, TimeSpan duration) => _syncs.Record(
        duration.TotalSeconds,
        GridAttributes.Tag(GridAttributes.SyncKind, kind),
        GridAttributes.Tag(GridAttributes.SyncOutcome, outcome));
}
