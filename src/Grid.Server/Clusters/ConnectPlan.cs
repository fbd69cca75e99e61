using System.Net;
using Grid.Server.Configuration;

namespace Grid.Server.Clusters;

/// <summary>How a client finds its cluster.</summary>
internal sealed record ConnectPlan
{
    public required string ClusterId { get; init; }

    public required string ServiceId { get; init; }

    /// <summary>Gateways to connect to; empty to ask Redis for them.</summary>
    public required IReadOnlyList<IPEndPoint> Gateways { get; init; }

    public required string RedisConnection { get; init; }

    public required TimeSpan Timeout { get; init; }

    public required bool Verbose { get; init; }

    /// <summary>The cluster in words, for messages.</summary>
    public string Target => Gateways.Count > 0 ? string.Join(", ", Gateways) : $"the gateways that Redis ({RedisSettings.Servers(RedisConnection)}) knows of cluster '{ClusterId}'";

    public static ConnectPlan Make(ServerSettings settings, IReadOnlyCollection<string> gateways, TimeSpan timeout, bool verbose)
    {
        List<IPEndPoint> endpoints = [];
        foreach (string gateway in gateways)
            endpoints.Add(Endpoints.Parse(gateway) ?? throw new CommandException(ExitCode.Usage, $"--gateway {gateway}: HOST:PORT of a silo's client port is expected, for instance 127.0.0.1:30000."));
        if (endpoints.Count == 0 && settings.Clustering.Provider == ClusteringProvider.Development)
            endpoints.Add(new IPEndPoint(settings.Address, settings.Silo.GatewayPort));
        return new ConnectPlan
        {
            ClusterId = settings.Silo.ClusterId,
            ServiceId = settings.Silo.ServiceId,
            Gateways = endpoints,
            RedisConnection = settings.Clustering.ConnectionString,
            Timeout = timeout,
            Verbose = verbose,
        };
    }
}
