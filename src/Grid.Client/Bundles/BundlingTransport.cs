using Grid.Client.Pipelines;
using Grid.Formats.Buffers;

namespace Grid.Client.Bundles;

/// <summary>
/// Sends batches in bundles where the way to their shard's silo is known, and as plain grain calls otherwise. Which way is taken
/// changes nothing for the pipelines: a batch's number decides whether it is applied, whichever way it comes and how often.
/// </summary>
/// <param name="plain">The way of plain grain calls.</param>
/// <param name="throughOthers">
/// True when a batch whose own route is broken goes through another silo's front before it is a plain call. A client outside of the cluster hears nothing
/// of a call that its gateway forwarded to a silo which then died; a front that passes a batch on does, and says so.
/// </param>
internal sealed class BundlingTransport(IShardTransport plain, bool throughOthers = false) : IShardTransport
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
        if ((uint)shard < (uint)routes.Length && request.Length < BundleSettings.LargeBatchBytes && routes[shard] is { } own)
        {
            if ((own.TryAdd(shard, request) ?? (throughOthers ? TryAddElsewhere(routes, own, shard, request) : null)) is { } batch)
                return batch.Task;
        }

        return plain.ExecuteAsync(shard, request);
    }

    private static BundledBatch? TryAddElsewhere(BundleRoute?[] routes, BundleRoute own, int shard, PooledBuffer request)
    {
        foreach (BundleRoute? route in routes)
        {
            if (route is { IsBroken: false } && route != own && route.TryAdd(shard, request) is { } batch)
                return batch;
        }

        return null;
    }
}
