namespace Grid.Client.Telemetry;

/// <summary>Names under which the grid reports what it does: one meter and one source of traces, in clients and silos.</summary>
public static class GridTelemetry
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Grid";

    /// <summary>Name of the activity source.</summary>
    public const string ActivitySourceName = "Grid";

    /// <summary>The name that stands for all keyspaces beyond the first <see cref="KeyspacesNamedMax"/> that a process saw.</summary>
    public const string OtherKeyspaces = "_other";

    /// <summary>Keyspaces that have measurements of their own: a bound on what names of keyspaces can cost whoever collects them.</summary>
    public const int KeyspacesNamedMax = 64;
}
