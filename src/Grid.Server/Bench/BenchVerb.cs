using System.CommandLine;
using System.Globalization;
using Grid.Client;
using Grid.Server.Bench.Sync;
using Grid.Server.Clusters;
using Grid.Server.Terminals;
using Spectre.Console;

namespace Grid.Server.Bench;

/// <summary><c>grid bench</c>: makes load on a cluster; <c>bench storage</c> and <c>bench streams</c> measure the parts alone, <c>bench sync</c> a full sync.</summary>
internal static class BenchVerb
{
    public static Command Create()
    {
        LoadBenchOptions defaults = new();
        Option<string> mix = new("--mix") { Description = "Shares of the operations in percent: get, set, cas, incr, del, mget, mset.", HelpName = "get=80,set=20", DefaultValueFactory = _ => "get=80,set=20" };
        Option<int> keys = new("--keys") { Description = "Number of keys.", DefaultValueFactory = _ => defaults.Keys };
        Option<string> size = new("--size") { Description = "Bytes of a value: a number, or MIN-MAX.", HelpName = "BYTES", DefaultValueFactory = _ => "100" };
        Option<int> outstanding = new("--outstanding", "-c") { Description = "Calls under way at a time.", DefaultValueFactory = _ => defaults.Outstanding };
        Option<int> many = new("--many") { Description = "Keys of one mget or mset.", DefaultValueFactory = _ => defaults.ManyKeys };
        Option<double> seconds = new("--seconds", "-t") { Description = "How long the measured part lasts.", DefaultValueFactory = _ => defaults.Duration.TotalSeconds };
        Option<double> warmUp = new("--warm-up") { Description = "Seconds of load before it.", DefaultValueFactory = _ => defaults.WarmUp.TotalSeconds };
        Option<bool> noPreload = new("--no-preload") { Description = "Do not write every key once first." };
        Option<Durability?> durability = new("--durability") { Description = "Replicated (default) or Primary." };
        Option<ReadMode?> readMode = new("--read-mode") { Description = "Linearizable (default), Primary or Local; outside of the silos Local is Linearizable." };
        Option<string> keyspace = new("--keyspace", "-k") { Description = "The keyspace that is written to.", DefaultValueFactory = _ => defaults.Keyspace };
        Option<int> seed = new("--seed") { Description = "Seed of keys, sizes and operations.", DefaultValueFactory = _ => defaults.Seed };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        ConnectOptions connect = new();
        Command bench = new("bench", "Makes load on a cluster and reports operations/s, latencies and errors.") { mix, keys, size, outstanding, many, seconds, warmUp, noPreload, durability, readMode, keyspace, seed, json };
        connect.AddTo(bench);
        bench.Add(StorageBenchVerb.Create());
        bench.Add(StreamsBenchVerb.Create());
        bench.Add(SyncBenchVerb.Create());
        bench.Add(LocalBenchVerb.Create());
        bench.SetAction(async (parsed, cancellation) =>
        {
            (int least, int most) = ParseSize(parsed.GetValue(size)!);
            LoadBenchOptions options = new()
            {
                Mix = ParseMix(parsed.GetValue(mix)!),
                Keys = parsed.GetValue(keys),
                ValueBytesMin = least,
                ValueBytesMax = most,
                Outstanding = parsed.GetValue(outstanding),
                ManyKeys = parsed.GetValue(many),
                Duration = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                WarmUp = TimeSpan.FromSeconds(parsed.GetValue(warmUp)),
                Preload = !parsed.GetValue(noPreload),
                Durability = parsed.GetValue(durability),
                ReadMode = parsed.GetValue(readMode),
                Keyspace = parsed.GetValue(keyspace)!,
                Seed = parsed.GetValue(seed),
            };
            try
            {
                options.Validate();
            }
            catch (ArgumentException outside)
            {
                throw CommandException.Usage(outside);
            }

            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            LoadResult result = await new LoadBench(cluster.Grid, options, Report).RunAsync(cancellation);
            if (parsed.GetValue(json))
                Terminal.WriteJson(result);
            else
                Show(result);
            return result.Errors.Count == 0 ? ExitCode.Done : ExitCode.Failed;
        });
        return bench;
    }

    /// <summary>Reads shares such as <c>get=80,set=20</c>.</summary>
    /// <exception cref="CommandException">A name or number is wrong.</exception>
    public static LoadMix ParseMix(string text)
    {
        LoadMix mix = new(0, 0);
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] pair = part.Split('=');
            if (pair.Length != 2 || !int.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out int share))
                throw WrongMix(part);
            mix = pair[0] switch
            {
                "get" => mix with { Get = share },
                "set" => mix with { Set = share },
                "cas" => mix with { CompareAndSet = share },
                "incr" => mix with { Increment = share },
                "del" => mix with { Delete = share },
                "mget" => mix with { GetMany = share },
                "mset" => mix with { SetMany = share },
                _ => throw WrongMix(part),
            };
        }

        return mix;
    }

    /// <summary>Reads a size or a range of sizes.</summary>
    /// <exception cref="CommandException">It is neither.</exception>
    public static (int Least, int Most) ParseSize(string text)
    {
        string[] parts = text.Split('-');
        if (parts.Length is 1 or 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int least)
            && int.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int most))
            return (least, most);
        throw new CommandException(ExitCode.Usage, $"--size {text}: a number of bytes, or MIN-MAX, is expected.");
    }

    private static CommandException WrongMix(string part) =>
        new(ExitCode.Usage, $"--mix: '{part}' is no share; NAME=PERCENT with get, set, cas, incr, del, mget or mset is expected.");

    private static void Report(LoadProgress progress) => Console.Error.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{progress.Phase,-8} {progress.Done,4:P0} {progress.OperationsPerSecond,12:N0} operations/s{(progress.Errors > 0 ? $", {progress.Errors} errors" : "")}"));

    private static void Show(LoadResult result)
    {
        Table table = new Table().Border(TableBorder.Simple).HideHeaders().AddColumn("").AddColumn(new TableColumn("").RightAligned());
        void Row(string name, string value) => table.AddRow(Markup.Escape(name), Markup.Escape(value));
        Row("operations/s", Amounts.Count(result.OperationsPerSecond));
        Row("calls", Amounts.Count(result.Calls));
        Row("p50", Microseconds(result.P50Us));
        Row("p99", Microseconds(result.P99Us));
        Row("p99.9", Microseconds(result.P999Us));
        Row("longest", Microseconds(result.MaxUs));
        if (result.Misses > 0)
            Row("keys not found", Amounts.Count(result.Misses));
        if (result.ConditionsFailed > 0)
            Row("conditions failed", Amounts.Count(result.ConditionsFailed));
        if (result.PreloadSeconds > 0)
            Row("preload", string.Create(CultureInfo.InvariantCulture, $"{result.PreloadSeconds:0.0} s"));
        foreach ((string error, long count) in result.Errors)
            Row(error, Amounts.Count(count));
        Terminal.Out.Write(table);
    }

    private static string Microseconds(double time) => string.Create(CultureInfo.InvariantCulture, $"{time:N1} us");
}
