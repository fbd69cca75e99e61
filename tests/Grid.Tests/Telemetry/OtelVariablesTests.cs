using System.Collections;
using Grid.Server.Telemetry;
using Xunit;

namespace Grid.Tests.Telemetry;

/// <summary>Standard variables over the section Telemetry.</summary>
public sealed class OtelVariablesTests
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    [Fact]
    public void Nothing_is_exported_where_nobody_says_whither()
    {
        OtelVariables variables = From(new TelemetrySettings());
        Assert.Empty(variables.All);
        Assert.All(Enum.GetValues<OtelVariables.Signal>(), signal => Assert.False(variables.Exports(signal)));
    }

    [Fact]
    public void The_file_says_whither_and_how()
    {
        OtelVariables variables = From(new TelemetrySettings { OtlpEndpoint = "http://collector:4318", OtlpProtocol = OtlpProtocol.HttpProtobuf, OtlpHeaders = "key=1" });
        Assert.Equal(("http://collector:4318", "http/protobuf", "key=1"), (variables.All[Endpoint], variables.All["OTEL_EXPORTER_OTLP_PROTOCOL"], variables.All["OTEL_EXPORTER_OTLP_HEADERS"]));
        Assert.All(Enum.GetValues<OtelVariables.Signal>(), signal => Assert.True(variables.Exports(signal)));
    }

    [Fact]
    public void The_environment_goes_before_the_file_and_other_variables_are_left_alone()
    {
        OtelVariables variables = From(new TelemetrySettings { OtlpEndpoint = "http://file:4317" }, (Endpoint, "http://environment:4317"), ("PATH", "/bin"));
        Assert.Equal("http://environment:4317", variables.All[Endpoint]);
        Assert.DoesNotContain("PATH", variables.All.Keys);
    }

    [Fact]
    public void A_kind_can_be_left_out_or_be_the_only_one()
    {
        OtelVariables without = From(new TelemetrySettings { OtlpEndpoint = "http://file:4317" }, ("OTEL_TRACES_EXPORTER", "none"));
        Assert.False(without.Exports(OtelVariables.Signal.Traces));
        Assert.True(without.Exports(OtelVariables.Signal.Logs));
        OtelVariables only = From(new TelemetrySettings(), ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://environment:4318/v1/metrics"));
        Assert.True(only.Exports(OtelVariables.Signal.Metrics));
        Assert.False(only.Exports(OtelVariables.Signal.Traces));
    }

    private static OtelVariables From(TelemetrySettings settings, params (string Name, string Value)[] environment) =>
        OtelVariables.From(settings, new Hashtable(environment.ToDictionary(static variable => variable.Name, static variable => variable.Value)));
}
