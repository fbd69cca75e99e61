using Grid.Client.Contracts;
using Grid.Client.Pipelines;
using Grid.Formats.Buffers;

namespace Grid.Client.Hosting;

/// <summary>The way to the shards' grains, from a client of the cluster or from within a silo.</summary>
internal sealed class OrleansTransport(IGrainFactory grains) : IShardTransport, IClusterInfoSource
{
    private IShardGrain[] _shards = [];

    public ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request)
    {
        // A silo's front passes batches on without having asked for the cluster's description before.
        IShardGrain[] shards = _shards;
        return ((uint)shard < (uint)shards.Length ? shards[shard] : grains.GetGrain<IShardGrain>(shard)).ExecuteAsync(request);
    }

    public async ValueTask<ClusterInfo> GetAsync()
    {
        ClusterInfo info = await grains.GetGrain<IGridManagementGrain>(0).GetClusterInfo().ConfigureAwait(false);
        IShardGrain[] shards = new IShardGrain[Math.Clamp(info.ShardCount, 0, ClusterInfo.ShardCountMax)];
        for (int shard = 0; shard < shards.Length; shard++)
            shards[shard] = grains.GetGrain<IShardGrain>(shard);
        _shards = shards;
        return info;
    }
}
