using CsCheck;
using Grid.Server.Bench;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>Percentiles of the load generator are within 1/64 of the truth.</summary>
public sealed class LatencyHistogramTests
{
    private static readonly Gen<long> Values = Gen.Int[0, 62].SelectMany(static bits => Gen.Long[0, 1L << bits]);

    [Fact]
    public void Percentiles_are_those_of_the_sorted_values_rounded_up_by_at_most_a_64th() =>
        Gen.Select(Values.Array[1, 300], Gen.Double[0, 100]).Sample((values, percentile) =>
        {
            LatencyHistogram histogram = new();
            foreach (long value in values)
                histogram.Record(value);
            long[] sorted = [.. values.Order()];
            long truth = sorted[Math.Max(0, (int)Math.Ceiling(values.Length * (percentile / 100)) - 1)];
            long told = histogram.Percentile(percentile);
            Assert.InRange(told, truth, truth + (truth / 64));
            Assert.Equal((sorted[^1], values.Length), (histogram.Max, histogram.Count));
        });

    [Fact]
    public void Merged_histograms_are_one() =>
        Gen.Select(Values.Array[0, 100], Values.Array[0, 100]).Sample((some, others) =>
        {
            LatencyHistogram one = new();
            LatencyHistogram a = new();
            LatencyHistogram b = new();
            foreach (long value in some)
            {
                one.Record(value);
                a.Record(value);
            }

            foreach (long value in others)
            {
                one.Record(value);
                b.Record(value);
            }

            a.Add(b);
            foreach (double percentile in new[] { 0, 50, 99, 99.9, 100 })
                Assert.Equal(one.Percentile(percentile), a.Percentile(percentile));
        });

    [Fact]
    public void An_empty_histogram_knows_nothing() => Assert.Equal((0L, 0L, 0L), (new LatencyHistogram().Percentile(99), new LatencyHistogram().Max, new LatencyHistogram().Count));
}
