using System.Diagnostics.Metrics;
using Grid.Client.Bundles;
using Grid.Client.Hosting;
using Grid.Client.Keyspaces;
using Grid.Client.Local;
using Grid.Client.Pipelines;
using Grid.Client.Serialization;
using Grid.Client.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Serialization;

namespace Grid.Client;

/// <summary>Brings <see cref="IGrid"/> into a host.</summary>
public static class GridClientExtensions
{
    /// <summary>
    /// Registers <see cref="IGrid"/> in a host that is an Orleans client (<c>UseOrleansClient</c>). Nothing is sent before the
    /// first call on a keyspace.
    /// </summary>
    /// <param name="builder">The client's builder.</param>
    /// <param name="configure">Changes the options; they are validated when the host starts.</param>
    public static IClientBuilder AddGridClient(this IClientBuilder builder, Action<GridClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddGridClient(configure);
        return builder;
    }

    /// <summary>As <see cref="AddGridClient(IClientBuilder, Action{GridClientOptions}?)"/>, for a host whose Orleans client is set up elsewhere.</summary>
    /// <param name="builder">The host's builder.</param>
    /// <param name="configure">Changes the options; they are validated when the host starts.</param>
    public static IHostApplicationBuilder AddGridClient(this IHostApplicationBuilder builder, Action<GridClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddGridClient(configure);
        return builder;
    }

    /// <summary>
    /// Registers <see cref="IGrid"/> over the <see cref="IGrainFactory"/> of the container: that of an Orleans client, or, in a
    /// silo, the silo's own. May be called more than once; the options add up.
    /// </summary>
    /// <param name="services">The container.</param>
    /// <param name="configure">Changes the options; they are validated when the host starts.</param>
    public static IServiceCollection AddGridClient(this IServiceCollection services, Action<GridClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        OptionsBuilder<GridClientOptions> options = services.AddOptions<GridClientOptions>().ValidateOnStart();
        if (configure is not null)
            options.Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<GridClientOptions>, GridClientOptionsValidator>());
        services.AddMetrics();
        services.TryAddSingleton<IGrid>(static provider => Make(provider));
        if (!services.Any(static service => service.ServiceType == typeof(GatewayAlarm)))
        {
            services.AddSingleton<GatewayAlarm>();
            services.AddSingleton<GatewayCountChangedHandler>(static provider => provider.GetRequiredService<GatewayAlarm>().OnCountChanged);
        }

        services.PostConfigure<GatewayOptions>(LookForGatewaysOften);
        services.PostConfigure<ConnectionOptions>(GiveUpDeadHostsSoon);
        return services;
    }

    /// <summary>
    /// A client that knows one gateway only, since the others came up later, stands still when that one dies until it looks for more: after 5 s, not
    /// after Orleans' minute. What the application has set itself stays.
    /// </summary>
    private static void LookForGatewaysOften(GatewayOptions gateways)
    {
        if (gateways.GatewayListRefreshPeriod == new GatewayOptions().GatewayListRefreshPeriod)
            gateways.GatewayListRefreshPeriod = TimeSpan.FromSeconds(5);
    }

    /// <summary>
    /// To a host that has vanished a connection is neither made nor refused, and messages wait for it: for 2 s, in which a first packet that was lost
    /// is sent again, not for Orleans' 5 s.
    /// </summary>
    private static void GiveUpDeadHostsSoon(ConnectionOptions connections)
    {
        if (connections.OpenConnectionTimeout == ConnectionOptions.DEFAULT_OPENCONNECTION_TIMEOUT)
            connections.OpenConnectionTimeout = TimeSpan.FromSeconds(2);
    }

    private static GridClient Make(IServiceProvider provider)
    {
        GridClientOptions options = provider.GetRequiredService<IOptions<GridClientOptions>>().Value;
        TimeProvider time = provider.GetService<TimeProvider>() ?? TimeProvider.System;
        IWorkQueue work = ThreadPoolWorkQueue.Instance;
        IGridTransport transport = provider.GetService<IGridTransport>()
            ?? new FrontTransport(provider.GetRequiredService<IGrainFactory>(), BundleSettings.From(options), work, time, provider.GetRequiredService<GatewayAlarm>());
        OperationDispatcher dispatcher = new(
            options, transport, transport, time, work, new Random(), localCopies: provider.GetService<ILocalCopies>(), meter: new ClientMeter(provider.GetService<IMeterFactory>()));
        return new GridClient(dispatcher, options.Serializer ?? new OrleansGridSerializer(provider.GetRequiredService<Serializer>()), transport);
    }
}
