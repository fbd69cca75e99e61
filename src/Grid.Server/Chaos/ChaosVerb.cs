using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Grid.Client;
using Grid.Server.Bench;
using Grid.Server.Chaos.Faults;
using Grid.Server.Chaos.Network;
using Grid.Server.Terminals;

namespace Grid.Server.Chaos;

/// <summary>
/// <c>grid chaos</c> and its sisters: the outer process makes the network and runs the same command again where the clients are; whatever becomes
/// of that one, it takes everything away.
/// </summary>
internal static class ChaosVerb
{
    public static Command Create()
    {
        ChaosOptions defaults = new() { Folder = "" };
        RoundPlan round = new();
        Option<double> seconds = new("--seconds", "-t") { Description = "For how long faults go on in each round.", DefaultValueFactory = _ => round.Time.TotalSeconds };
        Option<int> rounds = new("--rounds") { Description = "Rounds, each with keys of its own and the next seed; after each one everything is mended and checked.", DefaultValueFactory = _ => 1 };
        Option<string?> plan = new("--plan") { Description = "Instead of --rounds, a JSON file: an array of rounds, each with what is different in it: seed, seconds, count, faults, overlap, durability, mustLose.", HelpName = "FILE" };
        Option<int?> seed = new("--seed") { Description = "Where everything at random comes from. Default: another one each time; it is told." };
        Option<bool> overlap = new("--overlap") { Description = "Faults overlap: only what holds then is demanded." };
        Option<FaultKind[]> faults = new("--faults") { Description = "The faults to choose from. Default: all.", AllowMultipleArgumentsPerToken = true };
        Option<Durability> durability = new("--durability") { Description = "What writes ask for. With Primary acknowledged writes are lost, which the checker must find: then the exit code is 4.", DefaultValueFactory = _ => round.Durability };
        Option<int> shards = new("--shards") { Description = "Shards of the cluster.", DefaultValueFactory = _ => defaults.Shards };
        Option<int> keys = new("--keys") { Description = "Keys that the clients contend for.", DefaultValueFactory = _ => defaults.Keys };
        Option<int> rate = new("--rate") { Description = "Calls per second.", DefaultValueFactory = _ => defaults.Rate };
        Option<int> flood = new("--flood") { Description = "Writes per second beside the histories, checked only for what was acknowledged.", DefaultValueFactory = _ => defaults.Flood };
        Option<int> faultsMax = new("--count") { Description = "Faults after which a round ends before its time; 0 for no bound.", DefaultValueFactory = _ => round.FaultsMax };
        Option<string[]> set = new("--set") { Description = "A key of the silos' configuration.", HelpName = "SECTION:KEY=VALUE" };
        Option<string?> logs = new("--logs") { Description = "A folder for logs and evidence. Default: a temporary one, which is kept if anything is wrong.", HelpName = "FOLDER" };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        Option<string?> within = WithinOption();
        Command chaos = new("chaos", "Kills, freezes and cuts off silos of a cluster of its own under load, and checks what the clients were told. Exit code 0 if all is as promised, 4 if not.")
        {
            seconds, rounds, plan, seed, overlap, faults, durability, shards, keys, rate, flood, faultsMax, set, logs, json, within, Measure.MeasureVerb.Create(),
        };
        chaos.SetAction(async (parsed, cancellation) =>
        {
            string? folder = parsed.GetValue(logs);
            RoundPlan first = round with
            {
                Seed = parsed.GetValue(seed) ?? Random.Shared.Next(1, 1_000_000),
                Time = RoundPlan.TimeOf(parsed.GetValue(seconds)),
                FaultsMax = parsed.GetValue(faultsMax),
                Faults = parsed.GetValue(faults) is { Length: > 0 } chosen ? chosen : round.Faults,
                Overlap = parsed.GetValue(overlap),
                Durability = parsed.GetValue(durability),
            };
            bool counted = parsed.GetResult(rounds) is { Implicit: false };
            ChaosOptions options = defaults with
            {
                Rounds = parsed.GetValue(plan) is { } file ? RoundsOf(file, first, counted) : RoundsOf(parsed.GetValue(rounds), first),
                Shards = parsed.GetValue(shards),
                Keys = parsed.GetValue(keys),
                Rate = parsed.GetValue(rate),
                Flood = parsed.GetValue(flood),
                Settings = parsed.GetValue(set) ?? [],
                Folder = "",
            };
            return await RunWithinNetworkAsync(parsed.GetValue(within), defaults.Silos, (network, token) =>
            {
                string logsGoTo = folder is null ? Directory.CreateTempSubdirectory("grid-chaos-").FullName : Directory.CreateDirectory(folder).FullName;
                return RunAsync(network, options with { Folder = logsGoTo }, keep: folder is not null, parsed.GetValue(json), token);
            }, cancellation);
        });
        return chaos;
    }

