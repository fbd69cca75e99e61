using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grid.Client.Telemetry;
using Grid.Replication.Takeover;

namespace Grid.Silo.Telemetry;

/// <summary>How shards change hands, on the meter "Grid".</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class TakeoverInstruments
{
    private static readonly string[] Kinds = ["create", "hand_over", "failover"];

    private readonly Counter<long> _count;
    private readonly Histogram<double> _takeovers;
    private readonly Histogram<double> _handOvers;

    public TakeoverInstruments(IMeterFactory meters)
    {
        Meter meter = meters.Create(GridTelemetry.MeterName);
        _count = meter.CreateCounter<long>("grid.takeovers", "{takeover}", "Reigns begun here, by kind: a new shard, a hand-over, a failover.");
        _takeovers = meter.CreateHistogram(
            "grid.takeover.duration", "s", "From an activation's first look at its shard to its reign, by kind.", tags: null, GridBuckets.Changes);
        _handOvers = meter.CreateHistogram(
            "grid.hand_over.duration", "s", "From the word to hand a shard over to the end of the reign, or to the attempt's.", tags: null, GridBuckets.Changes);
    }

    /// <summary>Begins the series at 0: of one that begins at 1 nobody sees that it grew.</summary>
    public void Begin()
    {
        foreach (string kind in Kinds)
            _count.Add(0, GridAttributes.Tag(GridAttributes.TakeoverKind, kind));
    }

    /// <summary>A reign has begun.</summary>
    public void OnReign(TakeoverPlan plan, long sinceTimestamp)
    {
        KeyValuePair<string, object?> kind = GridAttributes.Tag(GridAttributes.TakeoverKind, KindOf(plan));
        _count.Add(1, kind);
        _takeovers.Record(Stopwatch.GetElapsedTime(sinceTimestamp).TotalSeconds, kind);
    }

    /// <summary>A hand-over has ended.</summary>
    public void OnHandOver(bool surrendered, long sinceTimestamp) =>
        _handOvers.Record(Stopwatch.GetElapsedTime(sinceTimestamp).TotalSeconds, GridAttributes.Tag(GridAttributes.Outcome, surrendered ? "surrendered" : "failed"));

    /// <summary>What kind of change a plan is: <c>create</c>, <c>hand_over</c> or <c>failover</c>.</summary>
    public static string KindOf(TakeoverPlan plan) =>
        plan.Verdict == TakeoverVerdict.Create ? "create" : plan.EndedEpoch > 0 ? "hand_over" : "failover";
}
