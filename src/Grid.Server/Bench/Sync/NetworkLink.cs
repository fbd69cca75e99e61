using System.Diagnostics;
using System.Net;

namespace Grid.Server.Bench.Sync;

/// <summary>
/// Two network namespaces of the bench's own, joined by a pair of virtual interfaces that let only so much through. Linux, root, and the
/// programs <c>ip</c> and <c>tc</c> are needed. What was made is taken away again.
/// </summary>
internal sealed class NetworkLink : IAsyncDisposable
{
    private readonly string _primary;
    private readonly string _replica;

    private NetworkLink(string primary, string replica)
    {
        _primary = primary;
        _replica = replica;
    }

    /// <summary>The primary's side.</summary>
    public static IPAddress PrimaryAddress { get; } = IPAddress.Parse("10.197.31.1");

    /// <summary>The replica's side.</summary>
    public static IPAddress ReplicaAddress { get; } = IPAddress.Parse("10.197.31.2");

    /// <summary>The command that runs something on the primary's side.</summary>
    public IReadOnlyList<string> WithinPrimary => ["ip", "netns", "exec", _primary];

    /// <summary>The command that runs something on the replica's side.</summary>
    public IReadOnlyList<string> WithinReplica => ["ip", "netns", "exec", _replica];

    /// <summary>Makes the namespaces and the link.</summary>
    /// <param name="rate">The rate in both directions, as <c>tc</c> reads it: 1gbit, 200mbit.</param>
    /// <exception cref="CommandException">It cannot be made; the message says what is missing.</exception>
    public static async Task<NetworkLink> CreateAsync(string rate)
    {
        if (!OperatingSystem.IsLinux())
            throw new CommandException(ExitCode.Usage, "--link needs the network namespaces of Linux.");
        if (!Environment.IsPrivilegedProcess)
            throw new CommandException(ExitCode.Usage, "--link makes network namespaces, which takes root. Run it as root, or without --link.");
        string id = Environment.ProcessId.ToString("x", System.Globalization.CultureInfo.InvariantCulture);
        NetworkLink link = new($"gridp{id}", $"gridr{id}");
        try
        {
            await link.MakeAsync(rate, $"gp{id}", $"gr{id}");
            return link;
        }
        catch
        {
            await link.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes everything away: an interface goes with its namespace, and so does its peer.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (string name in (string[])[_primary, _replica])
            await RunAsync(required: false, "ip", "netns", "del", name);
    }

    private async Task MakeAsync(string rate, string primaryEnd, string replicaEnd)
    {
        await RunAsync(true, "ip", "netns", "add", _primary);
        await RunAsync(true, "ip", "netns", "add", _replica);
        await RunAsync(true, "ip", "link", "add", primaryEnd, "netns", _primary, "type", "veth", "peer", "name", replicaEnd, "netns", _replica);
        await SetUpAsync(_primary, primaryEnd, PrimaryAddress, rate);
        await SetUpAsync(_replica, replicaEnd, ReplicaAddress, rate);
    }

    private static async Task SetUpAsync(string space, string end, IPAddress address, string rate)
    {
        await RunAsync(true, "ip", "-n", space, "addr", "add", $"{address}/30", "dev", end);
        await RunAsync(true, "ip", "-n", space, "link", "set", end, "up");
        await RunAsync(true, "ip", "-n", space, "link", "set", "lo", "up");
        await RunAsync(true, "tc", "-n", space, "qdisc", "add", "dev", end, "root", "tbf", "rate", rate, "burst", "256kb", "latency", "50ms");
    }

    private static async Task RunAsync(bool required, params string[] command)
    {
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardError = true, RedirectStandardOutput = true };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            if (required && process.ExitCode != 0)
                throw new CommandException(ExitCode.Failed, $"--link: '{string.Join(' ', command)}' failed: {(await errors).Trim()}");
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            throw new CommandException(ExitCode.Failed, $"--link needs '{command[0]}', which is not installed (Debian: iproute2).", missing);
        }
    }
}
