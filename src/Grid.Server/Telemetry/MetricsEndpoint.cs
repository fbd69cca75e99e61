using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace Grid.Server.Telemetry;

/// <summary><c>/metrics</c>: everything measured, for Prometheus to scrape.</summary>
internal static class MetricsEndpoint
{
    private const string Path = "/metrics";

    /// <summary>Adds it to the silo's HTTP listener, unless it is switched off.</summary>
    /// <param name="endpoints">The listener's.</param>
    /// <param name="settings">The section <c>Telemetry</c>.</param>
    /// <param name="silo">The services of the silo's host.</param>
    public static void Map(IEndpointRouteBuilder endpoints, TelemetrySettings settings, IServiceProvider silo)
    {
        if (settings.Prometheus)
            endpoints.MapPrometheusScrapingEndpoint(Path, silo.GetRequiredService<MeterProvider>(), configureBranchedPipeline: null, optionsName: null);
    }
}
