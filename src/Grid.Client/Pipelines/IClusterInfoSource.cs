using Grid.Client.Contracts;

namespace Grid.Client.Pipelines;

/// <summary>Where a client learns how many shards there are.</summary>
internal interface IClusterInfoSource
{
    /// <summary>Asks the cluster.</summary>
    ValueTask<ClusterInfo> GetAsync();
}
