using System.Reflection;
using Grid.Client;
using Grid.Client.Contracts;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;

namespace Grid.Silo.Grains;

/// <summary>Tells clients what they must know of the cluster; answered by the silo that they are connected to.</summary>
[StatelessWorker, Reentrant]
internal sealed class ManagementGrain(IOptions<GridOptions> options) : Grain, IGridManagementGrain
{
    private static readonly string Version =
        typeof(ManagementGrain).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    private readonly ClusterInfo _info = new(options.Value.ShardCount, GridLimits.KeyBytesMax, GridLimits.ValueBytesMax, Version);

    public ValueTask<ClusterInfo> GetClusterInfo() => new(_info);
}
