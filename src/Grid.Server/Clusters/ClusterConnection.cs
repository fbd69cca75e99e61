using System.Data.Common;
using System.Diagnostics;
using Grid.Client;
using Grid.Client.Contracts.Operator;
using Grid.Server.Configuration;
using Grid.Server.Stores;
using Grid.Server.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using StackExchange.Redis;

namespace Grid.Server.Clusters;

/// <summary>A client of the cluster, for the time of one command.</summary>
internal sealed class ClusterConnection : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan CallTime = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(2);

    private readonly IHost _host;

    private ClusterConnection(IHost host, ConnectPlan plan)
    {
        _host = host;
        Plan = plan;
    }

    public ConnectPlan Plan { get; }

    public IGrid Grid => _host.Services.GetRequiredService<IGrid>();

    public IGridOperatorGrain Operator => _host.Services.GetRequiredService<IGrainFactory>().GetGrain<IGridOperatorGrain>(0);

    public IServiceProvider Services => _host.Services;

    /// <summary>Connects within the plan's time.</summary>
    /// <exception cref="CommandException">No silo answers.</exception>
    public static async Task<ClusterConnection> OpenAsync(ConnectPlan plan, CancellationToken cancellation)
    {
        IHost host = Build(plan);
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(plan.Timeout);
        try
        {
            await host.StartAsync(deadline.Token);
            return new ClusterConnection(host, plan);
        }
        catch (Exception failure) when (!cancellation.IsCancellationRequested && failure is OrleansException or OperationCanceledException or TimeoutException or RedisException or DbException)
        {
            host.Dispose();
            throw new CommandException(
                ExitCode.Unreachable,
                $"no silo of cluster '{plan.ClusterId}' answers at {plan.Target} within {plan.Timeout.TotalSeconds} s ({failure.Message.TrimEnd('.')}). Start one with 'grid serve', or name a running one with --gateway HOST:PORT.",
                failure);
        }
    }

    public async ValueTask DisposeAsync()
    {
        using CancellationTokenSource deadline = new(StopTime);
        await _host.StopAsync(deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _host.Dispose();
    }

    private static IHost Build(ConnectPlan plan)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "grid" });
        builder.Services.Configure<ConsoleLifetimeOptions>(static lifetime => lifetime.SuppressStatusMessages = true);
        if (plan.Verbose)
            builder.Logging.SetMinimumLevel(LogLevel.Warning).AddSimpleConsole().AddConsole(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        ToolTelemetry.Add(builder, plan.ClusterId);
        long began = Stopwatch.GetTimestamp();
        builder.UseOrleansClient(client =>
        {
            client.Configure<ClusterOptions>(cluster =>
            {
                cluster.ClusterId = plan.ClusterId;
                cluster.ServiceId = plan.ServiceId;
            });
            client.Configure<ClientMessagingOptions>(static messaging => messaging.ResponseTimeout = CallTime);
            if (plan.Gateways.Count > 0)
                client.UseStaticClustering([.. plan.Gateways]);
            else if (plan.Provider == ClusteringProvider.PostgreSql)
                client.UseAdoNetClustering(options =>
                {
                    options.Invariant = PostgreSqlStore.Invariant;
                    options.ConnectionString = PostgreSqlStore.Connection(plan.StoreConnection);
                });
            else
                client.UseRedisClustering(options => options.ConfigurationOptions = ConfigurationOptions.Parse(plan.StoreConnection));
            client.UseConnectionRetryFilter(async (_, stopping) =>
            {
                await Task.Delay(Pause, stopping);
                return Stopwatch.GetElapsedTime(began) < plan.Timeout;
            });
            client.AddGridClient(options => options.Timeout = plan.Timeout);
        });
        return builder.Build();
    }
}
