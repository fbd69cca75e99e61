namespace Grid.Server.Bench;

/// <summary>What <see cref="StreamsBench"/> measures. Every measurement is bounded in time and in data.</summary>
public sealed record StreamsBenchOptions
{
    /// <summary>How long each measurement sends. Default 3 s.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Item sizes for throughput, in bytes. Default 64 KiB, 256 KiB, 1 MiB.</summary>
    public IReadOnlyList<int> Sizes { get; init; } = [64 << 10, 256 << 10, 1 << 20];

    /// <summary>Size of the items for the rate of small items and for latency, in bytes, at least 16. Default 100.</summary>
    public int SmallSize { get; init; } = 100;

    /// <summary>Rates at which latency is measured, in items per second. Default 200 and 5,000.</summary>
    public IReadOnlyList<int> Rates { get; init; } = [200, 5000];

    /// <summary>Items under way at once in the throughput measurements. Default 16; 256 for small items.</summary>
    public int Outstanding { get; init; } = 16;

    /// <summary>
    /// Bytes that one measurement of memory streams sends at most, because what it queues stays in memory. Default 96 MiB.
    /// </summary>
    public long MemoryStreamBytesMax { get; init; } = 96L << 20;

    /// <summary>Items that one measurement of memory streams sends at most. Default 30,000.</summary>
    public long MemoryStreamItemsMax { get; init; } = 30_000;

    /// <summary>How long a consumer may get nothing before the measurement ends with what has arrived. Default 5 s.</summary>
    public TimeSpan StallLimit { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>One provider's figures.</summary>
/// <param name="Provider">"grid" or "memory".</param>
/// <param name="Throughputs">One for each size that the provider can carry, then one for small items.</param>
/// <param name="Latencies">One for each rate.</param>
public sealed record StreamsBenchProvider(
    string Provider,
    IReadOnlyList<StreamsBenchThroughput> Throughputs,
    IReadOnlyList<StreamsBenchLatency> Latencies);

/// <summary>How fast items went through one stream, from the first one sent to the last one received.</summary>
/// <param name="ItemBytes">Size of an item.</param>
/// <param name="Sent">Items sent.</param>
/// <param name="Received">Items received; fewer when the provider lost some or stalled.</param>
/// <param name="Refused">Calls to <c>OnNextAsync</c> that failed and were repeated.</param>
/// <param name="Seconds">From the first item sent to the last one received; 0 if none was.</param>
/// <param name="AllocatedBytesPerItem">What the producing process allocated meanwhile, all told.</param>
public sealed record StreamsBenchThroughput(
    int ItemBytes,
    long Sent,
    long Received,
    long Refused,
    double Seconds,
    double AllocatedBytesPerItem)
{
    /// <summary>Items received per second.</summary>
    public double ItemsPerSecond => Received == 0 ? 0 : Received / Seconds;

    /// <summary>Millions of bytes received per second.</summary>
    public double MegabytesPerSecond => ItemsPerSecond * ItemBytes / 1e6;
}

/// <summary>Time from <c>OnNextAsync</c> at the producer to <c>OnNextAsync</c> at the consumer.</summary>
/// <param name="ItemsPerSecond">The rate at which items were sent.</param>
/// <param name="Samples">Items received.</param>
/// <param name="P50Ms">Half of the items took at most this, in milliseconds.</param>
/// <param name="P99Ms">99 of 100 items took at most this, in milliseconds.</param>
public sealed record StreamsBenchLatency(int ItemsPerSecond, int Samples, double P50Ms, double P99Ms);

/// <summary>What a run measured.</summary>
/// <param name="Grid">The grid's provider.</param>
/// <param name="Memory">Orleans' memory streams with their defaults.</param>
public sealed record StreamsBenchReport(StreamsBenchProvider Grid, StreamsBenchProvider Memory);
