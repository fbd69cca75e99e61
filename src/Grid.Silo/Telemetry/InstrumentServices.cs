using Microsoft.Extensions.DependencyInjection;

namespace Grid.Silo.Telemetry;

/// <summary>Everything that measures, as services of the silo's host.</summary>
internal static class InstrumentServices
{
    public static void AddGridInstruments(this IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<OperationMeter>();
        services.AddSingleton<ReplicationInstruments>();
        services.AddSingleton<TakeoverInstruments>();
        services.AddSingleton<SyncInstruments>();
        services.AddSingleton<LocalReadCounters>();
        services.AddSingleton<CopyInstruments>();
        services.AddSingleton<FrontInstruments>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static sp => sp.GetRequiredService<CopyInstruments>());
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static sp => sp.GetRequiredService<FrontInstruments>());
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, SeriesBegin>();
    }

    /// <summary>Begins, when the silo starts and whoever collects is there, what is not told of before it happens.</summary>
    private sealed class SeriesBegin(ReplicationInstruments replication, TakeoverInstruments takeovers) : ILifecycleParticipant<ISiloLifecycle>
    {
        public void Participate(ISiloLifecycle observer) => observer.Subscribe(
            nameof(SeriesBegin),
            ServiceLifecycleStage.RuntimeInitialize,
            _ =>
            {
                replication.Begin();
                takeovers.Begin();
                return Task.CompletedTask;
            });
    }
}
