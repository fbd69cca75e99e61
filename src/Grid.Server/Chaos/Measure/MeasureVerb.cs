using System.CommandLine;
using System.Globalization;
using Grid.Server.Terminals;

namespace Grid.Server.Chaos.Measure;

/// <summary><c>grid chaos measure</c>: how long a failover takes.</summary>
internal static class MeasureVerb
{
    private static readonly string[] Kinds = ["kill", "freeze", "stop", "handover", "rolling"];

    public static Command Create()
    {
        Option<string[]> what = new("--what") { Description = "What is measured: kill, freeze, stop, handover, rolling. Default: all.", AllowMultipleArgumentsPerToken = true };
        what.AcceptOnlyFromAmong([.. Kinds]);
        Option<int> runs = new("--runs") { Description = "How often, of which the median and the worst are told.", DefaultValueFactory = _ => 5 };
        Option<int> warmUp = new("--warm-up") { Description = "Runs before those, not counted: in the first ones each silo does for the first time what it does, and compiles it.", DefaultValueFactory = _ => 0 };
        Option<int> shards = new("--shards") { Description = "Shards of the cluster.", DefaultValueFactory = _ => 32 };
        Option<string[]> set = new("--set") { Description = "A key of the silos' configuration.", HelpName = "SECTION:KEY=VALUE" };
        Option<string?> logs = new("--logs") { Description = "A folder that gets the silos' logs. Default: a temporary one, which goes afterwards.", HelpName = "FOLDER" };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        Option<string?> within = ChaosVerb.WithinOption();
        Command measure = new("measure", "Measures how long writes stand still when a silo is killed, frozen or stopped, a shard is handed over, or all silos are restarted one by one.") { what, runs, warmUp, shards, set, logs, json, within };
        measure.SetAction((parsed, cancellation) =>
        {
            string? folder = parsed.GetValue(logs);
            return ChaosVerb.RunWithinNetworkAsync(parsed.GetValue(within), 5, async (network, token) =>
            {
                ChaosOptions options = new()
                {
                    Shards = parsed.GetValue(shards),
                    Settings = parsed.GetValue(set) ?? [],
                    Folder = folder is null ? Directory.CreateTempSubdirectory("grid-chaos-").FullName : Directory.CreateDirectory(folder).FullName,
                };
                string[] kinds = parsed.GetValue(what) is { Length: > 0 } chosen ? chosen : Kinds;
                IReadOnlyList<FailoverTimes> all = await new MeasureRun(network, options, Console.Error.WriteLine).RunAsync(kinds, parsed.GetValue(warmUp), parsed.GetValue(runs), token);
                if (parsed.GetValue(json))
                    Terminal.WriteJson(all);
                else
                    Show(all);
                if (folder is null)
                    Directory.Delete(options.Folder, recursive: true);
                return ExitCode.Done;
            }, cancellation);
        });
        return measure;
    }

    private static void Show(IReadOnlyList<FailoverTimes> all)
    {
        foreach (IGrouping<string, FailoverTimes> kind in all.GroupBy(static times => times.What.Split(' ')[0]))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{kind.Key}, {kind.Count()} runs, median (worst): every key writable {Text(kind, static times => times.EveryKeyWritableMs)} ms; longest write {Text(kind, static times => times.LongestMs)} ms, of untouched shards {Text(kind, static times => times.UntouchedLongestMs)} ms; failed {Text(kind, static times => times.Failed)}, of untouched shards {Text(kind, static times => times.UntouchedFailed)}; lost {kind.Sum(static times => times.Lost)}"));
            foreach (string failure in kind.SelectMany(static times => times.Failures).Distinct().Take(3))
                Console.WriteLine($"  {failure}");
        }
    }

    private static string Text(IEnumerable<FailoverTimes> all, Func<FailoverTimes, double> of)
    {
        double[] sorted = [.. all.Select(of).Order()];
        return string.Create(CultureInfo.InvariantCulture, $"{sorted[sorted.Length / 2]:0} ({sorted[^1]:0})");
    }
}
