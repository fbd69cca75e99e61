using Grid.Streams.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Runtime.Providers;
using Orleans.Streams;

namespace Grid.Streams;

/// <summary>Adds the grid's stream provider to a silo.</summary>
public static class GridStreamsHostingExtensions
{
    /// <summary>
    /// Adds a stream provider that carries items straight from the producing silo to grains with implicit subscriptions: in
    /// order, with back-pressure, without storage. Add it under the same name on every silo.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="name">The provider's name, for <c>GetStreamProvider</c> and for <see cref="IGridStreamControl"/>.</param>
    /// <param name="configure">Changes the defaults of <see cref="GridStreamOptions"/>; they are checked when the silo starts.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty.</exception>
    public static ISiloBuilder AddGridStreams(this ISiloBuilder builder, string name, Action<GridStreamOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        OptionsBuilder<GridStreamOptions> options = builder.Services.AddOptions<GridStreamOptions>(name);
        if (configure is not null)
            options.Configure(configure);

        builder.Services.AddSingleton<IConfigurationValidator>(sp => new OptionsValidator(name, OptionsOf(sp, name)));
        builder.Services.AddKeyedSingleton<IGridStreamControl>(name, static (sp, key) => AdapterOf(sp, (string)key!));
        builder.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(sp => AdapterOf(sp, name));
        return builder.AddPersistentStreams(name, CreateAdapter, Configure);
    }

    private static void Configure(ISiloPersistentStreamConfigurator configurator)
    {
        configurator.ConfigurePartitionBalancing(static (sp, name) => AdapterOf(sp, name).Balancer);
        configurator.ConfigureStreamPubSub(StreamPubSubType.ImplicitOnly);
        configurator.ConfigureBackoffProvider((Func<IServiceProvider, string, IMessageDeliveryBackoffProvider>)PausesOf);
        configurator.ConfigureBackoffProvider((Func<IServiceProvider, string, IQueueReaderBackoffProvider>)PausesOf);
        string provider = configurator.Name;
        configurator.ConfigurePullingAgent(agent => agent.Configure<IOptionsMonitor<GridStreamOptions>>((o, all) =>
        {
            GridStreamOptions bounds = all.Get(provider);
            o.MaxEventDeliveryTime = bounds.RetryTimeMax;
            o.StreamInactivityPeriod = bounds.IdleTimeMax;

            // Lanes wait for their bell; the timer only restarts a read after a nudge or a registration.
            o.GetQueueMsgsTimerPeriod = TimeSpan.FromMilliseconds(2);

            // The cursor merges what is waiting by itself.
            o.BatchContainerBatchSize = 1;
        }));
    }

    private static IQueueAdapterFactory CreateAdapter(IServiceProvider services, string name) => new GridStreamAdapter(
        name,
        OptionsOf(services, name),
        services.GetService<TimeProvider>() ?? TimeProvider.System,
        services.GetKeyedService<IGridStreamFaults>(name),
        services.GetRequiredService<ILogger<GridStreamAdapter>>());

    private static RetryPauses PausesOf(IServiceProvider services, string name)
    {
        GridStreamOptions options = OptionsOf(services, name);
        return new RetryPauses(options.RetryPauseMin, options.RetryPauseMax);
    }

    private static GridStreamOptions OptionsOf(IServiceProvider services, string name) =>
        services.GetRequiredService<IOptionsMonitor<GridStreamOptions>>().Get(name);

    private static GridStreamAdapter AdapterOf(IServiceProvider services, string name) =>
        (GridStreamAdapter)services.GetRequiredKeyedService<IQueueAdapterFactory>(name);

    private sealed class OptionsValidator(string name, GridStreamOptions options) : IConfigurationValidator
    {
        public void ValidateConfiguration()
        {
            if (options.FirstError() is { } error)
                throw new OrleansConfigurationException($"Stream provider \"{name}\": {error}");
        }
    }
}
