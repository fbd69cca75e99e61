using System.CommandLine;
using Grid.Client;
using Grid.Server.Bench;
using Grid.Server.Bench.Sync;
using Grid.Server.Chaos;
using Grid.Server.Configuration;
using Grid.Server.Digests;
using Grid.Server.Doctor;
using Grid.Server.Entries;
using Grid.Server.Operations;
using Grid.Server.Serving;
using Grid.Server.Status;
using Grid.Server.Terminals;
using Grid.Server.Top;
using Grid.Server.Transfer;

namespace Grid.Server;

/// <summary>The command line of <c>grid</c>: every verb, and how the process ends.</summary>
internal static class GridCommand
{
    /// <summary>Parses and runs.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is [StreamsBench.SiloVerb, .. string[] rest])
            return await StreamsBench.RunSiloAsync(rest);
        if (args is [SyncBenchSilo.SiloVerb, .. string[] settings])
            return await SyncBenchSilo.RunAsync(settings);
        Command serve = ServeVerb.Create();
        if (!CommandLines.TryParse(Create(serve), args, Console.Error, out ParseResult? parsed))
            return ExitCode.Usage;
        InvocationConfiguration invocation = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };

        // A silo stops by itself on SIGTERM and Ctrl-C, in its own time.
        using Interruption? interruption = parsed.CommandResult.Command == serve ? null : new Interruption();
        try
        {
            return await parsed.InvokeAsync(invocation, interruption?.Token ?? CancellationToken.None);
        }
        catch (CommandException expected)
        {
            await Console.Error.WriteLineAsync($"grid: {expected.Message}");
            return expected.ExitCode;
        }
        catch (GridException failure)
        {
            await Console.Error.WriteLineAsync($"grid: {failure.Message}");
            return ExitCode.Failed;
        }
        catch (Exception failure) when (failure is OrleansException or TimeoutException)
        {
            await Console.Error.WriteLineAsync($"grid: the cluster does not answer: {failure.Message}");
            return ExitCode.Unreachable;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("grid: interrupted.");
            return ExitCode.Interrupted;
        }
    }

    /// <summary>The root with all verbs.</summary>
    public static RootCommand Create(Command? serve = null) => new("Grid, a clustered in-memory data grid: the silo and the operator's tool.")
    {
        serve ?? ServeVerb.Create(),
        ConfigVerb.Create(),
        StatusVerb.Create(),
        TopVerb.Create(),
        EventsVerb.Create(),
        GetVerb.Create(),
        SetVerb.Create(),
        DelVerb.Create(),
        ScanVerb.Create(),
        ImportVerb.Create(),
        ExportVerb.Create(),
        DigestVerb.Create(),
        DoctorVerb.Create(),
        DropVerb.Create(),
        DrainVerb.Create(),
        ShardVerb.Create(),
        BenchVerb.Create(),
        ChaosVerb.Create(),
    };
}
