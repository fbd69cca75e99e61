using System.Numerics;

namespace Grid.Server.Bench;

/// <summary>
/// Counts of durations in fixed memory: buckets of one nanosecond up to 128 ns, then 64 per power of two, so that any
/// recorded value is known to within 1/64 (1.6%). After Gil Tene's HdrHistogram.
/// </summary>
/// <remarks>One writer at a time; merge the writers' histograms to read them.</remarks>
public sealed class LatencyHistogram
{
    private const int SubBits = 6;
    private const int SubCount = 1 << SubBits;

    private readonly long[] _counts = new long[(64 - SubBits + 1) * SubCount];

    /// <summary>Values recorded.</summary>
    public long Count { get; private set; }

    /// <summary>The largest value recorded, exactly.</summary>
    public long Max { get; private set; }

    /// <summary>Records a value of nanoseconds (or any other unit), at least 0.</summary>
    public void Record(long value)
    {
        value = Math.Max(value, 0);
        _counts[IndexOf(value)]++;
        Count++;
        if (value > Max)
            Max = value;
    }

    /// <summary>Adds what another one holds.</summary>
    public void Add(LatencyHistogram other)
    {
        ArgumentNullException.ThrowIfNull(other);
        for (int i = 0; i < _counts.Length; i++)
            _counts[i] += other._counts[i];
        Count += other.Count;
        Max = Math.Max(Max, other.Max);
    }

    /// <summary>The value that <paramref name="percentile"/> of 100 of the values do not exceed, rounded up by at most 1/64; 0 if there is none.</summary>
    public long Percentile(double percentile)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(percentile, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percentile, 100);
        if (Count == 0)
            return 0;
        long wanted = Math.Max(1, (long)Math.Ceiling(Count * (percentile / 100)));
        long seen = 0;
        for (int i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= wanted)
                return Math.Min(HighestOf(i), Max);
        }

        return Max;
    }

    private static int IndexOf(long value)
    {
        int shift = Math.Max(0, 63 - BitOperations.LeadingZeroCount((ulong)value | 1) - SubBits);
        return (shift << SubBits) + (int)(value >> shift);
    }

    /// <summary>The largest value that falls into a bucket.</summary>
    private static long HighestOf(int index)
    {
        if (index < 2 * SubCount)
            return index;
        int shift = (index >> SubBits) - 1;
        long sub = index - ((long)shift << SubBits);
        return ((sub + 1) << shift) - 1;
    }
}
