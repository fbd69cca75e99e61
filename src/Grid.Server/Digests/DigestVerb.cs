using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Terminals;
using Spectre.Console;

namespace Grid.Server.Digests;

/// <summary><c>grid digest</c>: compares the contents of all copies of all shards.</summary>
internal static class DigestVerb
{
    private const int AtATime = 4;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    public static Command Create()
    {
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        Option<bool> all = new("--all") { Description = "Show every shard, not only those that are not equal." };
        Option<double> wait = new("--wait") { Description = "Seconds to ask again while copies are at different offsets.", HelpName = "SECONDS", DefaultValueFactory = _ => 10 };
        ConnectOptions connect = new();
        wait.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(wait) is not (>= 0 and <= 3600))
                result.AddError("--wait is 0 to 3600 seconds.");
        });
        Command digest = new("digest", "Compares a digest of every copy of every shard: keys, values, expiries and versions. Exit code 0 if all are equal, 4 if copies differ, 1 if it cannot be told.") { json, all, wait };
        connect.AddTo(digest);
        digest.SetAction(async (parsed, cancellation) =>
        {
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            IGridOperatorGrain grid = cluster.Operator;
            ClusterStatus status = await grid.AskStatusAsync(cancellation);
            long began = Stopwatch.GetTimestamp();
            ShardDigest[] digests = await Terminal.ProgressAsync("digest", status.Shards.Count, bytes: false, progress => RunAsync(grid, status.Shards.Count, TimeSpan.FromSeconds(parsed.GetValue(wait)), progress, cancellation));
            if (parsed.GetValue(json))
                Terminal.WriteJson(new { Equal = digests.All(shard => shard.Verdict == DigestVerdict.Equal), Shards = digests.Select(shard => new { shard.Shard, Verdict = shard.Verdict.ToString(), shard.Copies }) });
            else
                Show(digests, status, parsed.GetValue(all), Stopwatch.GetElapsedTime(began));
            return digests.Any(shard => shard.Verdict == DigestVerdict.Differs) ? ExitCode.No
                : digests.All(shard => shard.Verdict == DigestVerdict.Equal) ? ExitCode.Done
                : ExitCode.Failed;
        });
        return digest;
    }

    private static async Task<ShardDigest[]> RunAsync(IGridOperatorGrain grid, int shards, TimeSpan wait, Action<double> progress, CancellationToken cancellation)
    {
        ShardDigest[] digests = new ShardDigest[shards];
        int done = 0;
        long began = Stopwatch.GetTimestamp();
        ParallelOptions options = new() { MaxDegreeOfParallelism = AtATime, CancellationToken = cancellation };
        await Parallel.ForEachAsync(Enumerable.Range(0, shards), options, async (shard, token) =>
        {
            while (true)
            {
                digests[shard] = ShardDigest.Compare(shard, await grid.DigestAsync(shard).WaitAsync(token));
                if (digests[shard].Verdict is DigestVerdict.Equal or DigestVerdict.Differs || Stopwatch.GetElapsedTime(began) > wait)
                    break;
                await Task.Delay(Pause, token);
            }

            progress(Interlocked.Increment(ref done));
        });
        return digests;
    }

    private static void Show(ShardDigest[] digests, ClusterStatus status, bool all, TimeSpan took)
    {
        ShardDigest[] shown = [.. digests.Where(shard => all || shard.Verdict != DigestVerdict.Equal)];
        if (shown.Length > 0)
            Terminal.Out.Write(Table(shown, status.Silos.ToDictionary(silo => silo.Address, silo => silo.Name)));
        int copies = digests.Sum(shard => shard.Copies.Count);
        long entries = digests.Sum(shard => shard.Copies.Select(copy => copy.Entries).DefaultIfEmpty().Max());
        string verdict = string.Join(", ", digests.GroupBy(shard => shard.Verdict).OrderBy(group => group.Key).Select(group => group.Key switch
        {
            DigestVerdict.Equal => group.Count() == digests.Length ? "all equal" : $"{group.Count()} equal",
            DigestVerdict.Differs => $"{group.Count()} DIFFERENT",
            DigestVerdict.Unsettled => $"{group.Count()} at different offsets or being loaded (written meanwhile? ask again)",
            _ => $"{group.Count()} without a copy",
        }));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{digests.Length} shards, {copies} copies, {entries:N0} entries: {verdict}. ({took.TotalSeconds:0.0} s)"));
        int alone = digests.Count(shard => shard.Copies.Count == 1);
        if (alone > 0)
            Terminal.Note($"{alone} shards have one copy only, which is equal to itself.");
    }

    private static Table Table(IEnumerable<ShardDigest> digests, Dictionary<string, string> names)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumns("Shard", "Verdict", "Silo", "Role", "Offset", "Entries", "Digest");
        foreach (ShardDigest shard in digests)
        {
            string color = shard.Verdict switch { DigestVerdict.Equal => "green", DigestVerdict.Differs => "red", _ => "yellow" };
            foreach (CopyDigest copy in shard.Copies.DefaultIfEmpty(new CopyDigest { Shard = shard.Shard, Silo = "-", Problem = "no silo has a copy" }))
            {
                table.AddRow(
                    shard.Shard.ToString(CultureInfo.InvariantCulture),
                    $"[{color}]{shard.Verdict}[/]",
                    Markup.Escape(names.GetValueOrDefault(copy.Silo, copy.Silo)),
                    copy.IsPrimary ? "primary" : "replica",
                    Amounts.Count(copy.Offset),
                    Amounts.Count(copy.Entries),
                    Markup.Escape(copy.Problem ?? copy.Digest));
            }
        }

        return table;
    }
}
