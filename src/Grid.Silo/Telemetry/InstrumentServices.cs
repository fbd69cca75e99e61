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
    }
}
