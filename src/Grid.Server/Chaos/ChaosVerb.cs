using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Grid.Server.Bench;
using Grid.Server.Chaos.Network;

namespace Grid.Server.Chaos;

/// <summary>
/// <c>grid chaos</c> and its sisters: the outer process makes the network and runs the same command again where the clients are; whatever becomes
/// of that one, it takes everything away.
/// </summary>
internal static class ChaosVerb
{
    public static Command Create()
    {
        Command chaos = new("chaos", "Kills, freezes and cuts off silos of a cluster of its own under load, and checks what the clients were told.") { Measure.MeasureVerb.Create() };
        return chaos;
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
