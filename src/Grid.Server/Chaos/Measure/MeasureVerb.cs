using System.CommandLine;
using System.Globalization;
using Grid.Server.Terminals;

namespace Grid.Server.Chaos.Measure;

/// <summary><c>grid chaos measure</c>: how long a failover takes.</summary>
internal static class MeasureVerb
{
    public static Command Create()
    {
        Option<string[]> what = new("--what") { Description = "What is measured: kill, freeze, stop. Default: all.", AllowMultipleArgumentsPerToken = true };
        what.AcceptOnlyFromAmong("kill", "freeze", "stop");
        Option<int> runs = new("--runs") { Description = "How often, of which the median and the worst are told.", DefaultValueFactory = _ => 5 };
        Option<int> shards = new("--shards") { Description = "Shards of the cluster.", DefaultValueFactory = _ => 32 };
        Option<string[]> set = new("--set") { Description = "A key of the silos' configuration.", HelpName = "SECTION:KEY=VALUE" };
        Option<string?> logs = new("--logs") { Description = "A folder that gets the silos' logs. Default: a temporary one, which goes afterwards.", HelpName = "FOLDER" };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        Option<string?> within = ChaosVerb.WithinOption();
        Command measure = new("measure", "Measures how long writes stand still when a silo is killed, frozen or stopped.") { what, runs, shards, set, logs, json, within };
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
                string[] kinds = parsed.GetValue(what) is { Length: > 0 } chosen ? chosen : ["kill", "freeze", "stop"];
                IReadOnlyList<FailoverTimes> all = await new MeasureRun(network, options, Console.Error.WriteLine).RunAsync(kinds, parsed.GetValue(runs), token);
                if (parsed.GetValue(json))
                    Terminal.WriteJson(all);
                else
                    Show(all);
                return ExitCode.Done;
            }, cancellation);
        });
        return measure;
    }

    private static void Show(IReadOnlyList<FailoverTimes> all)
    {
        foreach (FailoverTimes times in all)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{times.What}: every key writable {times.EveryKeyWritableMs:0} ms (first {times.FirstShardBackMs:0}), longest {times.LongestMs:0} (replica shards {times.ReplicaLongestMs:0}), failed {times.Failed}; untouched {times.UntouchedShards}: longest {times.UntouchedLongestMs:0}, failed {times.UntouchedFailed}; lost {times.Lost} {string.Join(" | ", times.Failures)}"));
        }
    }
}
