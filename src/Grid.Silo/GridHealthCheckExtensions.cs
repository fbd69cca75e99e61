using Grid.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Grid.Silo;

/// <summary>The grid among an application's health checks.</summary>
public static class GridHealthCheckExtensions
{
    /// <summary>
    /// Adds a check of the silo in this host: healthy when it is ready, unhealthy when it hangs, and <paramref name="notReady"/> in between; its data say why.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="name">The check's name.</param>
    /// <param name="notReady">What it is while the silo is not ready: it joins, drains, or its copies do not serve yet.</param>
    /// <param name="tags">Tags to pick checks by.</param>
    public static IHealthChecksBuilder AddGrid(this IHealthChecksBuilder builder, string name = "grid", HealthStatus notReady = HealthStatus.Unhealthy, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(name, static services => new GridHealthCheck(services.GetRequiredService<GridHealth>()), notReady, tags));
    }
}
