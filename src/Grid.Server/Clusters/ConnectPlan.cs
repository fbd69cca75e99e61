using System.Net;
using Grid.Server.Configuration;
using Grid.Server.Stores;

namespace Grid.Server.Clusters;

/// <summary>How a client finds its cluster.</summary>
internal sealed record ConnectPlan
{
    public required string ClusterId { get; init; }

    public required string ServiceId { get; init; }

    /// <summary>Gateways to connect to; empty to ask the store of the membership for them.</summary>
    public required IReadOnlyList<IPEndPoint> Gateways { get; init; }

    /// <summary>What keeps the membership.</summary>
    public ClusteringProvider Provider { get; init; }

    /// <summary>How to reach it; without meaning in development.</summary>
    public required string StoreConnection { get; init; }

    public required TimeSpan Timeout { get; init; }

    public required bool Verbose { get; init; }

    /// <summary>The cluster in words, for messages.</summary>
    public string Target => Gateways.Count > 0 ? string.Join(", ", Gateways) : $"the gateways that {Store} knows of cluster '{ClusterId}'";

    private string Store => Provider == ClusteringProvider.PostgreSql ? $"PostgreSQL ({PostgreSqlStore.Server(StoreConnection)})" : $"Redis ({RedisStore.Servers(StoreConnection)})";

    public static ConnectPlan Make(ServerSettings settings, IReadOnlyCollection<string> gateways, TimeSpan timeout, bool verbose)
    {
        List<IPEndPoint> endpoints = [];
        foreach (string gateway in gateways)
            endpoints.Add(Endpoints.Parse(gateway) ?? throw new CommandException(ExitCode.Usage, $"--gateway {gateway}: HOST:PORT of a silo's client port is expected, for instance 127.0.0.1:30000; HOST is an address, or a name that this machine knows."));
        if (endpoints.Count == 0 && settings.Clustering.Provider == ClusteringProvider.Development)
            endpoints.Add(new IPEndPoint(settings.Address, settings.Silo.GatewayPort));
        return new ConnectPlan
        {
            ClusterId = settings.Silo.ClusterId,
            ServiceId = settings.Silo.ServiceId,
            Gateways = endpoints,
            Provider = settings.Clustering.Provider,
            StoreConnection = settings.Clustering.ConnectionString,
            Timeout = timeout,
            Verbose = verbose,
        };
    }
}
