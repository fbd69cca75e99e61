namespace Grid.Server.Chaos;

/// <summary>What a run of chaos does.</summary>
internal sealed record ChaosOptions
{
    /// <summary>Silo processes.</summary>
    public int Silos { get; init; } = 5;

    /// <summary>Shards of the cluster.</summary>
    public int Shards { get; init; } = 32;

    /// <summary>Rounds, one after the other, each with keys of its own.</summary>
    public IReadOnlyList<RoundPlan> Rounds { get; init; } = [];

    /// <summary>Clients, each with connections of its own.</summary>
    public int Clients { get; init; } = 3;

    /// <summary>Calls that each client has under way.</summary>
    public int Outstanding { get; init; } = 16;

    /// <summary>Calls per second of all clients.</summary>
    public int Rate { get; init; } = 1500;

    /// <summary>Writes per second beside them that are only checked for what was acknowledged, not kept; 0 for none.</summary>
    public int Flood { get; init; }

    /// <summary>Keys.</summary>
    public int Keys { get; init; } = 150;

    /// <summary>Further keys of the silos' configuration.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>Gets the logs, and the history of a key that is wrong.</summary>
    public required string Folder { get; init; }
}
