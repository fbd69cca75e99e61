namespace Grid.Replication.Layout;

/// <summary>Evens loads out by paths of silos along which each gives one thing to the next.</summary>
internal static class LayoutBalance
{
    /// <summary>Gives until nothing is gained by it.</summary>
    /// <param name="copies">The silos.</param>
    /// <param name="canGive">What the first silo can give to the second; -1 for nothing.</param>
    /// <param name="give">Gives it.</param>
    /// <param name="cost">What one thing more adds to the sum that is to be small; what one thing less takes from it is <c>2 / weight</c> below.</param>
    public static void Even(LayoutGrid copies, Func<int, int, int> canGive, Action<int, int, int> give, Func<int, double> cost)
    {
        bool moved = true;
        while (moved)
        {
            moved = false;
            int[] sources = [.. Enumerable.Range(0, copies.Silos.Count).OrderByDescending(silo => Saved(copies, silo, cost)).ThenBy(silo => silo)];
            foreach (int source in sources)
            {
                if (FindPath(copies, source, canGive, cost) is not { } path)
                    continue;
                Walk(path, canGive, give);
                moved = true;
                break;
            }
        }
    }

    private static double Saved(LayoutGrid copies, int silo, Func<int, double> cost) => cost(silo) - (2 / (double)copies.Silos[silo].Weight);

    /// <summary>The shortest path to the silo for which it is worth most; null when it is worth nothing.</summary>
    private static List<int>? FindPath(LayoutGrid copies, int source, Func<int, int, int> canGive, Func<int, double> cost)
    {
        int[] before = [.. Enumerable.Repeat(-1, copies.Silos.Count)];
        Queue<int> open = new([source]);
        int best = -1;
        double bestCost = Saved(copies, source, cost) - 1e-9;
        while (open.TryDequeue(out int silo))
        {
            for (int next = 0; next < copies.Silos.Count; next++)
            {
                if (next == source || before[next] >= 0 || canGive(silo, next) < 0)
                    continue;
                before[next] = silo;
                open.Enqueue(next);
                if (cost(next) < bestCost)
                    (best, bestCost) = (next, cost(next));
            }
        }

        if (best < 0)
            return null;
        List<int> path = [best];
        while (path[^1] != source)
            path.Add(before[path[^1]]);
        return path;
    }

    /// <summary>
    /// From the end backwards: each silo gives before it gets, so that what comes is not passed on at once. What a silo gives away only widens
    /// what it can be given, and no silo is on a path twice: so each step that was found to be possible still is.
    /// </summary>
    private static void Walk(List<int> path, Func<int, int, int> canGive, Action<int, int, int> give)
    {
        for (int i = 0; i + 1 < path.Count; i++)
        {
            int what = canGive(path[i + 1], path[i]);
            if (what < 0)
                throw new InvalidOperationException($"Silo {path[i + 1]} has nothing to give to silo {path[i]} any more.");
            give(path[i + 1], path[i], what);
        }
    }
}
