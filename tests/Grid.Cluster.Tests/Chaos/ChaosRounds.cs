using System.Globalization;
using System.Text.Json;
using Grid.Cluster.Tests.Server;
using Grid.Server;
using Grid.Server.Chaos.Network;
using Xunit;

namespace Grid.Cluster.Tests.Chaos;

/// <summary>
/// One run of <c>grid chaos</c> by a plan, since a cluster of five takes longer to start than a round: first the deliberate mistake, then what must hold. For a long run
/// set GRID_CHAOS_SECONDS (of each round with all kinds of faults), GRID_CHAOS_ROUNDS (how many of them) and GRID_CHAOS_SEED, and give the hang guard the
/// time (-p:VSTestBlameHangTimeout=10h).
/// </summary>
public sealed class ChaosRounds : IAsyncLifetime
{
    public const int Mistake = 0;
    public const int Split = 1;
    public const int Overlap = 2;

    /// <summary>This round and all after it.</summary>
    public const int AllKinds = 3;

    /// <summary>Five silos share the processors of a small machine here: so much that they still have time for what faults ask of them, on few keys, so that calls meet.</summary>
    private static readonly string[] Load = ["--rate", "600", "--keys", "60"];

    private string? _obstacle;
    private CommandOutcome? _outcome;

    /// <summary>How many rounds were planned.</summary>
    public int Count { get; private set; }

    public async ValueTask InitializeAsync()
    {
        int seconds = Setting("GRID_CHAOS_SECONDS", 60), many = Setting("GRID_CHAOS_ROUNDS", 1), seed = Setting("GRID_CHAOS_SEED", 1 + Environment.ProcessId);
        object[] plan =
        [
            new { mustLose = true, durability = "Primary", faults = (string[])["Isolate"], count = 2, seed = 22 },
            new { faults = (string[])["Split"], count = 2, seed = 3 },
            new { overlap = true, seconds = 25, seed },
            .. Enumerable.Range(0, many).Select(i => new { seconds, seed = seed + i }),
        ];
        Count = plan.Length;
        _obstacle = await ChaosNetwork.FindObstacleAsync();
        if (_obstacle is not null)
            return;
        Assert.True(RedisServer.IsInstalled, "This test needs redis-server: apt-get install redis-server lz4");
        await RunAsync(plan, limit: TimeSpan.FromMinutes(5) + (many * TimeSpan.FromSeconds(seconds + 120)));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>What a round came to. A round that was not as promised is the run's last one: it fails its own test, and those of the rounds that were to come.</summary>
    public JsonElement Of(int round)
    {
        if (_obstacle is not null)
            Assert.Skip($"This test needs network namespaces: {_obstacle}.");
        JsonElement[] reports = [.. _outcome!.Expect(_outcome.ExitCode == ExitCode.No ? ExitCode.No : ExitCode.Done).Json.EnumerateArray()];
        Assert.True(round < reports.Length, $"The run ended before round {round}:\n{_outcome.Output}\n{_outcome.Errors}");
        return reports[round];
    }

    private async Task RunAsync(object[] plan, TimeSpan limit)
    {
        using TemporaryDirectory home = new();
        string file = Path.Combine(home.Sub("chaos"), "plan.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(plan), TestContext.Current.CancellationToken);
        await using ChildProcess chaos = ChildProcess.Start(GridBinary.Path, ["chaos", "--json", "--plan", file, .. Load], home.Sub("chaos"));
        try
        {
            int exitCode = await chaos.ExitAsync(limit);
            _outcome = new CommandOutcome(exitCode, chaos.Output, chaos.Errors);
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
}
