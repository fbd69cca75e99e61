using Grid.Formats.Buffers;
using Grid.Streams;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Runtime.Placement;
using Orleans.Streams;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Streams;

/// <summary>Silos in this process with the grid's stream provider, which find out quickly that one of them is dead.</summary>
internal sealed class StreamCluster : IAsyncDisposable
{
    public const string Provider = "grid";

    private static readonly TimeSpan StopTime = TimeSpan.FromMinutes(2);

    private readonly InProcessTestCluster _cluster;

    private StreamCluster(InProcessTestCluster cluster) => _cluster = cluster;

    public IReadOnlyList<InProcessSiloHandle> Silos => _cluster.Silos;

    public static async Task<StreamCluster> StartAsync(
        short silos,
        Action<GridStreamOptions>? configure = null,
        IGridStreamFaults? faults = null)
    {
        var builder = new InProcessTestClusterBuilder(silos);
        builder.Options.ConfigureFileLogging = false;
#pragma warning disable ORLEANSEXP003 // The directory that the design asks for.
        builder.Options.UseDistributedGrainDirectory = true;
#pragma warning restore ORLEANSEXP003
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddGridStreams(Provider, configure);
            silo.Configure<GrainDirectoryOptions>(o => o.RangeLeaseDuration = TimeSpan.Zero);
            silo.Configure<ClusterMembershipOptions>(o =>
            {
                o.ProbeTimeout = o.MinProbeTimeout = o.MaxProbeTimeout = TimeSpan.FromMilliseconds(500);
                o.NumMissedProbesLimit = 2;
            });
            if (faults is not null)
                silo.Services.AddKeyedSingleton(Provider, faults);
        });
        InProcessTestCluster cluster = builder.Build();
        await Until.OverAsync("the silos start", cluster.DeployAsync(), TimeSpan.FromMinutes(1));
        return new StreamCluster(cluster);
    }

    /// <summary>The stream as silo number <paramref name="silo"/> produces it, from outside of any grain.</summary>
    public IAsyncStream<PooledBuffer> StreamFrom(int silo, string key) => StreamFrom(silo, IdOf(key));

    public IAsyncStream<PooledBuffer> StreamFrom(int silo, StreamId id) =>
        ServicesOf(silo).GetRequiredKeyedService<IStreamProvider>(Provider).GetStream<PooledBuffer>(id);

    public IGridStreamControl ControlOf(int silo) => ServicesOf(silo).GetRequiredKeyedService<IGridStreamControl>(Provider);

    public static StreamId IdOf(string key) => StreamId.Create(SinkGrain.Namespace, key);

    /// <summary>A stream in a namespace to which no grain class subscribes.</summary>
    public static StreamId UnconsumedIdOf(string key) => StreamId.Create("nobody", key);

    public IServiceProvider ServicesOf(int silo) => _cluster.GetSiloServiceProvider(Silos[silo].SiloAddress);

    public T GetGrain<T>(string key)
        where T : IGrainWithStringKey => _cluster.Client.GetGrain<T>(key);

    /// <summary>Activates the stream's consumer on silo number <paramref name="silo"/>.</summary>
    public async Task PlaceSinkAsync(string key, int silo)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, Silos[silo].SiloAddress);
        try
        {
            SiloAddress at = await GetGrain<ISinkGrain>(key).WhereAsync();
            Assert.Equal(Silos[silo].SiloAddress, at);
        }
        finally
        {
            RequestContext.Remove(IPlacementDirector.PlacementHintKey);
        }
    }

    public Task DeactivateSinkAsync(string key) => _cluster.DeactivateAsync(GetGrain<ISinkGrain>(key));

    public Task StopAsync(InProcessSiloHandle silo) => Until.OverAsync($"silo {silo.SiloAddress} is stopped", _cluster.StopSiloAsync(silo), StopTime);

    /// <summary>Ends a silo as a crash would: no goodbyes.</summary>
    public Task KillAsync(InProcessSiloHandle silo) => Until.OverAsync($"silo {silo.SiloAddress} is killed", _cluster.KillSiloAsync(silo));

    public ValueTask DisposeAsync() => new(_cluster.DisposeAsync().AsTask().WaitAsync(StopTime));
}
