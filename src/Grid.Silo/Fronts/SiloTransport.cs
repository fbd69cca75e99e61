using Grid.Client;
using Grid.Client.Bundles;
using Grid.Client.Contracts;
using Grid.Client.Hosting;
using Grid.Client.Pipelines;
using Grid.Formats.Buffers;
using Grid.Silo.Grains;
using Grid.Silo.Services;
using Microsoft.Extensions.Options;

namespace Grid.Silo.Fronts;

/// <summary>
/// The way to the shards from within a silo: straight into the primary's inbox where it is on this silo, in bundles to the other
/// silos' services otherwise, by plain grain calls where it is not known.
/// </summary>
internal sealed class SiloTransport : IGridTransport
{
    /// <summary>
    /// Bundles of clients' batches on their way to another silo. They come out of order, and what a batch waits for must never wait
    /// behind it for a bundle to come back: so, unlike one client's own, they hardly wait for each other at all.
    /// </summary>
    private const int RelayedUnderWayMax = 256;

    private readonly LocalShards _shards;
    private readonly SiloRoutes _own;
    private readonly SiloRoutes _relayed;

    public SiloTransport(LocalShards shards, IGridSiloServiceClient silos, IGrainFactory grains, IOptions<GridClientOptions> options)
    {
        _shards = shards;
        Plain = new OrleansTransport(grains);
        BundleSettings settings = BundleSettings.From(options.Value);
        _own = new SiloRoutes(silos, Plain, settings);
        _relayed = new SiloRoutes(silos, Plain, settings with { UnderWayMax = settings.UnderWayMax == 0 ? 0 : RelayedUnderWayMax });
    }

    /// <summary>Plain grain calls only.</summary>
    public OrleansTransport Plain { get; }

    /// <summary>For what clients of the cluster sent to this silo, and belongs on another.</summary>
    public IShardTransport Relay => _relayed.Transport;

    public ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request)
    {
        if (_shards.Find(shard) is not { } inbox)
            return _own.Transport.ExecuteAsync(shard, request);
        PendingRequest pending = new(elsewhere: true);
        ValueTask<PooledBuffer> task = pending.Task;
        inbox.Post(new ShardWork(pending, request, default));
        return task;
    }

    public ValueTask<ClusterInfo> GetAsync() => Plain.GetAsync();

    /// <summary>Learns where the primaries are: for each shard its silo, null for none known and for this silo. One caller at a time.</summary>
    public void SetSilos(IReadOnlyList<string?> siloOfShard)
    {
        _own.Set(siloOfShard);
        _relayed.Set(siloOfShard);
    }

    public void Dispose()
    {
        _own.Set([]);
        _relayed.Set([]);
    }
}

/// <summary>A route to each other silo.</summary>
internal sealed class SiloRoutes(IGridSiloServiceClient silos, IShardTransport plain, BundleSettings settings)
{
    private readonly MonotonicClock _clock = new(TimeProvider.System);
    private readonly Dictionary<string, BundleRoute> _routes = [];

    /// <summary>Bundles along the routes, plain calls where there is none.</summary>
    public BundlingTransport Transport { get; } = new(plain);

    public void Set(IReadOnlyList<string?> siloOfShard)
    {
        if (settings.UnderWayMax == 0)
            return;
        foreach (string gone in _routes.Where(route => route.Value.IsBroken || !siloOfShard.Contains(route.Key)).Select(static route => route.Key).ToArray())
            _routes.Remove(gone);
        Transport.Routes = [.. siloOfShard.Select(silo => silo is null ? null : RouteTo(silo))];
    }

    private BundleRoute RouteTo(string silo)
    {
        if (!_routes.TryGetValue(silo, out BundleRoute? route))
        {
            IBundleCarrier carrier = new ServiceCarrier(silos.At(SiloAddress.FromParsableString(silo)));
            _routes.Add(silo, route = new BundleRoute(carrier, plain, settings, ThreadPoolWorkQueue.Instance, _clock));
        }

        return route;
    }

    private sealed class ServiceCarrier(IGridSiloService service) : IBundleCarrier
    {
        public ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle) => service.ExecuteAsync(bundle);

        public ValueTask<BatchBundle> CollectAsync(long ticket) => service.CollectAsync(ticket);
    }
}
