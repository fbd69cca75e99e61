using Grid.Replication;
using Xunit;

namespace Grid.Tests.Simulation;

/// <summary>A simulation that finds nothing proves nothing: each of these mistakes, made on purpose, must be found.</summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    /// <summary>Seeds within which a mistake must show: a fraction of what the simulation's own test runs.</summary>
    private const int SeedsMax = 300;

    public static TheoryData<string> Mistakes =>
        [.. Enum.GetNames<PlantedBug>().Where(name => name != nameof(PlantedBug.None))];

    public static TheoryData<string> RuntimeMistakes =>
        [.. Enum.GetNames<RuntimeBug>().Where(name => name != nameof(RuntimeBug.None))];

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void The_simulation_finds_a_core_that(string mistake) =>
        Find(mistake, plan => plan with { Planted = Enum.Parse<PlantedBug>(mistake) });

    [Theory]
    [MemberData(nameof(RuntimeMistakes))]
    public void The_simulation_finds_a_runtime_that(string mistake) =>
        Find(mistake, plan => plan with { Broken = Enum.Parse<RuntimeBug>(mistake) });

    private void Find(string mistake, Func<SimPlan, SimPlan> plant)
    {
        SeedRun run = new SeedRun(1, SeedsMax, plan => plant(Weather.For(mistake, plan))).Go(explain: false);
        Assert.True(run.Broken.Count > 0, $"{SeedsMax} seeds passed with a planted mistake.");
        (ulong seed, SimulationException found) = run.Broken.First();
        output.WriteLine($"after {run.Done} seeds: {found.Message}");

        // It was the mistake that was found, not the weather.
        Simulator.Run(seed, plan => Weather.For(mistake, plan));
    }
}
