using System.Net;
using System.Net.Sockets;
using Grid.Server.Configuration;
using Grid.Server.Stores;
using Grid.Silo;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grid.Server.Serving;

/// <summary>A silo as a process: checks what can be checked before, starts it, says what it is, and stops it gracefully.</summary>
internal static partial class SiloProcess
{
    private static readonly TimeSpan FirstSiloTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstSiloPause = TimeSpan.FromMilliseconds(200);

    /// <summary>Runs until SIGTERM or Ctrl-C.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">The silo cannot start; the message says what to do.</exception>
    public static async Task<int> RunAsync(ServerSettings settings)
    {
        CheckPortIsFree("Silo:SiloPort", "--silo-port", settings.Address, settings.Silo.SiloPort);
        CheckPortIsFree("Silo:GatewayPort", "--gateway-port", settings.Address, settings.Silo.GatewayPort);
        if (settings.Silo.HttpPort != 0)
            CheckPortIsFree("Silo:HttpPort", "--http-port", settings.HttpAddress, settings.Silo.HttpPort);
        if (settings.Clustering.Provider == ClusteringProvider.Redis)
            await RedisStore.CheckAsync(settings.Clustering.ConnectionString);
        if (settings.Clustering.Provider == ClusteringProvider.PostgreSql)
            await PostgreSqlStore.PrepareAsync(settings.Clustering.ConnectionString);
        using IHost host = SiloHost.Build(settings);
        ILogger logger = host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Grid.Server");
        foreach (string warning in settings.Warnings)
            LogConfigurationWarning(logger, warning);
        if (settings.Clustering.Provider == ClusteringProvider.Development && !settings.IsFirst)
            await WaitForFirstSiloAsync(settings.FirstSilo, logger, host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        using DrainSignals signals = new(host.Services.GetRequiredService<GridDrain>(), logger);
        await StartAsync(host, settings);
        Announce(logger, settings, host.Services.GetRequiredService<IOptions<GridOptions>>().Value);
        await host.WaitForShutdownAsync();
        LogStopped(logger, settings.Name);
        return ExitCode.Done;
    }

    private static async Task StartAsync(IHost host, ServerSettings settings)
    {
        try
        {
            // Checked before the host does, which would log the failure with a stack trace.
            _ = host.Services.GetRequiredService<IOptions<GridOptions>>().Value;
            await host.StartAsync();
        }
        catch (OptionsValidationException invalid)
        {
            throw ServerSettings.Wrong(invalid.Failures);
        }
        catch (OrleansConfigurationException wrong)
        {
            throw ServerSettings.Wrong([wrong.Message]);
        }
        catch (Exception failure) when (Root(failure) is AddressInUseException or SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse })
        {
            throw new CommandException(ExitCode.Failed, $"A port of {settings.Address} is taken: {settings.Silo.SiloPort} (--silo-port) or {settings.Silo.GatewayPort} (--gateway-port).", failure);
        }
    }

    private static void Announce(ILogger logger, ServerSettings settings, GridOptions grid)
    {
        if (!logger.IsEnabled(LogLevel.Information))
            return;
        string clustering = DescribeClustering(settings);
        LogUp(logger, settings.Name, settings.Address, settings.Silo.SiloPort, settings.Silo.GatewayPort, settings.Silo.ClusterId, settings.Configuration.File ?? "none");
        LogGrid(logger, grid.ShardCount, grid.Replicas, grid.MinInSync, grid.Compression, clustering);
    }

    /// <summary>The development clustering fails late and unclearly without its first silo, so it is looked for beforehand.</summary>
    private static async Task WaitForFirstSiloAsync(IPEndPoint first, ILogger logger, CancellationToken stopping)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        deadline.CancelAfter(FirstSiloTime);
        bool told = false;
        while (true)
        {
            try
            {
                using TcpClient probe = new(first.AddressFamily);
                await probe.ConnectAsync(first, deadline.Token);
                return;
            }
            catch (SocketException) when (!deadline.IsCancellationRequested)
            {
                if (!told)
                    LogWaiting(logger, first, FirstSiloTime.TotalSeconds);
                told = true;
                await Task.Delay(FirstSiloPause, deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception) when (deadline.IsCancellationRequested)
            {
                stopping.ThrowIfCancellationRequested();
                throw new CommandException(ExitCode.Unreachable, $"the first silo, {first} (Clustering:FirstSilo), does not answer for {FirstSiloTime.TotalSeconds} s. Start it first, or name another with --first; to start a cluster of its own here, set --first to this silo's own silo port.");
            }
        }
    }

    private static void CheckPortIsFree(string key, string option, IPAddress address, int port)
    {
        try
        {
            using TcpListener probe = new(address, port);
            probe.Start();
        }
        catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new CommandException(ExitCode.Failed, $"port {port} of {address} ({key}) is taken by another process. Stop that one, or choose another port with {option}.", taken);
        }
        catch (SocketException unusable)
        {
            throw new CommandException(ExitCode.Usage, $"{key}: the silo cannot listen at {address}:{port}: {unusable.Message}. The address must be one of this machine (Silo:Address, Silo:HttpAddress).", unusable);
        }
    }

    private static string DescribeClustering(ServerSettings settings) => settings.Clustering.Provider switch
    {
        ClusteringProvider.Redis => $"Redis at {RedisStore.Servers(settings.Clustering.ConnectionString)}, which keeps membership and shard records",
        ClusteringProvider.PostgreSql => $"PostgreSql at {PostgreSqlStore.Server(settings.Clustering.ConnectionString)}, which keeps membership and shard records",
        _ => $"Development: membership and shard records live in the memory of the first silo ({settings.FirstSilo}{(settings.IsFirst ? ", this one" : "")})",
    };

    private static Exception Root(Exception failure) => failure is AggregateException { InnerExceptions: [Exception only] } ? Root(only) : failure.InnerException is { } inner ? Root(inner) : failure;

    [LoggerMessage(Level = LogLevel.Warning, Message = "Configuration: {Warning}")]
    private static partial void LogConfigurationWarning(ILogger logger, string warning);

    [LoggerMessage(Level = LogLevel.Information, Message = "The first silo, {First}, is not up yet; waiting up to {Seconds} s")]
    private static partial void LogWaiting(ILogger logger, IPEndPoint first, double seconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Name} is up: silos {Address}:{SiloPort}, clients at port {GatewayPort}, cluster '{ClusterId}', configuration {File}")]
    private static partial void LogUp(ILogger logger, string name, IPAddress address, int siloPort, int gatewayPort, string clusterId, string file);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Shards} shards, {Replicas} replica(s) of each, MinInSync {MinInSync}, replication {Compression}; clustering {Clustering}")]
    private static partial void LogGrid(ILogger logger, int shards, int replicas, int minInSync, ReplicationCompression compression, string clustering);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Name} has stopped")]
    private static partial void LogStopped(ILogger logger, string name);
}
