using System.Runtime.CompilerServices;

namespace Grid.Storage;

/// <summary>Hits and misses of lookups by many threads: a few counters, each on a cache line of its own, made when first needed.</summary>
internal sealed class SharedCounters
{
    private const int Stripes = 4;
    private const int StrideLongs = 16;
    private long[]? _counters;

    public long Hits => Sum(0);

    public long Misses => Sum(1);

    public void Count(bool hit)
    {
        long[] counters = _counters ?? Make();
        int stripe = Environment.CurrentManagedThreadId % Stripes * StrideLongs;
        Interlocked.Increment(ref counters[stripe + (hit ? 0 : 1)]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private long[] Make()
    {
        long[] made = new long[Stripes * StrideLongs];
        return Interlocked.CompareExchange(ref _counters, made, null) ?? made;
    }

    private long Sum(int which)
    {
        long sum = 0;
        if (_counters is { } counters)
        {
            for (int stripe = 0; stripe < Stripes; stripe++)
                sum += Volatile.Read(ref counters[(stripe * StrideLongs) + which]);
        }

        return sum;
    }
}
