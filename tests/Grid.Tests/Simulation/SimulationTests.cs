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
    private const int SeedsInOnePart = 250;
    private const int SeedsWithWishes = 300;
    private const int SeedsWithLosses = 60;
    private const int SeedsInEachWeather = 6;
    private const int BrokenMax = 5;

    /// <summary>The seeds in parts, none of which takes so long that it looks as if it hung.</summary>
    public static TheoryData<long, long> Parts
    {
        get
        {
            long? one = SeedRun.Setting("GRID_SEED");
            long from = one ?? SeedRun.Setting("GRID_FROM") ?? 1, seeds = one is null ? SeedRun.Setting("GRID_SEEDS") ?? SeedsInCi : 1;
            TheoryData<long, long> parts = [];
            for (long done = 0; done < seeds; done += SeedsInOnePart)
                parts.Add(from + done, Math.Min(SeedsInOnePart, seeds - done));
            return parts;
        }
    }

    public static TheoryData<string> Weathers => [.. Weather.All];

    [Theory]
    [MemberData(nameof(Parts))]
    public void Whatever_goes_wrong_no_acknowledged_write_is_lost_and_all_copies_end_equal(long from, long seeds)
    {
        string weather = Environment.GetEnvironmentVariable("GRID_WEATHER") ?? "";
        SeedRun run = new((ulong)from, seeds, plan => Weather.For(weather, plan));
        Pass(run);
        TestContext.Current.SendDiagnosticMessage($"Simulation, from seed {from} on: {run.Cost}");

        // A checker that finds most histories too long to check proves nothing.
        Assert.True(weather != "" || seeds < SeedsInOnePart || run.Counts.GetValueOrDefault("KeyGaveUp") <= run.Counts["KeyLinearizable"] / 1000, $"{run}");
    }

    [Fact]
    public void Wherever_replicas_are_wanted_no_acknowledged_write_is_lost_and_all_come_to_where_they_are_wanted()
    {
        SeedRun run = new(1, SeedRun.Setting("GRID_SEEDS") ?? SeedsWithWishes, plan => Weather.For(Weather.Wishes, plan));
        Pass(run);
        TestContext.Current.SendDiagnosticMessage($"Simulation, where replicas are wanted here and there: {run.Cost}");
    }

    [Fact]
    public void After_a_loss_that_was_accepted_the_shard_goes_on_in_a_new_line_of_data_and_nothing_of_the_old_one_mixes_with_it()
    {
        SeedRun run = new(1, SeedRun.Setting("GRID_SEEDS") ?? SeedsWithLosses, plan => Weather.For(Weather.Losses, plan));
        Pass(run);
        Assert.True(run.Counts["LossAccepted"] > run.Done / 2, $"{run}");
        TestContext.Current.SendDiagnosticMessage($"Simulation, with losses that are accepted: {run.Cost}");
    }

    [Theory]
    [MemberData(nameof(Weathers))]
    public void Without_a_mistake_seeds_pass_in_the_weather_of(string mistake) => Pass(new SeedRun(1, SeedsInEachWeather, plan => Weather.For(mistake, plan)));

    [Fact]
    public void Many_weathers_differ() => Assert.True(Weathers.Count > 20, $"Only {Weathers.Count} weathers differ.");

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

    /// <summary>Runs seeds, and fails with what was found.</summary>
    private void Pass(SeedRun run)
    {
        run.Go(BrokenMax);
        output.WriteLine(run.ToString());
        Assert.True(run.Broken.Count == 0, string.Join("\n\n", run.Broken.Values.Select((broken, i) => i == 0 ? broken.Message : string.Join('\n', broken.Message.Split('\n').Take(3)))));
    }
}
