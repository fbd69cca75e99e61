using System.Net;
using Grid.Client;
using Grid.Client.Local;
using Grid.Client.Pipelines;
using Grid.Silo.Copies;
using Grid.Silo.Elastic;
using Grid.Silo.Events;
using Grid.Silo.Examination;
using Grid.Silo.Fronts;
using Grid.Silo.Hosting;
using Grid.Silo.Placement;
using Grid.Silo.Records;
using Grid.Silo.Services;
using Grid.Silo.Snapshots;
using Grid.Silo.Telemetry;
using Grid.Storage;
using Grid.Streams;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Serialization;
using Orleans.Storage;

namespace Grid.Silo;

/// <summary>Makes an Orleans silo a silo of the grid.</summary>
public static class GridSiloExtensions
{
    internal const int VotesForDeath = 10;
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromMilliseconds(650);

    /// <summary>
    /// Adds the grid to a silo: shards and replicas, the stream provider that carries replication, and <c>IGrid</c> for
    /// the application's own grains and services. Clustering, before this call, and a grain storage named
    /// <see cref="GridOptions.RecordStorage"/> are the application's to add; <see cref="AddGridDevelopmentStorage"/> is one
    /// for development.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="configure">Changes the defaults of <see cref="GridOptions"/>; they are checked when the silo starts.</param>
    public static ISiloBuilder AddGrid(this ISiloBuilder builder, Action<GridOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        IServiceCollection services = builder.Services;
        OptionsBuilder<GridOptions> options = services.AddOptions<GridOptions>().ValidateOnStart();
        if (configure is not null)
            options.Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<GridOptions>, GridOptionsValidator>());

