using Grid.Replication;
using Xunit;

namespace Grid.Tests.Simulation;

/// <summary>A simulation that finds nothing proves nothing: each of these mistakes, made on purpose, must be found.</summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    /// <summary>Seeds within which a mistake must show: a fraction of what the simulation's own test runs.</summary>
    private const int SeedsMax = 300;

    /// <summary>
    /// Where the search for a mistake begins that shows in few seeds: at one in which it did, which saves every CI the same minutes. Once it does not show there
    /// any more, the search goes on behind it. <c>GRID_FROM=1</c> searches as for all others.
    /// </summary>
    private static readonly Dictionary<string, long> FirstSeeds = new(StringComparer.Ordinal)
    {
        [nameof(PlantedBug.AcceptsStaleEpoch)] = 24,
        [nameof(PlantedBug.CountsAnyAcknowledgement)] = 14,
        [nameof(PlantedBug.CountsLatestGrant)] = 40,
        [nameof(PlantedBug.CountsLeaseFromAnswer)] = 58,
        [nameof(PlantedBug.DecidesCodecEarly)] = 67,
        [nameof(PlantedBug.ForgetsActiveClient)] = 36,
        [nameof(PlantedBug.IgnoresHigherEpoch)] = 13,
        [nameof(PlantedBug.IgnoresLineage)] = 22,
        [nameof(PlantedBug.InstallsHalfLoad)] = 13,
        [nameof(PlantedBug.NeverOverloaded)] = 19,
        [nameof(PlantedBug.RepliesWithoutLease)] = 192,
        [nameof(PlantedBug.ServesBeforeBarrier)] = 13,
        [nameof(PlantedBug.TakesOldPermits)] = 22,
        [nameof(RuntimeBug.ClockStandsStill)] = 49,
        [nameof(RuntimeBug.ForgetsTheSilent)] = 25,
    };

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
        ulong from = (ulong)(SeedRun.Setting("GRID_FROM") ?? FirstSeeds.GetValueOrDefault(mistake, 1));
        SeedRun run = new SeedRun(from, SeedsMax, plan => plant(Weather.For(mistake, plan))).Go(explain: false);
        Assert.True(run.Broken.Count > 0, $"{SeedsMax} seeds from {from} on passed with a planted mistake.");
        (ulong seed, SimulationException found) = run.Broken.First();
        output.WriteLine($"after {run.Done} seeds from {from} on: {found.Message}");

        // It was the mistake that was found, not the weather.
        Simulator.Run(seed, plan => Weather.For(mistake, plan));
    }
}
