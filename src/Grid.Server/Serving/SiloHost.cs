using Grid.Server.Configuration;
using Grid.Server.Stores;
using Grid.Server.Telemetry;
using Grid.Server.Web;
using Grid.Silo;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Orleans.Configuration;
using StackExchange.Redis;

namespace Grid.Server.Serving;

/// <summary>Puts a silo together from its settings.</summary>
internal static class SiloHost
{
    public static IHost Build(ServerSettings settings)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "grid" });
        builder.Configuration.AddConfiguration(settings.Configuration.Root);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.StopTimeMax);
        builder.Services.Configure<ConsoleLifetimeOptions>(static lifetime => lifetime.SuppressStatusMessages = true);
        AddLogging(builder);
        SiloTelemetry.Add(builder, settings);

        // Before the silo, so that it is up before that joins and until after it has left.
        builder.Services.AddHostedService<WebHost>();
        builder.UseOrleans(silo => Configure(silo, settings));
        builder.Services.AddSingleton(settings);
        builder.Services.AddHostedService<SettingsWatch>();
        return builder.Build();
    }

    private static void Configure(ISiloBuilder silo, ServerSettings settings)
    {
        silo.Configure<ClusterOptions>(cluster =>
        {
            cluster.ClusterId = settings.Silo.ClusterId;
            cluster.ServiceId = settings.Silo.ServiceId;
        });
        silo.Configure<SiloOptions>(options => options.SiloName = settings.Name);
        silo.ConfigureEndpoints(settings.Address, settings.Silo.SiloPort, settings.Silo.GatewayPort);
        switch (settings.Clustering.Provider)
        {
            case ClusteringProvider.Redis:
                ConfigurationOptions redis = ConfigurationOptions.Parse(settings.Clustering.ConnectionString);
                silo.UseRedisClustering(options => options.ConfigurationOptions = redis);

                // Orleans' provider writes by compare-and-set on the ETag, which is what the shard records rest on.
                silo.AddRedisGrainStorage(GridConstants.RecordStorage, options => options.ConfigurationOptions = redis);
                silo.Services.AddSingleton<IRecordStorageWarnings>(new RedisWarnings(settings.Clustering.ConnectionString));
                break;
            case ClusteringProvider.PostgreSql:
                UsePostgreSql(silo, settings.Clustering.ConnectionString);
                break;
            default:
                silo.UseDevelopmentClustering(settings.FirstSilo);
                silo.AddGridDevelopmentStorage(settings.FirstSilo);
                break;
        }

        silo.Configure<GridZoneOptions>(place => place.Zone = settings.Silo.Zone);
        silo.Configure<GridGraceOptions>(grace => grace.StopGraceSeconds = settings.Silo.StopGraceSeconds);
        silo.AddGrid(settings.ApplyTo);
    }

    private static void UsePostgreSql(ISiloBuilder silo, string connection)
    {
        string used = PostgreSqlStore.Connection(connection);
        silo.UseAdoNetClustering(options =>
        {
            options.Invariant = PostgreSqlStore.Invariant;
            options.ConnectionString = used;
        });
        silo.AddAdoNetGrainStorage(GridConstants.RecordStorage, options =>
        {
            options.Invariant = PostgreSqlStore.Invariant;
            options.ConnectionString = used;
        });
        silo.Services.AddSingleton<IRecordStorageWarnings>(new PostgreSqlWarnings(connection));
    }

    private static void AddLogging(HostApplicationBuilder builder)
    {
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddSimpleConsole(static console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss.fff ";
            console.ColorBehavior = Console.IsOutputRedirected ? LoggerColorBehavior.Disabled : LoggerColorBehavior.Default;
        });
    }
}
