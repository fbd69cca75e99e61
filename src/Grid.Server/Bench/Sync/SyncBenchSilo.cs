using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Grid.Server.Configuration;
using Grid.Server.Serving;
using Microsoft.Extensions.Hosting;

namespace Grid.Server.Bench.Sync;

/// <summary>
/// A silo of <c>bench sync</c>: the one that <c>grid serve</c> runs, as a process of the bench, which asks it how much memory it
/// takes and what its full syncs sent.
/// </summary>
internal static class SyncBenchSilo
{
    /// <summary>The first argument with which the binary must call <see cref="RunAsync"/>.</summary>
    public const string SiloVerb = "bench-sync-silo";

    /// <summary>Takes what follows as the beginning of a measurement.</summary>
    public const string BeginQuestion = "begin";

    /// <summary>Asks for a <see cref="SyncSiloReport"/>.</summary>
    public const string ReportQuestion = "report";

    /// <summary>Starts a silo as a process.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="address">Where it listens.</param>
    /// <param name="siloPort">Port for other silos.</param>
    /// <param name="gatewayPort">Port for clients.</param>
    /// <param name="first">The cluster's first silo.</param>
    /// <param name="settings">Further keys of the configuration, as KEY=VALUE.</param>
    /// <param name="within">A command to run it under; may be empty.</param>
    /// <param name="log">A file for its log; null for none.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static Task<BenchProcess> StartAsync(
        string name, IPAddress address, int siloPort, int gatewayPort, IPEndPoint first, IEnumerable<string> settings, IReadOnlyList<string> within, string? log, CancellationToken cancellation)
    {
        string[] arguments =
        [
            SiloVerb,
            "Clustering:Provider=Development",
            $"Clustering:FirstSilo={first}",
            "Silo:ClusterId=grid-bench",
            "Silo:ServiceId=grid-bench",
            $"Silo:Name={name}",
            $"Silo:Address={address}",
            string.Create(CultureInfo.InvariantCulture, $"Silo:SiloPort={siloPort}"),
            string.Create(CultureInfo.InvariantCulture, $"Silo:GatewayPort={gatewayPort}"),
            "Silo:HttpPort=0",

            // Standard output is for answers.
            "Logging:Console:LogToStandardErrorThreshold=Trace",
            .. settings,
        ];
        return BenchProcess.StartAsync($"Silo {name}", arguments, within, log, cancellation);
    }

    /// <summary>The silo's side: <paramref name="args"/> are keys of the configuration. Runs until its standard input ends.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        Dictionary<string, string?> overrides = Overrides.Parse(args, []);
        using IHost host = SiloHost.Build(ServerSettings.Read(ServerConfiguration.Load(null, overrides)));
        await host.StartAsync();
        using SyncSiloMeter meter = new(host.Services);
        await BenchProcess.ServeAsync(question => Answer(meter, question));
        await host.StopAsync();
        return ExitCode.Done;
    }

    private static string Answer(SyncSiloMeter meter, string question)
    {
        if (question == BeginQuestion)
            meter.Begin();
        return JsonSerializer.Serialize(meter.Report());
    }
}

/// <summary>What a silo of the bench says of itself. Peaks are since the last <see cref="SyncBenchSilo.BeginQuestion"/>.</summary>
/// <param name="JoinedAt">When the newest silo became a member, on the machine's monotonic clock (<see cref="Stopwatch"/>); 0 while there is one only.</param>
/// <param name="ResidentBytes">Resident memory at the beginning.</param>
/// <param name="ResidentPeakBytes">The most resident memory.</param>
/// <param name="AccountedPeakBytes">The most that the grid itself counts beyond the beginning: pages of the store, and what streams hold.</param>
/// <param name="HeapPeakBytes">The most that the garbage collector had committed beyond the beginning.</param>
/// <param name="GcPauseMs">Time for which the collector stopped the process, in milliseconds.</param>
/// <param name="Collections">Collections of every generation.</param>
/// <param name="AllocatedBytes">Bytes allocated.</param>
/// <param name="Snapshots">Snapshots sent.</param>
/// <param name="Entries">Their entries.</param>
/// <param name="RawBytes">Their bytes before compression.</param>
/// <param name="WireBytes">Bytes given to snapshot streams.</param>
/// <param name="CpuMs">Processor time of the process, in milliseconds.</param>
/// <param name="MethodsCompiled">Methods compiled while the process ran, again with more care ones included.</param>
/// <param name="CompilingMs">Processor time of that, in milliseconds; part of <paramref name="CpuMs"/>.</param>
internal sealed record SyncSiloReport(
    long JoinedAt,
    long ResidentBytes,
    long ResidentPeakBytes,
    long AccountedPeakBytes,
    long HeapPeakBytes,
    double GcPauseMs,
    int[] Collections,
    long AllocatedBytes,
    long Snapshots,
    long Entries,
    long RawBytes,
    long WireBytes,
    double CpuMs,
    long MethodsCompiled,
    double CompilingMs);
