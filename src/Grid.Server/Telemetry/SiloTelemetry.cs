using System.Reflection;
using Grid.Server.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Grid.Server.Telemetry;

/// <summary>Collects what a silo measures, traces and logs, and sends it where the configuration or the standard variables say.</summary>
internal static class SiloTelemetry
{
    private static readonly string[] Meters = ["Microsoft.Orleans", "System.Runtime"];

    /// <summary>Sets it up. What nobody wants is not collected.</summary>
    public static void Add(HostApplicationBuilder builder, ServerSettings settings)
    {
        OtelVariables variables = OtelVariables.From(settings.Telemetry, Environment.GetEnvironmentVariables());
        builder.Configuration.AddInMemoryCollection(variables.All);
        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry().ConfigureResource(resource => Describe(resource, settings));
        bool scraped = settings.Telemetry.Prometheus && settings.Silo.HttpPort != 0;
        if (scraped || variables.Exports(OtelVariables.Signal.Metrics))
        {
            telemetry.WithMetrics(metrics =>
            {
                metrics.AddGridInstrumentation().AddMeter(Meters);
                if (scraped)
                    metrics.AddPrometheusExporter();
                if (variables.Exports(OtelVariables.Signal.Metrics))
                    metrics.AddOtlpExporter();
            });
        }

        if (variables.Exports(OtelVariables.Signal.Traces))
            telemetry.WithTracing(static traces => traces.AddGridInstrumentation().AddOtlpExporter());
        if (variables.Exports(OtelVariables.Signal.Logs))
        {
            telemetry.WithLogging(static logs => logs.AddOtlpExporter(), static options =>
            {
                options.IncludeFormattedMessage = true;
                options.IncludeScopes = true;
            });
        }
    }

    /// <summary>Names the process; the variables OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before.</summary>
    private static void Describe(ResourceBuilder resource, ServerSettings settings)
    {
        resource.AddService(
            "grid",
            serviceNamespace: settings.Silo.ClusterId,
            serviceVersion: Assembly.GetExecutingAssembly().GetName().Version?.ToString(3),
            serviceInstanceId: settings.Name);
        if (settings.Silo.Zone.Length > 0)
            resource.AddAttributes([new("grid.zone", settings.Silo.Zone)]);
        resource.AddEnvironmentVariableDetector();
    }
}
