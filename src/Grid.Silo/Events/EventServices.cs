using Grid.Silo.Services;
using Microsoft.Extensions.DependencyInjection;

namespace Grid.Silo.Events;

/// <summary>What keeps for operators what happened, as services of the silo's host.</summary>
internal static class EventServices
{
    public static void AddGridEvents(this IServiceCollection services)
    {
        services.AddSingleton(static sp => new EventRing(sp.GetRequiredService<ILocalSiloDetails>(), sp.GetRequiredService<TimeProvider>()));
        services.AddSingleton<Troubles>();
        services.AddLoop<MembershipEvents>();
        services.AddLoop<SiloSampler>();
    }
}
