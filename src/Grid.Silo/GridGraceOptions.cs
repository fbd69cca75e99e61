namespace Grid.Silo;

/// <summary>What is known of whatever runs the silo. Changes nothing; for those who check.</summary>
public sealed class GridGraceOptions
{
    /// <summary>How long it waits after SIGTERM before it kills the silo, in seconds. Default 0: not known.</summary>
    public int StopGraceSeconds { get; set; }
}
