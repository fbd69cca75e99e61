using System.Globalization;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Simulation;

/// <summary>
/// Runs the simulation over many seeds. <c>GRID_SEEDS=n</c> runs n of them, from <c>GRID_FROM</c> on; <c>GRID_SEED=s</c> only
/// seed s; either with <c>GRID_WEATHER=mistake</c> in the weather of that twin.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int SeedsInCi = 2000;
    private const int SeedsWithWishes = 400;
    private const int BrokenMax = 5;

    [Fact]
    public void Whatever_goes_wrong_no_acknowledged_write_is_lost_and_all_copies_end_equal()
    {
        string weather = Environment.GetEnvironmentVariable("GRID_WEATHER") ?? "";
        if (Number("GRID_SEED") is { } one)
        {
            output.WriteLine(Simulator.Run((ulong)one, plan => Weather.For(weather, plan)).ToString());
            return;
        }

        SeedRun run = new((ulong)(Number("GRID_FROM") ?? 1), Number("GRID_SEEDS") ?? SeedsInCi, plan => Weather.For(weather, plan)) { Tells = output.WriteLine };
        run.Go(BrokenMax);
        output.WriteLine(run.ToString());
        Assert.True(run.Broken.Count == 0, string.Join("\n\n", run.Broken.Values.Select((broken, i) => i == 0 ? broken.Message : string.Join('\n', broken.Message.Split('\n').Take(3)))));
    }

    [Fact]
    public void Wherever_replicas_are_wanted_no_acknowledged_write_is_lost_and_all_come_to_where_they_are_wanted()
    {
        SeedRun run = new(1, Number("GRID_SEEDS") ?? SeedsWithWishes, plan => Weather.For(Weather.Wishes, plan));
        run.Go(BrokenMax);
        output.WriteLine(run.ToString());
        Assert.True(run.Broken.Count == 0, string.Join("\n\n", run.Broken.Values.Select((broken, i) => i == 0 ? broken.Message : string.Join('\n', broken.Message.Split('\n').Take(3)))));
    }

    [Fact]
    public void A_seed_gives_the_same_run_whatever_ran_before_it()
    {
        PagePool used = new();
        Simulator.Run(7, pages: used);
        for (ulong seed = 1; seed <= 6; seed++)
        {
            Simulator.Outcome first = Simulator.Run(seed), second = Simulator.Run(seed, pages: used);
            Assert.Equal((first.Steps, first.VirtualMs, first.Fingerprint), (second.Steps, second.VirtualMs, second.Fingerprint));
        }
    }

    private static long? Number(string variable) =>
        long.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out long value) ? value : null;
}
