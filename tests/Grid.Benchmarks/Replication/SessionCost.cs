using System.Diagnostics;
using System.Globalization;

namespace Grid.Benchmarks.Replication;

/// <summary>
/// What exactly-once costs: replicated sets with and without numbered operations, in turns, so that whatever else the machine does concerns both. Ratios of
/// neighbours, and their quartiles.
/// </summary>
internal static class SessionCost
{
    /// <summary>The word on the command line.</summary>
    public const string Verb = "sessions";

    private const int Rounds = 60;
    private const int Batches = 2000;

    public static void Run()
    {
        using ShardPair with = new(numbered: true), without = new(numbered: false);
        for (int i = 0; i < 10; i++)
        {
            Measure(with);
            Measure(without);
        }

        List<double> ratios = [], withNs = [], withoutNs = [];
        double withBytes = double.MaxValue, withoutBytes = double.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            // The one that goes first changes, so that a drift does not count.
            (double Ns, double Bytes) first = Measure(round % 2 == 0 ? with : without), second = Measure(round % 2 == 0 ? without : with);
            ((double Ns, double Bytes) numbered, (double Ns, double Bytes) plain) = round % 2 == 0 ? (first, second) : (second, first);
            ratios.Add(numbered.Ns / plain.Ns);
            withNs.Add(numbered.Ns);
            withoutNs.Add(plain.Ns);
            (withBytes, withoutBytes) = (Math.Min(withBytes, numbered.Bytes), Math.Min(withoutBytes, plain.Bytes));
        }

        Say($"{Rounds} pairs of {Batches * ShardPair.BatchSets:N0} replicated sets of 100 B at primary and replica, batches of {ShardPair.BatchSets}");
        Say($"with sessions     {At(withNs, 0.5):F0} ns a set, {withBytes:F2} B allocated, {with.LogBytesPerSet:F1} B of log");
        Say($"without           {At(withoutNs, 0.5):F0} ns a set, {withoutBytes:F2} B allocated, {without.LogBytesPerSet:F1} B of log");
        Say($"ratio of times    median {At(ratios, 0.5):F3}, quartiles {At(ratios, 0.25):F3} and {At(ratios, 0.75):F3}");
    }

    private static (double Ns, double Bytes) Measure(ShardPair pair)
    {
        long bytes = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
        pair.Run(Batches);
        double sets = Batches * ShardPair.BatchSets;
        return (Stopwatch.GetElapsedTime(start).TotalNanoseconds / sets, (GC.GetAllocatedBytesForCurrentThread() - bytes) / sets);
    }

    private static double At(List<double> values, double quantile) => values.Order().ElementAt((int)(quantile * (values.Count - 1)));

    private static void Say(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
