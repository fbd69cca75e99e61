using Grid.Silo;

namespace Grid.Server.Telemetry;

/// <summary>How exported telemetry travels.</summary>
internal enum OtlpProtocol
{
    /// <summary>gRPC, mostly at port 4317.</summary>
    Grpc,

    /// <summary>Protocol buffers by HTTP, mostly at port 4318.</summary>
    HttpProtobuf,
}

/// <summary>Where metrics, traces and logs go: section <c>Telemetry</c>. The standard variables <c>OTEL_*</c> go before it.</summary>
internal sealed class TelemetrySettings
{
    public const string Section = "Telemetry";

    /// <summary>URL of a collector that metrics, traces and logs are sent to by OTLP; empty for none.</summary>
    [Setting]
    public string OtlpEndpoint { get; set; } = "";

    /// <summary>How they travel.</summary>
    [Setting]
    public OtlpProtocol OtlpProtocol { get; set; } = OtlpProtocol.Grpc;

    /// <summary>Headers that go with them, <c>NAME=VALUE</c> behind commas: mostly a key.</summary>
    [Setting(Secret = true)]
    public string OtlpHeaders { get; set; } = "";

    /// <summary>Whether <c>/metrics</c> on the silo's HTTP listener is served for Prometheus.</summary>
    [Setting]
    public bool Prometheus { get; set; } = true;
}
