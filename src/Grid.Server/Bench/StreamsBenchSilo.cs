using System.Net;
using Grid.Streams;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Grid.Server.Bench;

/// <summary>A silo with both stream providers, and nothing else of the grid.</summary>
internal static class StreamsBenchSilo
{
    public const string GridProvider = "grid";
    public const string MemoryProvider = "memory";

    /// <param name="port">The silo's port on the loopback interface.</param>
    /// <param name="primaryPort">The port of the silo that keeps the membership.</param>
    public static IHost Build(int port, int primaryPort) => Host.CreateDefaultBuilder()
        .ConfigureLogging(static log =>
        {
            log.ClearProviders().SetMinimumLevel(LogLevel.Error);
            log.AddConsole(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);

            // Memory streams log, under these names, every item that they refuse, which the bench counts, and their own end.
            log.AddFilter("Orleans.Streams.memory", LogLevel.None);
            log.AddFilter("Microsoft.Extensions.Logging.ILogger", LogLevel.None);
            log.AddFilter("Orleans.Providers.MemoryAdapterReceiver", LogLevel.None);
        })
        .UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(
                port,
                gatewayPort: 0,
                new IPEndPoint(IPAddress.Loopback, primaryPort),
                serviceId: "grid-bench",
                clusterId: "grid-bench");
            silo.Configure<EndpointOptions>(static o => o.GatewayPort = 0);
            silo.AddMemoryGrainStorage("PubSubStore");
            silo.AddMemoryStreams(MemoryProvider);
            silo.AddGridStreams(GridProvider);
        })
        .Build();
}
