using Microsoft.Extensions.DependencyInjection;

namespace Grid.Silo.Events;

/// <summary>What keeps for operators what happened, as services of the silo's host.</summary>
internal static class EventServices
{
    public static void AddGridEvents(this IServiceCollection services)
    {
        services.AddSingleton(static sp => new EventRing(sp.GetRequiredService<ILocalSiloDetails>(), sp.GetRequiredService<TimeProvider>()));
        services.AddSingleton<Troubles>();
        services.AddSingleton<MembershipEvents>();
        services.AddSingleton<SiloSampler>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static sp => sp.GetRequiredService<MembershipEvents>());
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static sp => sp.GetRequiredService<SiloSampler>());
    }
}
