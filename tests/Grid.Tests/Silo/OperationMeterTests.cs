using System.Diagnostics.Metrics;
using Grid.Client.Telemetry;
using Grid.Formats.Operations;
using Grid.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>What primaries count, and what is read back.</summary>
public sealed class OperationMeterTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().AddSingleton<OperationMeter>().BuildServiceProvider();
    private readonly OperationMeter _meter;

    public OperationMeterTests() => _meter = _services.GetRequiredService<OperationMeter>();

    public void Dispose() => _services.Dispose();

    [Fact]
    public void A_look_shows_operations_by_kind_and_what_failed_and_two_looks_what_came_in_between()
    {
        Count(BatchStatus.Ok, ("a", OperationKind.Get, OperationStatus.Ok, 7), ("a", OperationKind.Get, OperationStatus.NotFound, 2), ("b", OperationKind.Set, OperationStatus.Overloaded, 1));
        OperationSnapshot first = _meter.Snapshot();
        Assert.Equal((10, 9, 1, 1), (first.Operations, first.Reads, first.Writes, first.Failed));
        Assert.Equal(9, first.Of(OperationKind.Get));
        Assert.Equal(10, first.Durations.Total);

        Count(BatchStatus.Ok, ("a", OperationKind.Set, OperationStatus.Ok, 5));
        OperationSnapshot second = _meter.Snapshot();
        Assert.Equal(5, second.Operations - first.Operations);
        Assert.Equal(5, second.Durations.Since(first.Durations).Total);
        Assert.True(second.Timestamp > first.Timestamp);
    }

    [Fact]
    public void What_was_executed_and_is_not_vouched_for_counts_as_indeterminate()
    {
        Count(BatchStatus.Indeterminate, ("a", OperationKind.Set, OperationStatus.Ok, 3));
        Assert.Equal(3, _meter.TallyOf("a").Of(OperationKind.Set, OperationStatus.Indeterminate));
        Assert.Equal(0, _meter.TallyOf("a").Of(OperationKind.Set, OperationStatus.Ok));
    }

    [Fact]
    public void More_groups_than_a_batch_has_room_for_are_counted_too()
    {
        Count(BatchStatus.Ok, [.. Enumerable.Range(0, 9).Select(i => ($"k{i}", OperationKind.Get, OperationStatus.Ok, i + 1)), ("k0", OperationKind.Get, OperationStatus.Ok, 10)]);
        Assert.Equal(55, _meter.Snapshot().Of(OperationKind.Get));
        Assert.Equal(11, _meter.TallyOf("k0").Of(OperationKind.Get, OperationStatus.Ok));
        Assert.Equal(9, _meter.TallyOf("k8").Of(OperationKind.Get, OperationStatus.Ok));
    }

    [Fact]
    public void Names_of_keyspaces_beyond_the_bound_share_one()
    {
        for (int i = 0; i < GridTelemetry.KeyspacesNamedMax + 20; i++)
            Count(BatchStatus.Ok, ($"keyspace{i}", OperationKind.Get, OperationStatus.Ok, 1));
        Dictionary<string, long> seen = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Name == "grid.operations" && instrument.Meter.Scope == _services.GetRequiredService<IMeterFactory>())
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => seen[(string)tags[1].Value!] = seen.GetValueOrDefault((string)tags[1].Value!) + value);
        listener.Start();
        listener.RecordObservableInstruments();
        Assert.Equal(GridTelemetry.KeyspacesNamedMax + 1, seen.Count);
        Assert.Equal(20, seen[GridTelemetry.OtherKeyspaces]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(67)]
    [InlineData(1_000)]
    [InlineData(123_456)]
    [InlineData(3_600_000_000)]
    public void A_percentile_is_at_most_a_quarter_above_what_was_counted(long microseconds)
    {
        long[] counts = new long[DurationCounts.Buckets];
        counts[DurationCounts.BucketOf(microseconds)] = 1;
        double told = new DurationCounts(counts).Percentile(0.99).TotalMicroseconds;
        Assert.InRange(told, microseconds, (microseconds * 1.25) + 1);
    }

    [Fact]
    public void Buckets_follow_each_other_without_a_hole()
    {
        for (int bucket = 1; bucket < DurationCounts.Buckets - 1; bucket++)
        {
            Assert.Equal(bucket, DurationCounts.BucketOf(DurationCounts.UpperUs(bucket - 1)));
            Assert.Equal(bucket, DurationCounts.BucketOf(DurationCounts.UpperUs(bucket) - 1));
        }
    }

    [Fact]
    public void Counting_a_batch_allocates_nothing()
    {
        OperationTally tally = _meter.TallyOf("a");
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 1000; i++)
                Measure();
        }));

        void Measure()
        {
            BatchTally batch = new();
            batch.Add(new BatchTally.Group(tally, OperationKind.Get, OperationStatus.Ok, 10));
            _meter.Count(batch, BatchStatus.Ok, 3);
        }
    }

    private void Count(BatchStatus status, params (string Keyspace, OperationKind Kind, OperationStatus Status, int Count)[] groups)
    {
        BatchTally batch = new();
        foreach ((string keyspace, OperationKind kind, OperationStatus outcome, int count) in groups)
            batch.Add(new BatchTally.Group(_meter.TallyOf(keyspace), kind, outcome, count));
        _meter.Count(batch, status, stripe: 1);
    }
}
