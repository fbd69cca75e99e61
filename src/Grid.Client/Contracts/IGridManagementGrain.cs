namespace Grid.Client.Contracts;

/// <summary>What concerns the cluster as a whole; the grain's key is 0.</summary>
[Alias("Grid.IGridManagementGrain")]
public interface IGridManagementGrain : IGrainWithIntegerKey
{
    /// <summary>What a client must know of the cluster before its first operation. Fixed for the cluster's life, but for the version.</summary>
    [Alias("GetClusterInfo")]
    ValueTask<ClusterInfo> GetClusterInfo();
}

/// <summary>What a client must know of the cluster.</summary>
/// <param name="ShardCount">Number of shards, 1 to 65,536.</param>
/// <param name="KeyBytesMax">The longest key that the silos take, in bytes.</param>
/// <param name="ValueBytesMax">The longest value that the silos take, in bytes.</param>
/// <param name="Version">The version of the silo that answered, for people to read.</param>
[GenerateSerializer]
[Immutable]
[Alias("Grid.ClusterInfo")]
public sealed record ClusterInfo(
    [property: Id(0)] int ShardCount,
    [property: Id(1)] int KeyBytesMax,
    [property: Id(2)] int ValueBytesMax,
    [property: Id(3)] string Version)
{
    /// <summary>The most shards that a cluster may have.</summary>
    public const int ShardCountMax = 65_536;
}
