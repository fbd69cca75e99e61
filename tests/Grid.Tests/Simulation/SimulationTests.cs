using System.Globalization;
using Xunit;

namespace Grid.Tests.Simulation;

/// <summary>
/// Runs the simulation over many seeds. <c>GRID_SEEDS=n</c> runs n of them, <c>GRID_SEED=s</c> only seed s.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int SeedsInCi = 120;

    [Fact]
    public void Whatever_goes_wrong_no_acknowledged_write_is_lost_and_all_copies_end_equal()
    {
        if (Number("GRID_SEED") is { } one)
        {
            output.WriteLine(Simulator.Run((ulong)one).ToString());
            return;
        }

        long from = Number("GRID_FROM") ?? 1;
        long seeds = Number("GRID_SEEDS") ?? SeedsInCi;
        List<string> broken = [];
        long steps = 0, virtualMs = 0;
        int lost = 0;
        SortedDictionary<string, int> counts = new(StringComparer.Ordinal);
        for (long seed = from; seed < from + seeds; seed++)
        {
            try
            {
                Simulator.Outcome outcome = Simulator.Run((ulong)seed);
                steps += outcome.Steps;
                virtualMs += outcome.VirtualMs;
                lost += outcome.Lost;
                if ((seed - from) % 25 == 24)
                    output.WriteLine($"{seed - from + 1} seeds");
                foreach ((string what, int times) in outcome.Counts)
                    counts[what] = counts.GetValueOrDefault(what) + times;
            }
            catch (SimulationException e)
            {
                broken.Add(broken.Count == 0 ? e.Message : string.Join('\n', e.Message.Split('\n').Take(3)));
                if (broken.Count == 5)
                    break;
            }
        }

        output.WriteLine($"{seeds} seeds, {steps} steps, {virtualMs / 1000} virtual seconds, {lost} shards without a copy left");
        output.WriteLine(string.Join(", ", counts.Select(count => $"{count.Key} {count.Value}")));
        Assert.True(broken.Count == 0, string.Join("\n\n", broken));
    }

    private static long? Number(string variable) =>
        long.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out long value) ? value : null;
}
