using System.Globalization;
using System.Text.Json;
using Grid.Cluster.Tests.Server;
using Grid.Server;
using Grid.Server.Chaos.Faults;
using Grid.Server.Chaos.Network;
using Xunit;

namespace Grid.Cluster.Tests.Chaos;

/// <summary>
/// The promise, with real processes in network namespaces: <c>grid chaos</c>, in short. For a long run set GRID_CHAOS_SECONDS (of each round),
/// GRID_CHAOS_ROUNDS and GRID_CHAOS_SEED, and give the hang guard the time (-p:VSTestBlameHangTimeout=10h).
/// </summary>
[Collection(Processes.Name)]
public sealed class ChaosTests
{
    /// <summary>Five silos share the processors of a small machine here: so much that they still have time for what faults ask of them, on few keys, so that calls meet.</summary>
    private static readonly string[] Load = ["--rate", "600", "--keys", "60"];

    [Fact]
    public async Task Through_faults_of_every_kind_all_histories_are_linearizable_and_all_copies_end_equal()
    {
        int seconds = Setting("GRID_CHAOS_SECONDS", 60), rounds = Setting("GRID_CHAOS_ROUNDS", 1);
        JsonElement reports = await RunAsync(
            ExitCode.Done, TimeSpan.FromSeconds(rounds * (seconds + 180)), "--seconds", Text(seconds), "--rounds", Text(rounds), "--seed", Text(Setting("GRID_CHAOS_SEED", 1 + Environment.ProcessId)));
        Assert.All(reports.EnumerateArray(), static report =>
        {
            Assert.NotEmpty(report.GetProperty("faults").EnumerateArray());
            Assert.True(report.GetProperty("outcomes").GetProperty("ok").GetInt32() > 1000);
        });
    }

    [Fact]
    public async Task Overlapping_faults_cost_answers_but_give_no_wrong_ones() =>
        await RunAsync(ExitCode.Done, TimeSpan.FromMinutes(4), "--overlap", "--seconds", "25", "--seed", Text(Setting("GRID_CHAOS_SEED", 1 + Environment.ProcessId)));

    /// <summary>Each half would declare the other one dead, if two votes were enough: the larger one may, and the shards have their third copy there.</summary>
    [Fact]
    public async Task A_cluster_that_is_cut_in_two_loses_no_more_than_its_smaller_side() =>
        await RunAsync(ExitCode.Done, TimeSpan.FromMinutes(4), "--faults", "Split", "--count", "2", "--seconds", "60", "--seed", "3");

    /// <summary>
    /// A primary that is cut off acknowledges by itself what nobody else has, for as long as its lease lasts. A checker that finds nothing proves nothing.
    /// With this seed both silos are away for more than 4 s, so that they are surely declared dead, and what they acknowledged is gone.
    /// </summary>
    [Fact]
    public async Task Writes_that_only_the_primary_has_are_lost_and_the_checker_finds_it()
    {
        JsonElement reports = await RunAsync(ExitCode.No, TimeSpan.FromMinutes(4), "--durability", "Primary", "--faults", "Isolate", "--count", "2", "--seconds", "60", "--seed", "22");
        JsonElement report = Assert.Single(reports.EnumerateArray());
        Assert.True(report.GetProperty("violated").GetInt32() > 0, $"{report}");
    }

    [Fact]
    public void The_same_seed_gives_the_same_faults()
    {
        FaultKind[] kinds = Enum.GetValues<FaultKind>();
        string[] one = Faults(5), again = Faults(5), other = Faults(6);
        Assert.Equal(one, again);
        Assert.NotEqual(one, other);

        string[] Faults(int seed)
        {
            FaultPlan plan = new(seed, silos: 5, kinds);
            return [.. Enumerable.Range(0, 50).Select(_ => plan.Next().ToString())];
        }
    }

    private static async Task<JsonElement> RunAsync(int exitCode, TimeSpan limit, params string[] arguments)
    {
        if (await ChaosNetwork.FindObstacleAsync() is { } obstacle)
            Assert.Skip($"This test needs network namespaces: {obstacle}.");
        Assert.True(RedisServer.IsInstalled, "This test needs redis-server: apt-get install redis-server lz4");
        using TemporaryDirectory home = new();
        await using ChildProcess chaos = ChildProcess.Start(GridBinary.Path, ["chaos", "--json", .. Load, .. arguments], home.Sub("chaos"));
        try
        {
            CommandOutcome outcome = new(await chaos.ExitAsync(limit), chaos.Output, chaos.Errors);
            return outcome.Expect(exitCode).Json;
        }
        finally
        {
            // One that is killed takes nothing away; one that is told to end does.
            if (!chaos.HasExited)
            {
                chaos.Terminate();
                await chaos.ExitAsync(TimeSpan.FromMinutes(1));
            }
        }
    }

    private static int Setting(string name, int standard) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : standard;

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
