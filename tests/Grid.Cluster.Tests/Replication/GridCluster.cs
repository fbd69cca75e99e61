using Grid.Silo;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Storage;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>Silos of the grid in this process, whose records outlive them all, and which find out quickly that one is dead.</summary>
internal sealed class GridCluster : IAsyncDisposable
{
    private readonly InProcessTestCluster _cluster;

    private GridCluster(InProcessTestCluster cluster, int shards)
    {
        _cluster = cluster;
        Shards = shards;
    }

    public int Shards { get; }

    public IClusterClient Client => _cluster.Client;

    public IReadOnlyList<InProcessSiloHandle> Silos => _cluster.Silos;

    public static async Task<GridCluster> StartAsync(short silos, Action<GridOptions> configure, Action<IServiceCollection>? services = null)
    {
        TestRecordStorage records = new();
        GridOptions options = new();
        configure(options);
        InProcessTestClusterBuilder builder = new(silos);
        builder.Options.ConfigureFileLogging = false;
#pragma warning disable ORLEANSEXP003 // The directory that the design asks for.
        builder.Options.UseDistributedGrainDirectory = true;
#pragma warning restore ORLEANSEXP003
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddKeyedSingleton<IGrainStorage>(GridConstants.RecordStorage, records);
            silo.AddGrid(o =>
            {
                configure(o);
                o.BootstrapSilos = silos;
            });
            services?.Invoke(silo.Services);
            silo.Configure<ClusterMembershipOptions>(o =>
                o.ProbeTimeout = o.MinProbeTimeout = o.MaxProbeTimeout = TimeSpan.FromMilliseconds(500));
            silo.ConfigureLogging(logging =>
            {
                logging.ClearProviders();
                logging.SetMinimumLevel(LogLevel.Warning);
                if (Environment.GetEnvironmentVariable("GRID_TEST_LOG") is { } file)
                {
                    logging.AddFilter("Grid", LogLevel.Information);
                    logging.AddProvider(new FileLog(file));
                }
            });
        });
        InProcessTestCluster cluster = builder.Build();
        await cluster.DeployAsync();
        return new GridCluster(cluster, options.ShardCount);
    }

    /// <summary>Ends a silo as a crash would: no goodbyes.</summary>
    public Task KillAsync(InProcessSiloHandle silo) => _cluster.KillSiloAsync(silo);

    public Task<InProcessSiloHandle> StartSiloAsync() => _cluster.StartAdditionalSiloAsync();

    public IServiceProvider ServicesOf(InProcessSiloHandle silo) => _cluster.GetSiloServiceProvider(silo.SiloAddress);

    /// <summary>All copies of a shard, as the silos hold them.</summary>
    public IEnumerable<HostedCopy> CopiesOf(int shard) =>
        Silos.Select(silo => ServicesOf(silo).GetRequiredService<CopyHost>().Find(shard)).OfType<HostedCopy>();

    /// <summary>The content digests of a shard's copies.</summary>
    public async Task<IReadOnlyList<(string Silo, long Offset, string Digest)>> DigestAsync(int shard)
    {
        List<(string Silo, long Offset, string Digest)> digests = [];
        foreach (InProcessSiloHandle silo in Silos)
        {
            IGridSiloServiceClient client = ServicesOf(silo).GetRequiredService<IGridSiloServiceClient>();
            if (await client.At(silo.SiloAddress).DigestAsync(shard) is { } digest)
                digests.Add((digest.Silo, digest.Offset, digest.Problem ?? digest.Digest));
        }

        return digests;
    }

    /// <summary>True when every shard has a primary and an in-sync set of <paramref name="copies"/> copies.</summary>
    public bool IsWhole(int copies, out string state)
    {
        for (int shard = 0; shard < Shards; shard++)
        {
            HostedCopy? reigning = CopiesOf(shard).FirstOrDefault(copy => copy.Primary is { IsDown: false });
            int inSync = reigning?.Use(_ => reigning.Primary?.Record.InSync.Length ?? 0) ?? 0;
            if (inSync != copies)
            {
                state = $"shard {shard} has {inSync} of {copies} copies in sync";
                return false;
            }
        }

        state = "whole";
        return true;
    }

    public async Task UntilWholeAsync(int copies)
    {
        string state = "";
        await Until.TrueAsync(() => IsWhole(copies, out state), () => state);
    }

    /// <summary>Waits until all copies of each shard have the same contents at the same offset.</summary>
    public async Task UntilDigestsAreEqualAsync(int copies)
    {
        for (int shard = 0; shard < Shards; shard++)
        {
            IReadOnlyList<(string Silo, long Offset, string Digest)> digests = [];
            bool equal = false;
            for (int attempt = 0; !equal && attempt < 200; attempt++)
            {
                digests = await DigestAsync(shard);
                equal = digests.Count == copies && digests.Select(digest => (digest.Offset, digest.Digest)).Distinct().Count() == 1;
                if (!equal)
                    await Task.Delay(25, TestContext.Current.CancellationToken);
            }

            Assert.True(equal, $"shard {shard}: {string.Join("; ", digests)}");
        }
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();
}
