using System.CommandLine;
using System.Diagnostics;
using Grid.Client;
using Grid.Formats;
using Grid.Server.Clusters;
using Grid.Server.Terminals;

namespace Grid.Server.Transfer;

/// <summary><c>grid import</c>: writes the string keys of an RDB file into keyspaces.</summary>
internal static class ImportVerb
{
    public static Command Create()
    {
        Argument<FileInfo> file = new("FILE") { Description = "An RDB file of Redis, Valkey or grid export, plain or in a VCS frame." };
        Option<string[]> map = new("--map", "-m") { Description = "The keyspace of a database of the file, for instance --map 0=users. Otherwise the name that the file gives, otherwise 'default' for 0 and 'dbN' for N.", HelpName = "NUMBER=KEYSPACE" };
        Option<int> concurrency = new("--concurrency") { Description = "Writes outstanding, 1 to 60,000.", HelpName = "NUMBER", DefaultValueFactory = _ => 4096 };
        Option<Durability?> durability = new("--durability") { Description = "What an acknowledgement promises: Replicated (default) or Primary.", HelpName = "DURABILITY" };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        ConnectOptions connect = new(timeoutSeconds: 20);
        Command import = new("import", "Writes the string keys of an RDB file into keyspaces; expiries stay the moments that they are, what has expired and other types are skipped and counted. May be repeated.") { file, map, concurrency, durability, json };
        connect.AddTo(import);
        map.Validators.Add(result =>
        {
            foreach (string wrong in result.Tokens.Select(token => token.Value).Where(text => !KeyspaceNames.TryParse(text, out _, out _)))
                result.AddError($"--map {wrong}: NUMBER=KEYSPACE is expected, for instance 0=users.");
        });
        concurrency.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(concurrency) is not (>= 1 and <= 60_000))
                result.AddError("--concurrency is 1 to 60,000.");
        });
        import.SetAction(async (parsed, cancellation) =>
        {
            FileInfo source = parsed.GetValue(file)!;
            await using FileStream stream = Open(source);
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            using RdbImport run = Make(cluster.Grid, new ImportSettings
            {
                Keyspaces = Keyspaces(parsed.GetValue(map) ?? []),
                Concurrency = parsed.GetValue(concurrency),
                Durability = parsed.GetValue(durability),
            });
            long began = Stopwatch.GetTimestamp();
            await RunAsync(run, stream, source, cancellation);
            Tell(run.Report, Stopwatch.GetElapsedTime(began), parsed.GetValue(json));
            return ExitCode.Done;
        });
        return import;
    }

    private static FileStream Open(FileInfo file)
    {
        if (Directory.Exists(file.FullName))
            throw new CommandException(ExitCode.Usage, $"{file.FullName} is a folder; an RDB file is expected.");
        if (!file.Exists)
            throw new CommandException(ExitCode.Usage, $"there is no file {file.FullName}; an RDB file is expected, for instance the dump.rdb of a redis-server.");
        try
        {
            return new FileStream(file.FullName, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.Read, BufferSize = 0, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Usage, $"{file.FullName} cannot be read: {failure.Message}", failure);
        }
    }

    private static Dictionary<int, string> Keyspaces(IEnumerable<string> maps)
    {
        Dictionary<int, string> keyspaces = [];
        foreach (string map in maps)
        {
            if (KeyspaceNames.TryParse(map, out int database, out string keyspace))
                keyspaces[database] = keyspace;
        }

        return keyspaces;
    }

    private static RdbImport Make(IGrid grid, ImportSettings settings)
    {
        try
        {
            foreach (string name in settings.Keyspaces.Values)
                grid.GetKeyspace(name);
            return new RdbImport(grid, settings, TimeProvider.System);
        }
        catch (ArgumentException outside)
        {
            throw CommandException.Usage(outside);
        }
    }

    private static async Task RunAsync(RdbImport run, FileStream stream, FileInfo source, CancellationToken cancellation)
    {
        try
        {
            await Terminal.ProgressAsync($"import {source.Name}", source.Length, bytes: true, async progress =>
            {
                await run.RunAsync(stream, progress, cancellation);
                return true;
            });
        }
        catch (PayloadException cut) when (cut.Fault == PayloadFault.Truncated)
        {
            throw Stopped(run.Report, source, $"the file is cut short: {cut.Message} Copy it anew, whole, and run the same command again: entries already written are only written anew", cut);
        }
        catch (PayloadException damaged)
        {
            throw Stopped(run.Report, source, $"the file is damaged: {damaged.Message} redis-check-rdb may tell more", damaged);
        }
        catch (GridException failure)
        {
            throw Stopped(run.Report, source, $"a write failed: {failure.Message} Once 'grid status' shows the shards online, run the same command again: entries already written are only written anew", failure);
        }
        catch (ArgumentException outside)
        {
            throw Stopped(run.Report, source, outside.Message, outside);
        }
        catch (OperationCanceledException)
        {
            throw new CommandException(ExitCode.Interrupted, $"interrupted; {Amounts.Count(run.Report.Written)} entries of {source.Name} are written. The same command again writes the rest.");
        }
    }

    private static CommandException Stopped(ImportReport report, FileInfo source, string why, Exception failure) => new(
        ExitCode.Failed,
        $"the import of {source.Name} stopped after {Amounts.Count(report.FileBytes)} of {Amounts.Count(source.Length)} bytes, {Amounts.Count(report.Written)} entries are written: {why}.",
        failure);

    private static void Tell(ImportReport report, TimeSpan took, bool json)
    {
        if (json)
        {
            Terminal.WriteJson(new { report.Written, report.Expired, report.EmptyKeys, report.Repeated, report.Bytes, report.FileBytes, Skipped = report.SkippedByType, Keyspaces = report.ByKeyspace, Seconds = Math.Round(took.TotalSeconds, 3) });
            return;
        }

        string where = string.Join(", ", report.ByKeyspace.Select(keyspace => $"{Amounts.Count(keyspace.Value)} in '{keyspace.Key}'"));
        Console.WriteLine($"{Amounts.Count(report.Written)} entries imported{(where.Length > 0 ? $" ({where})" : "")}, {Amounts.Bytes(report.Bytes)} in {Amounts.Seconds(took)}: {Amounts.Rate(report.Written, took)}, {Amounts.ByteRate(report.Bytes, took)}.");
        if (report.Expired > 0)
            Console.WriteLine($"{Amounts.Count(report.Expired)} had expired already and were left out.");
        if (report.Repeated > 0)
            Terminal.Note($"{Amounts.Count(report.Repeated)} writes were repeated, since the cluster was changing.");
        if (report.EmptyKeys > 0)
            Terminal.Note($"warning: {Amounts.Count(report.EmptyKeys)} entries with an empty key were skipped; a key has at least one byte here.");
        if (report.SkippedByType.Count > 0)
            Terminal.Note($"warning: only string keys are imported; skipped: {string.Join(", ", report.SkippedByType.Select(type => $"{Amounts.Count(type.Value)} {type.Key}"))}.");
    }
}
