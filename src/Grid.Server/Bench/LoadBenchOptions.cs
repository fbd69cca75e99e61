using Grid.Client;

namespace Grid.Server.Bench;

/// <summary>Shares of the operations, in percent; together 100.</summary>
/// <param name="Get">Reads of one key.</param>
/// <param name="Set">Writes of one key.</param>
/// <param name="CompareAndSet">Reads of one key with its version, then a write on condition of that version.</param>
/// <param name="Increment">Additions to one counter.</param>
/// <param name="Delete">Removals of one key.</param>
/// <param name="GetMany">Reads of many keys in one call.</param>
/// <param name="SetMany">Writes of many keys in one call.</param>
public sealed record LoadMix(int Get = 80, int Set = 20, int CompareAndSet = 0, int Increment = 0, int Delete = 0, int GetMany = 0, int SetMany = 0)
{
    internal int Sum => Get + Set + CompareAndSet + Increment + Delete + GetMany + SetMany;
}

/// <summary>What load to make.</summary>
public sealed record LoadBenchOptions
{
    /// <summary>The keyspace that is written to. Default "bench".</summary>
    public string Keyspace { get; init; } = "bench";

    /// <summary>Shares of the operations. Default 80% get, 20% set.</summary>
    public LoadMix Mix { get; init; } = new();

    /// <summary>Number of keys, drawn evenly. Default 1,000,000; 1 to 1,000,000,000.</summary>
    public int Keys { get; init; } = 1_000_000;

    /// <summary>The smallest value, in bytes. Default 100; 0 to 64 MiB.</summary>
    public int ValueBytesMin { get; init; } = 100;

    /// <summary>The largest value, in bytes. Default 100; at least <see cref="ValueBytesMin"/>, at most 64 MiB.</summary>
    public int ValueBytesMax { get; init; } = 100;

    /// <summary>Calls under way at a time. Default 256; 1 to 65,536.</summary>
    public int Outstanding { get; init; } = 256;

    /// <summary>Keys of one get-many or set-many. Default 100; 1 to 10,000.</summary>
    public int ManyKeys { get; init; } = 100;

    /// <summary>How long the measured part lasts. Default 10 s; 100 ms to 1 day.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long load is made before it is measured. Default 2 s; 0 to 1 hour.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>True to write every key once first. Default true.</summary>
    public bool Preload { get; init; } = true;

    /// <summary>What the acknowledgement of a write promises; null for the client's default.</summary>
    public Durability? Durability { get; init; }

    /// <summary>What a read promises; null for the client's default.</summary>
    public ReadMode? ReadMode { get; init; }

    /// <summary>Seed of keys, sizes and operations. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Throws if something is out of its range.</summary>
    /// <exception cref="ArgumentException">The message names the option.</exception>
    public void Validate()
    {
        if (Mix.Sum != 100 || Mix is { Get: < 0 } or { Set: < 0 } or { CompareAndSet: < 0 } or { Increment: < 0 } or { Delete: < 0 } or { GetMany: < 0 } or { SetMany: < 0 })
            throw new ArgumentException($"--mix: the shares are percents and must sum to 100; these sum to {Mix.Sum}.");
        InRange(Keys, 1, 1_000_000_000, "--keys");
        InRange(ValueBytesMin, 0, GridLimits.ValueBytesMax, "--size (the least)");
        InRange(ValueBytesMax, ValueBytesMin, GridLimits.ValueBytesMax, "--size (the most)");
        InRange(Outstanding, 1, 65_536, "--outstanding");
        InRange(ManyKeys, 1, 10_000, "--many");
        InRange(Duration.TotalSeconds, 0.1, TimeSpan.FromDays(1).TotalSeconds, "--seconds");
        InRange(WarmUp.TotalSeconds, 0, TimeSpan.FromHours(1).TotalSeconds, "--warm-up");
    }

    private static void InRange(double value, double min, double max, string name)
    {
        if (value < min || value > max)
            throw new ArgumentException($"{name} is {value}; it must be {min:0.###} to {max:0.###}.");
    }
}

/// <summary>How far it is.</summary>
/// <param name="Phase">"preload", "warm-up" or "measure".</param>
/// <param name="Done">Share of the phase that is done, 0 to 1.</param>
/// <param name="OperationsPerSecond">Operations per second, since the last report.</param>
/// <param name="Errors">Calls that failed in this phase.</param>
public readonly record struct LoadProgress(string Phase, double Done, double OperationsPerSecond, long Errors);

/// <summary>What was measured; prints as JSON as it is. Latencies are of calls, in microseconds.</summary>
/// <param name="Seconds">How long the measured part took.</param>
/// <param name="Calls">Calls that succeeded.</param>
/// <param name="Operations">Operations in them: a get-many of 100 keys counts 100, a compare-and-set 2.</param>
/// <param name="OperationsPerSecond">Operations per second.</param>
/// <param name="P50Us">Half of the calls took at most this.</param>
/// <param name="P99Us">99% of the calls took at most this.</param>
/// <param name="P999Us">99.9% of the calls took at most this.</param>
/// <param name="MaxUs">The longest call.</param>
/// <param name="Misses">Reads that found nothing.</param>
/// <param name="ConditionsFailed">Compare-and-sets that lost to another write.</param>
/// <param name="Errors">Calls that failed, by the name of their exception.</param>
/// <param name="PreloadSeconds">How long the preload took; 0 without one.</param>
/// <param name="AllocatedBytesPerOperation">Bytes that this process allocated, per operation.</param>
public sealed record LoadResult(
    double Seconds,
    long Calls,
    long Operations,
    double OperationsPerSecond,
    double P50Us,
    double P99Us,
    double P999Us,
    double MaxUs,
    long Misses,
    long ConditionsFailed,
    IReadOnlyDictionary<string, long> Errors,
    double PreloadSeconds,
    double AllocatedBytesPerOperation);
