using Microsoft.Extensions.DependencyInjection;

namespace Grid.Silo.Services;

/// <summary>Work in the background as services of the silo's host.</summary>
internal static class SiloLoopServices
{
    /// <summary>Adds a loop, has it run with the silo, and has the silo's health look at it.</summary>
    public static void AddLoop<T>(this IServiceCollection services)
        where T : SiloLoop
    {
        services.AddSingleton<T>();
        services.AddSingleton<SiloLoop>(static sp => sp.GetRequiredService<T>());
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static sp => sp.GetRequiredService<T>());
    }
}
