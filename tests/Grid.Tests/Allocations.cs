namespace Grid.Tests;

/// <summary>What an action allocates on its thread.</summary>
internal static class Allocations
{
    /// <summary>
    /// The least that it allocates in a round. Now and then something is allocated on its behalf, under load more often: the runtime compiles what it runs anew, on that very
    /// thread where a loop is replaced in mid-run, and a collection empties array pools, which are then filled again. What the action allocates by itself, it
    /// allocates in every round.
    /// </summary>
    /// <param name="round">What is measured; the first rounds warm it up.</param>
    /// <param name="rounds">How often.</param>
    public static long Least(Action round, int rounds = 8)
    {
        long least = long.MaxValue;
        for (int i = 0; i < rounds; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            round();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
