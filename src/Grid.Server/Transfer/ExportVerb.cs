using System.CommandLine;
using System.Diagnostics;
using Grid.Client.Contracts.Operator;
using Grid.Formats.Snapshots;
using Grid.Server.Clusters;
using Grid.Server.Terminals;

namespace Grid.Server.Transfer;

/// <summary><c>grid export</c>: writes whole keyspaces of all shards into an RDB file.</summary>
internal static class ExportVerb
{
    /// <summary>How the file is packed.</summary>
    private enum Packing
    {
        None,
        Lz4,
    }

    public static Command Create()
    {
        Argument<FileInfo> file = new("FILE") { Description = "The RDB file; an existing one is replaced once the new one is whole." };
        Option<Packing> compression = new("--compression") { Description = "none: a plain RDB file, as redis-server loads it. lz4: the same in a VCS frame; 'tail -c +8 FILE | lz4 -d' unpacks it, grid import reads it as it is.", HelpName = "none|lz4", DefaultValueFactory = _ => Packing.None };
        Option<string[]> keyspace = new("--keyspace", "-k") { Description = "Only this keyspace; may be given more than once. Default: all.", HelpName = "NAME" };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        ConnectOptions connect = new();
        Command export = new("export", "Writes whole keyspaces of all shards into an RDB file, read from replicas where there are some in sync. Each shard is exact at one moment; the shards' moments differ.") { file, compression, keyspace, json };
        connect.AddTo(export);
        export.SetAction(async (parsed, cancellation) =>
        {
            FileInfo target = parsed.GetValue(file)!;
            if (Directory.Exists(target.FullName))
                throw new CommandException(ExitCode.Usage, $"{target.FullName} is a folder; the name of the file to write is expected.");
            if (target.Directory?.Exists == false)
                throw new CommandException(ExitCode.Usage, $"there is no folder {target.DirectoryName}; make it first, or name another file.");
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            ClusterStatus status = await cluster.Operator.AskStatusAsync(cancellation);
            string[] chosen = parsed.GetValue(keyspace) ?? [];
            if (chosen.Length > 0)
                await ExpectKnownAsync(cluster.Operator, chosen);
            SnapshotCodec codec = parsed.GetValue(compression) == Packing.Lz4 ? SnapshotCodec.Lz4 : SnapshotCodec.None;
            RdbExport run = new(cluster.Operator, status.Shards.Count, codec, chosen.ToHashSet(StringComparer.Ordinal), TimeProvider.System);
            long began = Stopwatch.GetTimestamp();
            ExportReport report = await WriteAsync(run, target, status.Shards.Count, cancellation);
            Tell(report, target, Stopwatch.GetElapsedTime(began), parsed.GetValue(json));
            return ExitCode.Done;
        });
        return export;
    }

    /// <summary>A backup of a keyspace whose name was mistyped would be an empty file that looks like one.</summary>
    private static async Task ExpectKnownAsync(IGridOperatorGrain grid, string[] chosen)
    {
        KeyspacePage page = await grid.GetKeyspacesAsync(null);
        string[] known = [.. page.Keyspaces.Select(static one => one.Name)];
        if (page.Silent.Count == 0 && chosen.FirstOrDefault(name => !known.Contains(name, StringComparer.Ordinal)) is { } missing)
            throw new CommandException(ExitCode.No, $"there is no keyspace '{missing}'; nothing was written. The keyspaces are: {(known.Length == 0 ? "none yet" : string.Join(", ", known))}.");
    }

    /// <summary>Writes beside the target and puts the file in its place once it is whole and on the disk.</summary>
    private static async Task<ExportReport> WriteAsync(RdbExport run, FileInfo target, int shards, CancellationToken cancellation)
    {
        string temporary = $"{target.FullName}.{Environment.ProcessId}.tmp";
        bool whole = false;
        try
        {
            ExportReport report;
            await using (FileStream stream = new(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, Options = FileOptions.Asynchronous }))
            {
                report = await Terminal.ProgressAsync($"export {target.Name}", shards, bytes: false, progress => run.RunAsync(stream, progress, cancellation));
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target.FullName, overwrite: true);
            whole = true;
            return report;
        }
        catch (Exception failure) when (failure is InvalidOperationException or OrleansException or TimeoutException)
        {
            throw new CommandException(ExitCode.Failed, $"the export failed, {target.Name} is as it was: {failure.Message}", failure);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Failed, $"{target.FullName} cannot be written: {failure.Message}", failure);
        }
        finally
        {
            if (!whole && File.Exists(temporary))
                File.Delete(temporary);
        }
    }

    private static void Tell(ExportReport report, FileInfo target, TimeSpan took, bool json)
    {
        if (json)
        {
            Terminal.WriteJson(new { File = target.FullName, report.Written, report.Expired, report.RawBytes, report.FileBytes, report.FromReplicas, report.FromPrimaries, Keyspaces = report.ByKeyspace, report.Databases, Seconds = Math.Round(took.TotalSeconds, 3) });
            return;
        }

        string packed = report.FileBytes == report.RawBytes ? "" : $" ({Amounts.Bytes(report.RawBytes)} unpacked)";
        Console.WriteLine($"{Amounts.Count(report.Written)} entries exported to {target.Name}, {Amounts.Bytes(report.FileBytes)}{packed} in {Amounts.Seconds(took)}: {Amounts.Rate(report.Written, took)}, {Amounts.ByteRate(report.RawBytes, took)}; {report.FromReplicas} shards read from replicas, {report.FromPrimaries} from primaries.");
        foreach ((string name, int number) in report.Databases.OrderBy(pair => pair.Value))
            Console.WriteLine($"  database {number}: keyspace '{name}', {Amounts.Count(report.ByKeyspace[name])} entries");
        if (report.Expired > 0)
            Console.WriteLine($"{Amounts.Count(report.Expired)} entries had expired and were left out.");
        if (report.Databases.Values.Any(number => number >= DatabaseNumbers.RedisDatabases))
            Terminal.Note($"warning: the file has database numbers from {DatabaseNumbers.RedisDatabases} on; redis-server loads it only with a higher 'databases' setting.");
    }
}
