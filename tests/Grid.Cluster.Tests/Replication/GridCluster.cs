using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grid.Replication.Copies;
using Grid.Replication.Records;
using Grid.Silo;
using Grid.Silo.Copies;
using Grid.Silo.Grains;
using Grid.Silo.Placement;
using Grid.Silo.Services;
using Grid.Streams;
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
    private static readonly TimeSpan StartTime = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan StopTime = TimeSpan.FromMinutes(2);

    private readonly InProcessTestCluster _cluster;

    private GridCluster(InProcessTestCluster cluster, int shards, Counters counters)
    {
        _cluster = cluster;
        Shards = shards;
        Counters = counters;
    }

    /// <summary>The settings of a small cluster in which things happen quickly, one member beside the primary asked for.</summary>
    public static Action<GridOptions> Small(int shards, int replicas = 1) => options =>
    {
        options.ShardCount = shards;
        options.Replicas = replicas;
        options.MinInSync = 1;
        options.SyncWindowMs = 20;
        options.ReplicaTimeoutMs = 1000;
    };

    public int Shards { get; }

    /// <summary>What replication counted, on all silos together.</summary>
    public Counters Counters { get; }

    public IClusterClient Client => _cluster.Client;

    public IReadOnlyList<InProcessSiloHandle> Silos => _cluster.Silos;

    public static async Task<GridCluster> StartAsync(short silos, Action<GridOptions> configure, IGridStreamFaults? faults = null)
    {
        TestRecordStorage records = new();
        Counters counters = new();
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
            silo.Services.AddSingleton<IMeterFactory>(counters);
            if (faults is not null)
                silo.Services.AddKeyedSingleton(GridConstants.StreamProvider, faults);
            silo.AddGrid(o =>
            {
                // Tests that say nothing of it mean the copies to stay where they are.
                o.Rebalance = false;
                o.DrainMs = 0;
                o.BootstrapSilos = silos;
                configure(o);
            });
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
        await Until.OverAsync("the silos start", cluster.DeployAsync(), StartTime);
        return new GridCluster(cluster, options.ShardCount, counters);
    }

    /// <summary>Ends a silo as a crash would: no goodbyes.</summary>
    public Task KillAsync(InProcessSiloHandle silo) => Until.OverAsync($"silo {silo.SiloAddress} is killed", _cluster.KillSiloAsync(silo));

    /// <summary>Ends a silo as a host does that is told to stop.</summary>
    public Task StopAsync(InProcessSiloHandle silo) => Until.OverAsync($"silo {silo.SiloAddress} stops", _cluster.StopSiloAsync(silo));

    public Task<InProcessSiloHandle> StartSiloAsync() => _cluster.StartAdditionalSiloAsync().WaitAsync(StartTime, TestContext.Current.CancellationToken);

    public IServiceProvider ServicesOf(InProcessSiloHandle silo) => _cluster.GetSiloServiceProvider(silo.SiloAddress);

    /// <summary>All copies of a shard, as the silos hold them.</summary>
    public IEnumerable<HostedCopy> CopiesOf(int shard) =>
        Silos.Select(silo => ServicesOf(silo).GetRequiredService<CopyHost>().Find(shard)).OfType<HostedCopy>();

    /// <summary>The copies of a shard, who works on them, and which are in sync: for messages.</summary>
    public string Describe(int shard)
    {
        HostedCopy[] hosted = [.. CopiesOf(shard)];
        return $"in sync are {string.Join(", ", InSync(hosted))}; copies: "
            + string.Join(", ", hosted.Select(static copy => $"{copy.Copy.Name} {copy.Copy.State}, {(copy.Primary is not null ? "primary" : copy.Replica is not null ? "replica" : "idle")}"));
    }

    /// <summary>The content digests of a shard's copies.</summary>
    public async Task<IReadOnlyList<(string Silo, long Offset, string Digest)>> DigestAsync(int shard)
    {
        List<(string Silo, long Offset, string Digest)> digests = [];
        foreach (InProcessSiloHandle silo in Silos)
        {
            IGridSiloServiceClient client = ServicesOf(silo).GetRequiredService<IGridSiloServiceClient>();
            if (await client.At(silo.SiloAddress).DigestAsync(shard) is { } digest)
                digests.Add((digest.Silo, digest.Offset, digest.Problem ?? $"{digest.Digest} {digest.Sessions}"));
        }

        return digests;
    }

    private static CopyName[] InSync(HostedCopy[] hosted)
    {
        HostedCopy? reigning = hosted.FirstOrDefault(static copy => copy.Primary is { IsDown: false });
        return reigning?.Use(_ => reigning.Primary?.Record.InSync.ToArray()) ?? [];
    }

    /// <summary>True when every shard has a primary and an in-sync set of <paramref name="copies"/> copies that are there.</summary>
    public bool IsWhole(int copies, out string state)
    {
        for (int shard = 0; shard < Shards; shard++)
        {
            HostedCopy[] hosted = [.. CopiesOf(shard)];
            CopyName[] inSync = InSync(hosted);
            int there = inSync.Count(name => hosted.Any(copy => copy.Copy.Name == name));
            if (inSync.Length != copies || there != copies)
            {
                state = $"shard {shard} has {inSync.Length} of {copies} copies in sync, {there} of them are there\n{Counters}";
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

    /// <summary>Waits until a shard's copies are at the same offset with the same content.</summary>
    public async Task UntilDigestsAreEqualAsync(int copies)
    {
        for (int shard = 0; shard < Shards; shard++)
        {
            IReadOnlyList<(string Silo, long Offset, string Digest)> digests = [];
            for (long start = Stopwatch.GetTimestamp(); digests.Count != copies || digests.Select(digest => (digest.Offset, digest.Digest)).Distinct().Count() != 1;)
            {
                if (Stopwatch.GetElapsedTime(start) > Until.Limit)
                    Assert.Fail($"After {Until.Limit.TotalSeconds} s the copies of shard {shard} differ: {string.Join("; ", digests)}\n{Counters}");
                digests = await DigestAsync(shard);
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }
        }
    }

    /// <summary>The silo on which a shard's primary reigns.</summary>
    public InProcessSiloHandle PrimaryOf(int shard) =>
        Silos.First(silo => ServicesOf(silo).GetRequiredService<CopyHost>().Find(shard)?.Primary is { IsDown: false });

    /// <summary>The silos with a replica of a shard.</summary>
    public IReadOnlyList<InProcessSiloHandle> ReplicasOf(int shard) =>
        [.. Silos.Where(silo => ServicesOf(silo).GetRequiredService<CopyHost>().Find(shard) is { } copy && copy.Primary is not { IsDown: false })];

    /// <summary>The copy of a shard on a silo.</summary>
    public ShardCopy CopyOn(int shard, InProcessSiloHandle silo) => ServicesOf(silo).GetRequiredService<CopyHost>().Find(shard)!.Copy;

    /// <summary>Throws a replica's copy away, as an operator may; its replica comes back for a full sync.</summary>
    public async Task DropReplicaAsync(int shard, InProcessSiloHandle silo)
    {
        string? problem = await ServicesOf(silo).GetRequiredService<IGridSiloServiceClient>().At(silo.SiloAddress).DropReplicaAsync(shard);
        Assert.Null(problem);
        await ReplicaGrainOf(shard, silo).FollowAsync(epoch: 0, endedAttach: 0);
    }

    /// <summary>Asks a silo's replica to follow the primary of an epoch, as that primary does.</summary>
    public Task FollowAsync(int shard, InProcessSiloHandle silo, long epoch) => ReplicaGrainOf(shard, silo).FollowAsync(epoch, endedAttach: 0);

    /// <summary>Ends a replica's activation; its copy stays.</summary>
    public Task DeactivateReplicaAsync(int shard, InProcessSiloHandle silo) => _cluster.DeactivateAsync(ReplicaGrainOf(shard, silo));

    public async ValueTask DisposeAsync()
    {
        Counters.Dispose();
        await _cluster.DisposeAsync().AsTask().WaitAsync(StopTime);
    }

    /// <summary>Of a silo's own, since the contract is not the clients'.</summary>
    private IReplicaGrain ReplicaGrainOf(int shard, InProcessSiloHandle silo) =>
        ServicesOf(silo).GetRequiredService<IGrainFactory>().GetGrain<IReplicaGrain>(SiloBoundKey.ForReplica(shard, silo.SiloAddress.ToParsableString()));
}