        services.AddSingleton(static sp => new PagePool(FreedMemory.Kept, sp.GetRequiredService<TimeProvider>()));
        services.AddSingleton<CopyHost>();
        services.AddSingleton<CopyClock>();
        services.AddSingleton<GridSettings>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddGridInstruments();
        services.AddGridEvents();
        services.AddSingleton<SyncPlaces>();
        services.AddSingleton<SyncPace>();
        services.AddSingleton<SnapshotFiles>();
        services.AddSingleton<BackgroundThreads>();
        services.AddSingleton<SyncServices>();
        services.AddSingleton<LeaseRenewals>();
        services.AddSingleton<SiloMembership>();
        services.AddSingleton<ShardRecordStore>();
        services.AddSingleton<RecordPromise>();
        services.AddSingleton<ClusterBootstrap>();
        services.AddSingleton<DevelopmentTable>();
        services.AddSingleton<ShardPolls>();
        services.AddLoop<ShardKeeper>();
        services.AddSingleton<DeathWatch>();
        DeathWatch.AddTo(services);
        services.AddOptions<GridZoneOptions>();
        services.AddOptions<GridGraceOptions>();
        services.AddSingleton<SiloExaminer>();
        services.AddSingleton<SiloRole>();
        services.AddLoop<SiloBook>();
        services.AddSingleton<HandOvers>();
        services.AddLoop<Rebalancer>();
        services.AddSingleton<Drainer>();
        services.AddLoop<CopyCheck>();
        services.AddLoop<SiloGreeter>();
        services.AddLoop<SiloPulse>();
        services.AddLoop<FreedMemory>();
        services.AddSingleton<FirstFill>();
        services.AddSingleton(static sp => new GridDrain(sp.GetRequiredService<Drainer>()));
        services.AddSingleton(static sp => new GridHealth(
            sp.GetRequiredService<SiloMembership>(),
            sp.GetRequiredService<SiloRole>(),
            sp.GetRequiredService<ShardKeeper>(),
            sp.GetRequiredService<SiloPulse>(),
            sp.GetRequiredService<FirstFill>(),
            [.. sp.GetServices<SiloLoop>()]));
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static sp => sp.GetRequiredService<Drainer>());
        services.AddGrainService<GridSiloService>();
        services.AddSingleton<IGridSiloServiceClient, GridSiloServiceClient>();
        services.AddPlacementDirector<SiloBoundPlacement, SiloBoundDirector>();
        services.AddPlacementDirector<ShardPlacement, ShardPlacementDirector>();

        services.AddSingleton<ILocalCopies, LocalCopies>();
        services.AddSingleton<LocalShards>();
        services.AddSingleton(static sp => new FrontCalls(TimeProvider.System));
        services.AddSingleton<SiloFront>();
        services.AddSingleton<SiloTransport>();
        services.AddSingleton<IGridTransport>(static sp => sp.GetRequiredService<SiloTransport>());
        services.AddLoop<ReignMap>();
        services.AddSingleton<AcknowledgementSender>();

        services.AddGridClient();
        builder.AddGridStreams(GridConstants.StreamProvider);
        StreamPatience.AddTo(services);
        builder.ConfigureForGrid();
        VotesOfTheLiving.AddTo(services);
        services.AddSingleton<IRecordStorageWarnings, MembershipWarnings>();
        return builder;
    }

    /// <summary>
    /// Keeps the shard records in the memory of the cluster's first silo, like Orleans' development membership. Other
    /// silos may die and come back; with the first one the cluster is gone. For development and tests only.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="firstSilo">Endpoint of the first silo, as in the development clustering.</param>
    /// <param name="name">Name of the storage.</param>
    public static ISiloBuilder AddGridDevelopmentStorage(this ISiloBuilder builder, IPEndPoint firstSilo, string name = GridConstants.RecordStorage)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(firstSilo);
        builder.Services.AddKeyedSingleton<IGrainStorage>(name, (sp, _) => new DevelopmentGrainStorage(
            firstSilo,
            sp.GetRequiredService<IClusterMembershipService>(),
            sp.GetRequiredService<IGridSiloServiceClient>(),
            sp.GetRequiredService<Serializer>()));
        builder.Services.AddSingleton<IRecordStorageWarnings, DevelopmentWarnings>();
        return builder;
    }

    /// <summary>
    /// What the grid needs of Orleans: a grain directory that survives the loss of a silo without destroying grains on
    /// others (its waiting time is 0, since epochs fence, not the directory), quick detection of frozen and cut-off silos (dead
    /// ones are noticed by <see cref="DeathWatch"/>).
    /// </summary>
    /// <remarks>
    /// A probe is missed after 0.65 s and two are needed, of a majority of the silos: a starved machine or a long collection stops a process for some hundred
    /// milliseconds, seldom for a second, and a silo that is declared dead in error loses its copies.
    /// </remarks>
    private static void ConfigureForGrid(this ISiloBuilder builder)
    {
#pragma warning disable ORLEANSEXP003 // The distributed grain directory is marked experimental; with the default one a silo's death destroys grains on healthy silos.
        builder.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        builder.Services.Configure<GrainDirectoryOptions>(static directory => directory.RangeLeaseDuration = TimeSpan.Zero);
        builder.Services.Configure<ClusterMembershipOptions>(static membership =>
        {
            membership.ProbeTimeout = ProbeTimeout;
            membership.MinProbeTimeout = ProbeTimeout;
            membership.MaxProbeTimeout = ProbeTimeout;
            membership.NumMissedProbesLimit = 2;

            // Who is dead is decided by a majority of the living (fewer votes are needed in a cluster that is too small for this many): when a cluster is
            // cut in two, two votes would let each side declare the other one dead, and with it all copies of some shards.
            membership.NumVotesForDeathDeclaration = VotesForDeath;
            membership.NumProbedSilos = VotesForDeath * 2;

            // A probe through another silo would count as a vote of that silo too, who may itself be dead by then, or on the same side of a cut.
            membership.EnableIndirectProbes = false;

            // Whose sign of life in the table is older than three times this has no vote on who is dead: when most silos die at once, the others
            // would wait for their votes.
            membership.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);

            // A silo that was declared dead while it was cut off hears nothing of it but from the table: it looks there every 5 s, not every minute,
            // in which its clients would be served by nobody.
            membership.TableRefreshTimeout = TimeSpan.FromSeconds(5);
        });
    }
}
