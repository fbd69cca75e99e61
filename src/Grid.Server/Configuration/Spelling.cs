namespace Grid.Server.Configuration;

/// <summary>What somebody may have meant.</summary>
internal static class Spelling
{
    /// <summary>The known name that is nearest; null if none is near.</summary>
    public static string? Nearest(string unknown, IEnumerable<string> known)
    {
        (string Name, int Distance) nearest = known.Select(name => (name, Distance(unknown.ToUpperInvariant(), name.ToUpperInvariant()))).DefaultIfEmpty(("", int.MaxValue)).MinBy(pair => pair.Item2);
        return nearest.Distance <= Math.Max(2, unknown.Length / 3) ? nearest.Name : null;
    }

    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
