using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Grid.Server.Telemetry;

/// <summary>
/// Traces what a verb asks of the cluster, where the standard variables of OpenTelemetry say where to send it: a write by hand is then seen from
/// the tool to the replicas' acknowledgement.
/// </summary>
internal static class ToolTelemetry
{
    /// <summary>Sets it up. Nothing is done where nobody asks for it.</summary>
    public static void Add(HostApplicationBuilder builder, string clusterId)
    {
        OtelVariables variables = OtelVariables.From(new TelemetrySettings(), Environment.GetEnvironmentVariables());
        if (!variables.Exports(OtelVariables.Signal.Traces))
            return;
        builder.Configuration.AddInMemoryCollection(variables.All);
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource
                .AddService("grid-tool", serviceNamespace: clusterId, serviceInstanceId: Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
                .AddEnvironmentVariableDetector())
            .WithTracing(static traces => traces.AddGridInstrumentation().AddOtlpExporter());
    }
}
