using System.Globalization;

namespace Grid.Server.Chaos;

/// <summary>Reports for people.</summary>
internal static class ChaosText
{
    public static void Show(IReadOnlyList<ChaosReport> reports)
    {
        foreach (ChaosReport report in reports)
        {
            foreach (string fault in report.Faults)
                Console.WriteLine($"  {fault}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"seed {report.Seed}: {report.Faults.Count} faults, {report.Outcomes.Values.Sum():N0} calls ({string.Join(", ", report.Outcomes.Select(static pair => $"{pair.Value} {pair.Key}"))}), the longest {report.LongestMs:0} ms"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {report.Keys} keys checked: {report.Violated} not linearizable, {report.GaveUp} too much to check; shards whose copies differ: {report.Differing}; shards without any in-sync copy: {report.Unavailable}"));
            if (report.MustLose)
                Console.WriteLine(report.Violated > 0 ? "  writes had to be lost in this round, and the checker found it" : "  NOT FOUND: writes had to be lost in this round, and the checker found nothing");
            if (report.FloodWrites > 0)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  beside them {report.FloodWrites:N0} acknowledged writes, of which {report.FloodWrong.Count} are known to be lost; {report.FloodFailed:N0} calls failed or are not known"));
            foreach (string wrong in report.FloodWrong)
                Console.WriteLine($"  LOST: {wrong}");
            foreach (string unexpected in report.Unexpected)
                Console.WriteLine($"  unexpected: {unexpected}");
            if (report.Problem is not null)
                Console.WriteLine($"  PROBLEM: {report.Problem}");
            if (report.Evidence is not null)
                Console.WriteLine($"  evidence: {report.Evidence}");
        }

        Console.WriteLine(reports.All(static report => report.IsGood) ? "all as promised" : "NOT as promised");
    }
}