    private static IReadOnlyList<RoundPlan> RoundsOf(string file, RoundPlan standard, bool counted) =>
        counted ? throw new CommandException(ExitCode.Usage, "--plan and --rounds exclude each other: the plan has as many rounds as it lists.") : PlanFile.Read(file, standard);

    private static IReadOnlyList<RoundPlan> RoundsOf(int count, RoundPlan first) => count is < 1 or > PlanFile.RoundsMax
        ? throw new CommandException(ExitCode.Usage, string.Create(CultureInfo.InvariantCulture, $"--rounds is {count}; it must be from 1 to {PlanFile.RoundsMax}."))
        : [.. Enumerable.Range(0, count).Select(i => (first with { Seed = unchecked(first.Seed + i) }).Checked("the command line"))];

    private static async Task<int> RunAsync(ChaosNetwork network, ChaosOptions options, bool keep, bool json, CancellationToken cancellation)
    {
        Terminal.Note(string.Create(CultureInfo.InvariantCulture, $"seed {options.Rounds[0].Seed}; logs in {options.Folder}"));
        IReadOnlyList<ChaosReport> reports = await new ChaosRun(network, options, Terminal.Note).RunAsync(cancellation);
        bool good = reports.All(static report => report.IsGood);
        if (json)
            Terminal.WriteJson(reports);
        else
            ChaosText.Show(reports);
        if (good && !keep)
            Directory.Delete(options.Folder, recursive: true);
        return good ? ExitCode.Done : ExitCode.No;
    }

    /// <summary>The hidden option that tells the inner process its network.</summary>
    public static Option<string?> WithinOption() => new("--within") { Hidden = true };

    /// <summary>Runs <paramref name="run"/> where the clients of a network of its own are.</summary>
    public static async Task<int> RunWithinNetworkAsync(string? within, int silos, Func<ChaosNetwork, CancellationToken, Task<int>> run, CancellationToken cancellation)
    {
        if (within is not null)
        {
            using CancellationTokenSource orphaned = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            CancelWhenOrphaned(orphaned);
            return await run(ChaosNetwork.Attach(within), orphaned.Token);
        }

        await using ChaosNetwork network = await ChaosNetwork.CreateAsync(silos);

        // In a session of its own it does not hear Ctrl-C itself: a second signal would end it before it has ended what it started.
        string[] command = ["setsid", .. network.WithinClients, .. BenchProcess.OwnCommand(), .. Environment.GetCommandLineArgs()[1..], "--within", network.Name];
        using Process inner = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true })
            ?? throw new CommandException(ExitCode.Failed, $"'{command[0]}' could not be started.");
        using CancellationTokenRegistration passing = cancellation.Register(() => Process.Start("kill", ["-TERM", inner.Id.ToString(CultureInfo.InvariantCulture)]).Dispose());
        await inner.WaitForExitAsync(CancellationToken.None);
        return inner.ExitCode;
    }

    /// <summary>The outer process never writes: the input ends when it does, however it ends.</summary>
    private static void CancelWhenOrphaned(CancellationTokenSource orphaned) => new Thread(() =>
    {
        // On a thread of its own, since reading the console blocks whatever it is called.
        Console.In.ReadLine();
        try
        {
            orphaned.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The run is over.
            return;
        }
    })
    { IsBackground = true, Name = "chaos orphaned" }.Start();
}
