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
    private readonly LocalShards _shards;
    private readonly IGridSiloServiceClient _silos;
    private readonly BundlingTransport _bundling;
    private readonly BundleSettings _settings;
    private readonly MonotonicClock _clock;
    private readonly Dictionary<string, BundleRoute> _routes = [];

    public SiloTransport(LocalShards shards, IGridSiloServiceClient silos, IGrainFactory grains, IOptions<GridClientOptions> options)
    {
        _shards = shards;
        _silos = silos;
        _settings = BundleSettings.From(options.Value);
        _clock = new MonotonicClock(TimeProvider.System);
        Plain = new OrleansTransport(grains);
        _bundling = new BundlingTransport(Plain);
    }

    /// <summary>Plain grain calls only.</summary>
    public OrleansTransport Plain { get; }

    public ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request)
    {
        if (_shards.Find(shard) is not { } inbox)
            return _bundling.ExecuteAsync(shard, request);
        PendingRequest pending = new(elsewhere: true);
        ValueTask<PooledBuffer> task = pending.Task;
        inbox.Post(new ShardWork(pending, request, default));
        return task;
    }

    public ValueTask<ClusterInfo> GetAsync() => Plain.GetAsync();

    /// <summary>Learns where the primaries are: for each shard its silo, null for none known and for this silo. One caller at a time.</summary>
    public void SetSilos(IReadOnlyList<string?> siloOfShard)
    {
        if (_settings.UnderWayMax == 0)
            return;
        foreach (string gone in _routes.Where(route => route.Value.IsBroken || !siloOfShard.Contains(route.Key)).Select(static route => route.Key).ToArray())
            _routes.Remove(gone);
        _bundling.Routes = [.. siloOfShard.Select(silo => silo is null ? null : RouteTo(silo))];
    }

    public void Dispose() => _bundling.Routes = [];

    private BundleRoute RouteTo(string silo)
    {
        if (!_routes.TryGetValue(silo, out BundleRoute? route))
        {
            IBundleCarrier carrier = new ServiceCarrier(_silos.At(SiloAddress.FromParsableString(silo)));
            _routes.Add(silo, route = new BundleRoute(carrier, Plain, _settings, ThreadPoolWorkQueue.Instance, _clock));
        }

        return route;
    }

    private sealed class ServiceCarrier(IGridSiloService service) : IBundleCarrier
    {
        public ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle) => service.ExecuteAsync(bundle);

        public ValueTask<BatchBundle> CollectAsync(long ticket) => service.CollectAsync(ticket);
    }
}
