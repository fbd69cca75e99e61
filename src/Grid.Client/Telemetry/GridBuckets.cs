using System.Diagnostics.Metrics;

namespace Grid.Client.Telemetry;

/// <summary>Boundaries of histograms, for whoever collects them and has no wishes of its own.</summary>
internal static class GridBuckets
{
    /// <summary>An operation, in seconds: from what a read within a silo takes to the default time-out.</summary>
    public static readonly InstrumentAdvice<double> Operations = new()
    {
        HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    };

    /// <summary>A sync, a takeover or a hand-over, in seconds.</summary>
    public static readonly InstrumentAdvice<double> Changes = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    };

    /// <summary>Things in a batch.</summary>
    public static readonly InstrumentAdvice<int> Counts = new() { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096] };

    /// <summary>Members of a cohort.</summary>
    public static readonly InstrumentAdvice<int> Cohort = new() { HistogramBucketBoundaries = [1, 2, 3, 4, 5, 6] };
}
