using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Grid.Server.Terminals;
using Grid.Silo;

namespace Grid.Server.Bench.Sync;

/// <summary><c>grid bench sync</c>: a full sync between two silo processes, beside redis-server's.</summary>
internal static class SyncBenchVerb
{
    private const int PortsNeeded = 6;

    public static Command Create()
    {
        SyncBenchOptions defaults = new();
        Option<string> data = new("--data") { Description = "The data set: T (3 million JSON messages of 310 B), J (1 million JSON orders of 1 KiB) or R (1 million times 512 random bytes).", DefaultValueFactory = _ => "T" };
        data.AcceptOnlyFromAmong([.. DataSet.All.Select(static set => set.Name.ToString())]);
        Option<double> scale = new("--scale") { Description = "Share of the set to use, up to 1.", DefaultValueFactory = _ => defaults.Scale };
        Option<ReplicationCompression> compression = new("--compression") { Description = "How snapshots travel: None or Lz4.", DefaultValueFactory = _ => defaults.Compression };
        Option<int> foreground = new("--foreground") { Description = "Sets per second that go on meanwhile.", DefaultValueFactory = _ => defaults.Foreground };
        Option<double> before = new("--before") { Description = "Seconds for which they are measured before a sync.", DefaultValueFactory = _ => defaults.Before.TotalSeconds };
        Option<int> rounds = new("--rounds") { Description = "Full syncs of dropped replicas, of which the median counts; before them comes the one of a silo that has just joined.", DefaultValueFactory = _ => defaults.Rounds };
        Option<bool> noRedis = new("--no-redis") { Description = "Do not measure redis-server beside it." };
        Option<string?> link = new("--link") { Description = "Join the two sides by a link of this rate, in network namespaces; needs root. For instance 1gbit or 200mbit.", HelpName = "RATE" };
        Option<int> port = new("--port") { Description = "First of six ports to use. Default: free ones.", HelpName = "PORT" };
        Option<string[]> set = new("--set") { Description = "A key of both silos' configuration.", HelpName = "SECTION:KEY=VALUE" };
        Option<string?> logs = new("--logs") { Description = "A folder that gets the silos' logs.", HelpName = "FOLDER" };
        Option<string?> within = new("--replica-within") { Hidden = true };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        Command sync = new("sync", "Measures a full sync between two silo processes on this machine, writes going on, beside redis-server's.") { data, scale, compression, foreground, before, rounds, noRedis, link, port, set, logs, within, json };
        Limit(scale, 0.0001, 1);
        Limit(before, 0.1, 60);
        Limit(foreground, 0, 1_000_000);
        Limit(rounds, 1, 100);
        Limit(port, 1, 65_530);
        sync.SetAction((parsed, cancellation) =>
        {
            SyncBenchOptions options = new()
            {
                Data = DataSet.All.Single(known => known.Name == parsed.GetValue(data)![0]),
                Scale = parsed.GetValue(scale),
                Compression = parsed.GetValue(compression),
                Foreground = parsed.GetValue(foreground),
                Before = TimeSpan.FromSeconds(parsed.GetValue(before)),
                Rounds = parsed.GetValue(rounds),
                Redis = !parsed.GetValue(noRedis),
                Settings = parsed.GetValue(set) ?? [],
                Logs = parsed.GetValue(logs),
            };
            if (options.Logs is { } folder)
                Directory.CreateDirectory(folder);
            if (options.Redis && !SyncBenchRedis.IsInstalled)
                throw new CommandException(ExitCode.Failed, "redis-server, to compare with, is not installed (Debian: apt-get install redis-server). Install it, or give --no-redis.");
            if (parsed.GetValue(link) is { } rate && parsed.GetValue(within) is null)
                return RunWithinLinkAsync(rate, cancellation);
            if (parsed.GetValue(within) is { } command)
                options = options with { Address = NetworkLink.PrimaryAddress, ReplicaAddress = NetworkLink.ReplicaAddress, ReplicaWithin = command.Split(' ') };
            return RunAsync(options, parsed.GetValue(link) ?? "loopback", parsed.GetValue(port), parsed.GetValue(json), cancellation);
        });
        return sync;
    }

    private static async Task<int> RunAsync(SyncBenchOptions options, string link, int firstPort, bool json, CancellationToken cancellation)
    {
        int[] ports = firstPort > 0 ? [.. Enumerable.Range(firstPort, PortsNeeded)] : FreePorts();
        SyncBenchReport report;
        try
        {
            report = await new SyncBench(options, ports, Console.Error.WriteLine).RunAsync(link, cancellation);
        }
        catch (InvalidOperationException failure)
        {
            throw new CommandException(ExitCode.Failed, failure.Message, failure);
        }

        if (json)
            Terminal.WriteJson(report);
        else
            SyncBenchTable.Show(report);
        return report.CopiesEqual ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>Runs this very command again on the primary's side of a link.</summary>
    private static async Task<int> RunWithinLinkAsync(string rate, CancellationToken cancellation)
    {
        await using NetworkLink link = await NetworkLink.CreateAsync(rate);
        // In a session of its own it does not hear Ctrl-C itself: a second signal would end it before it has ended what it started.
        string[] command = ["setsid", .. link.WithinPrimary, .. BenchProcess.OwnCommand(), .. Environment.GetCommandLineArgs()[1..], "--replica-within", string.Join(' ', link.WithinReplica)];
        using Process inner = Process.Start(new ProcessStartInfo(command[0], command[1..]))
            ?? throw new CommandException(ExitCode.Failed, $"'{command[0]}' could not be started.");

        // It is told once.
        using CancellationTokenRegistration passing = cancellation.Register(() => Process.Start("kill", ["-TERM", inner.Id.ToString(CultureInfo.InvariantCulture)]).Dispose());
        await inner.WaitForExitAsync(CancellationToken.None);
        return inner.ExitCode;
    }

    private static void Limit<T>(Option<T> option, T least, T most)
        where T : IComparable<T> => option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(option) is { } value && (value.CompareTo(least) < 0 || value.CompareTo(most) > 0))
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name} is {least} to {most}."));
        });

    private static int[] FreePorts()
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, PortsNeeded).Select(static _ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners)
            listener.Start();
        int[] ports = [.. listeners.Select(static listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners)
            listener.Dispose();
        return ports;
    }
}
