namespace Grid.Silo;

/// <summary>Names under which the parts of a silo find each other.</summary>
public static class GridConstants
{
    /// <summary>The stream provider that carries replication.</summary>
    public const string StreamProvider = "grid";

    /// <summary>Namespace of the command streams; a stream's key is its replica grain's key.</summary>
    public const string CommandStreams = "grid-commands";

    /// <summary>Namespace of the snapshot streams; a stream's key is its replica grain's key.</summary>
    public const string SnapshotStreams = "grid-snapshots";

    /// <summary>Default name of the grain storage with the shard records.</summary>
    public const string RecordStorage = "grid";

    /// <summary>Section of the configuration.</summary>
    public const string ConfigurationSection = "Grid";
}
