using Grid.Client.Pipelines;
using Grid.Formats.Buffers;

namespace Grid.Client.Bundles;

/// <summary>
/// Sends batches in bundles where the way to their shard's silo is known, and as plain grain calls otherwise. Which way is taken
/// changes nothing for the pipelines: a batch's number decides whether it is applied, whichever way it comes and how often.
/// </summary>
internal sealed class BundlingTransport(IShardTransport plain) : IShardTransport
{
    private BundleRoute?[] _routes = [];

    /// <summary>The routes by shard, null where there is none; to be replaced as a whole.</summary>
    public IReadOnlyList<BundleRoute?> Routes
    {
        get => Volatile.Read(ref _routes);
        set => Volatile.Write(ref _routes, [.. value]);
    }

    public ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request)
    {
        BundleRoute?[] routes = Volatile.Read(ref _routes);
        if ((uint)shard < (uint)routes.Length
            && request.Length < BundleSettings.LargeBatchBytes
            && routes[shard]?.TryAdd(shard, request) is { } batch)
        {
            return batch.Task;
        }

        return plain.ExecuteAsync(shard, request);
    }
}
