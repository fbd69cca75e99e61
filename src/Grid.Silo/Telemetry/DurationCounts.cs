using System.Numerics;

namespace Grid.Silo.Telemetry;

/// <summary>How often what took how long, since the silo began: to be subtracted from an earlier look for what happened in between.</summary>
/// <remarks>Four buckets per doubling of a microsecond: a value read from it is at most a fifth too high.</remarks>
public readonly struct DurationCounts
{
    /// <summary>Buckets: up to more than two hours.</summary>
    internal const int Buckets = 132;

    private const int SplitBits = 2;

    private readonly long[]? _counts;

    internal DurationCounts(long[] counts) => _counts = counts;

    /// <summary>Everything counted.</summary>
    public long Total => _counts?.Sum() ?? 0;

    /// <summary>What was counted since <paramref name="earlier"/>.</summary>
    /// <param name="earlier">An earlier look at the same counts, or the default.</param>
    public DurationCounts Since(in DurationCounts earlier)
    {
        if (_counts is null || earlier._counts is not { } before)
            return this;
        return new DurationCounts([.. _counts.Zip(before, static (now, then) => now - then)]);
    }

    /// <summary>The time that a share of what was counted did not exceed.</summary>
    /// <param name="share">0 to 1: 0.99 for p99.</param>
    /// <returns>Zero when nothing was counted.</returns>
    public TimeSpan Percentile(double share)
    {
        long left = (long)Math.Ceiling(Total * Math.Clamp(share, 0, 1));
        if (left == 0)
            return TimeSpan.Zero;
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            left -= _counts![bucket];
            if (left <= 0)
                return TimeSpan.FromMicroseconds(UpperUs(bucket));
        }

        return TimeSpan.FromMicroseconds(UpperUs(Buckets - 1));
    }

    /// <summary>The bucket of a duration.</summary>
    internal static int BucketOf(long microseconds)
    {
        if (microseconds < 1 << SplitBits)
            return (int)Math.Max(0, microseconds);
        int octave = BitOperations.Log2((ulong)microseconds);
        int part = (int)(microseconds >> (octave - SplitBits)) & ((1 << SplitBits) - 1);
        return Math.Min(((octave - SplitBits + 1) << SplitBits) + part, Buckets - 1);
    }

    /// <summary>The first duration that a bucket does not hold, in microseconds.</summary>
    internal static long UpperUs(int bucket)
    {
        if (bucket < 1 << SplitBits)
            return bucket + 1;
        int octave = (bucket >> SplitBits) + SplitBits - 1;
        int part = bucket & ((1 << SplitBits) - 1);
        return (long)((1 << SplitBits) + part + 1) << (octave - SplitBits);
    }
}
