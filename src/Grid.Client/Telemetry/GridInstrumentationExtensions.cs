using Grid.Client.Telemetry;

namespace OpenTelemetry.Metrics
{
    /// <summary>Collects what the grid measures.</summary>
    public static class GridMeterProviderBuilderExtensions
    {
        /// <summary>Collects the meter <see cref="GridTelemetry.MeterName"/>: in a client its calls, in a silo shards, copies and replication as well.</summary>
        /// <param name="builder">The builder.</param>
        public static MeterProviderBuilder AddGridInstrumentation(this MeterProviderBuilder builder)
        {
            ArgumentNullException.ThrowIfNull(builder);
            return builder.AddMeter(GridTelemetry.MeterName);
        }
    }
}

namespace OpenTelemetry.Trace
{
    /// <summary>Collects the traces of the grid.</summary>
    public static class GridTracerProviderBuilderExtensions
    {
        /// <summary>Collects the source <see cref="GridTelemetry.ActivitySourceName"/>: calls, batches, shards, acknowledgements, syncs.</summary>
        /// <param name="builder">The builder.</param>
        public static TracerProviderBuilder AddGridInstrumentation(this TracerProviderBuilder builder)
        {
            ArgumentNullException.ThrowIfNull(builder);
            return builder.AddSource(GridTelemetry.ActivitySourceName);
        }
    }
}
