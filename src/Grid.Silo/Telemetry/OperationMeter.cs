using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grid.Client.Telemetry;
using Grid.Formats.Operations;

namespace Grid.Silo.Telemetry;

/// <summary>
/// Counts what this silo's primaries do, by operation, keyspace and outcome, and how long it takes them: for the meter, and for
/// whoever in the process wants to know (<see cref="Snapshot"/>). A service of the silo's host.
/// </summary>
/// <remarks>
/// Thread-safe. Told once per batch and group of equal operations in it, without allocating: a few atomic additions. Counts are
/// read when somebody collects; only the histogram is told of each batch, and only while somebody listens.
/// </remarks>
public sealed class OperationMeter
{
    private const int Stripes = 8;

    private static readonly OperationKind[] AllKinds = Enum.GetValues<OperationKind>();
    private static readonly OperationStatus[] AllStatuses = Enum.GetValues<OperationStatus>();

    private readonly ConcurrentDictionary<string, OperationTally> _tallies = new(StringComparer.Ordinal);
    private readonly OperationTally _others = new(GridTelemetry.OtherKeyspaces);
    private readonly long[] _durations = new long[Stripes * DurationCounts.Buckets];
    private readonly long[] _batches = new long[Enum.GetValues<BatchStatus>().Length];
    private readonly Histogram<double> _duration;

    /// <param name="meters">Makes the meter.</param>
    public OperationMeter(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        Meter meter = meters.Create(GridTelemetry.MeterName);
        meter.CreateObservableCounter("grid.operations", Operations, "{operation}", "Operations that this silo's primaries executed.");
        meter.CreateObservableCounter("grid.batches", Batches, "{batch}", "Batches that this silo's primaries answered.");
        meter.CreateObservableCounter("grid.keyspace.hits", () => Lookups(OperationStatus.Ok), "{lookup}", "Reads by key at primaries that found an entry.");
        meter.CreateObservableCounter("grid.keyspace.misses", () => Lookups(OperationStatus.NotFound), "{lookup}", "Reads by key at primaries that found none.");
        meter.CreateObservableCounter("grid.keyspace.expirations", Expirations, "{entry}", "Entries that expired at primaries.");
        _duration = meter.CreateHistogram(
            "grid.operation.duration",
            "s",
            "From a batch's arrival at its primary to its reply: one measurement for each operation, keyspace and outcome in the batch.",
            tags: null,
            GridBuckets.Operations);
    }

    /// <summary>What was counted so far, over all keyspaces.</summary>
    public OperationSnapshot Snapshot()
    {
        long[] counts = OperationTally.NewCells();
        foreach (OperationTally tally in All())
            tally.AddTo(counts);
        long[] durations = new long[DurationCounts.Buckets];
        for (int i = 0; i < _durations.Length; i++)
            durations[i % DurationCounts.Buckets] += Volatile.Read(ref _durations[i]);
        return new OperationSnapshot(counts, new DurationCounts(durations), Stopwatch.GetTimestamp());
    }

    /// <summary>Where operations on a keyspace are counted; the names beyond a bound share one place.</summary>
    internal OperationTally TallyOf(string keyspace)
    {
        if (_tallies.TryGetValue(keyspace, out OperationTally? tally))
            return tally;
        if (keyspace.Length == 0 || _tallies.Count >= GridTelemetry.KeyspacesNamedMax)
            return _others;
        return _tallies.GetOrAdd(keyspace, static name => new OperationTally(name));
    }

    /// <summary>A batch is answered: counts what it did.</summary>
    /// <param name="batch">What its operations came to.</param>
    /// <param name="status">How it was answered; what was executed but is not vouched for counts as indeterminate.</param>
    /// <param name="stripe">Any number that other threads seldom give: the shard's.</param>
    internal void Count(in BatchTally batch, BatchStatus status, int stripe)
    {
        Interlocked.Increment(ref _batches[Math.Min((int)status, _batches.Length - 1)]);
        if (batch.Count == 0)
            return;
        TimeSpan elapsed = batch.Elapsed;
        int bucket = ((stripe & (Stripes - 1)) * DurationCounts.Buckets) + DurationCounts.BucketOf(elapsed.Ticks / TimeSpan.TicksPerMicrosecond);
        bool observed = _duration.Enabled;
        int operations = 0;
        for (int i = 0; i < batch.Count; i++)
        {
            BatchTally.Group group = batch[i];
            OperationStatus outcome = status == BatchStatus.Ok ? group.Status : OperationStatus.Indeterminate;
            group.Tally.Add(group.Kind, outcome, group.Count, stripe);
            operations += group.Count;
            if (observed)
                _duration.Record(elapsed.TotalSeconds, Tags(group.Tally, group.Kind, outcome));
        }

        Interlocked.Add(ref _durations[bucket], operations);
    }

    private static TagList Tags(OperationTally tally, OperationKind kind, OperationStatus outcome) => new(
    [
        new(GridAttributes.Operation, GridAttributes.NameOf(kind)),
        new(GridAttributes.Keyspace, tally.Keyspace),
        new(GridAttributes.Outcome, GridAttributes.NameOf(outcome)),
    ]);

    private IEnumerable<OperationTally> All() => _tallies.Values.Append(_others);

    private IEnumerable<Measurement<long>> Operations()
    {
        foreach (OperationTally tally in All())
        {
            foreach (OperationKind kind in AllKinds)
            {
                // Outcomes that there were none of are told as well: of a series that begins at 1 nobody sees that it grew.
                if (!AllStatuses.Any(status => tally.Of(kind, status) > 0))
                    continue;
                foreach (OperationStatus status in AllStatuses)
                    yield return new Measurement<long>(tally.Of(kind, status), Tags(tally, kind, status));
            }
        }
    }

    private IEnumerable<Measurement<long>> Batches()
    {
        for (int status = 0; status < _batches.Length; status++)
            yield return new Measurement<long>(Volatile.Read(ref _batches[status]), GridAttributes.Tag(GridAttributes.Outcome, GridAttributes.NameOf((BatchStatus)status)));
    }

    private IEnumerable<Measurement<long>> Lookups(OperationStatus status)
    {
        foreach (OperationTally tally in All())
            yield return new Measurement<long>(tally.Of(OperationKind.Get, status) + tally.Of(OperationKind.Peek, status), GridAttributes.Tag(GridAttributes.Keyspace, tally.Keyspace));
    }

    private IEnumerable<Measurement<long>> Expirations()
    {
        foreach (OperationTally tally in All())
            yield return new Measurement<long>(tally.Expired, GridAttributes.Tag(GridAttributes.Keyspace, tally.Keyspace));
    }
}
