using System.Collections;

namespace Grid.Server.Telemetry;

/// <summary>
/// The standard variables of OpenTelemetry, as the SDK wants to find them in the host's configuration: those of the environment, and
/// what the section <c>Telemetry</c> says where they say nothing.
/// </summary>
internal sealed class OtelVariables
{
    private const string Prefix = "OTEL_";
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const string Headers = "OTEL_EXPORTER_OTLP_HEADERS";

    private OtelVariables(Dictionary<string, string?> all) => All = all;

    /// <summary>Kinds of telemetry, as the variables name them.</summary>
    public enum Signal
    {
        /// <summary>Metrics.</summary>
        Metrics,

        /// <summary>Traces.</summary>
        Traces,

        /// <summary>Logs.</summary>
        Logs,
    }

    /// <summary>All of them.</summary>
    public IReadOnlyDictionary<string, string?> All { get; }

    /// <summary>Lays the environment over the settings.</summary>
    public static OtelVariables From(TelemetrySettings settings, IDictionary environment)
    {
        Dictionary<string, string?> all = new(StringComparer.OrdinalIgnoreCase);
        if (settings.OtlpEndpoint.Length > 0)
        {
            all[Endpoint] = settings.OtlpEndpoint;
            all[Protocol] = settings.OtlpProtocol == OtlpProtocol.Grpc ? "grpc" : "http/protobuf";
        }

        if (settings.OtlpHeaders.Length > 0)
            all[Headers] = settings.OtlpHeaders;
        foreach (DictionaryEntry variable in environment)
        {
            if (variable.Key is string name && name.StartsWith(Prefix, StringComparison.Ordinal))
                all[name] = (string?)variable.Value;
        }

        return new OtelVariables(all);
    }

    /// <summary>Whether a kind is to be exported: there is somewhere to send it, and <c>OTEL_*_EXPORTER</c> is not <c>none</c>.</summary>
    public bool Exports(Signal signal)
    {
        string name = signal.ToString().ToUpperInvariant();
        bool somewhere = Has(Endpoint) || Has($"OTEL_EXPORTER_OTLP_{name}_ENDPOINT");
        return somewhere && !string.Equals(All.GetValueOrDefault($"OTEL_{name}_EXPORTER"), "none", StringComparison.OrdinalIgnoreCase);
    }

    private bool Has(string name) => !string.IsNullOrWhiteSpace(All.GetValueOrDefault(name));
}
