using Grid.Client;
using Grid.Server.Chaos.Faults;

namespace Grid.Server.Chaos;

/// <summary>What a run of chaos does.</summary>
internal sealed record ChaosOptions
{
    /// <summary>Silo processes.</summary>
    public int Silos { get; init; } = 5;

    /// <summary>Shards of the cluster.</summary>
    public int Shards { get; init; } = 32;

    /// <summary>Rounds, one after the other, each with keys of its own and the next seed.</summary>
    public int Rounds { get; init; } = 1;

    /// <summary>For how long faults go on, in each round.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Where everything at random comes from.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Whether faults overlap.</summary>
    public bool Overlap { get; init; }

    /// <summary>The faults to choose from.</summary>
    public IReadOnlyList<FaultKind> Faults { get; init; } = Enum.GetValues<FaultKind>();

    /// <summary>Clients, each with connections of its own.</summary>
    public int Clients { get; init; } = 3;

    /// <summary>Calls that each client has under way.</summary>
    public int Outstanding { get; init; } = 16;

    /// <summary>Calls per second of all clients.</summary>
    public int Rate { get; init; } = 1500;

    /// <summary>Writes per second beside them that are only checked for what was acknowledged, not kept; 0 for none.</summary>
    public int Flood { get; init; }

    /// <summary>Faults after which a round ends before its time; 0 for no bound.</summary>
    public int FaultsMax { get; init; }

    /// <summary>Keys.</summary>
    public int Keys { get; init; } = 150;

    /// <summary>What writes ask for.</summary>
    public Durability Durability { get; init; } = Durability.Replicated;

    /// <summary>Further keys of the silos' configuration.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>Gets the logs, and the history of a key that is wrong.</summary>
    public required string Folder { get; init; }
}
