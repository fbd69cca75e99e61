using System.Net;
using Grid.Silo;

namespace Grid.Server.Bench.Sync;

/// <summary>What <c>bench sync</c> measures.</summary>
internal sealed record SyncBenchOptions
{
    /// <summary>The data.</summary>
    public DataSet Data { get; init; } = DataSet.All[0];

    /// <summary>Share of the set that is used, above 0 to 1. Default 1.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>How snapshots travel. Default Lz4.</summary>
    public ReplicationCompression Compression { get; init; } = ReplicationCompression.Lz4;

    /// <summary>Sets per second that go on meanwhile. Default 5,000.</summary>
    public int Foreground { get; init; } = 5000;

    /// <summary>For how long the foreground is measured before a sync.</summary>
    public TimeSpan Before { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Full syncs of the grid whose median counts, each of dropped replicas. Default 3.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>Whether redis-server is measured too.</summary>
    public bool Redis { get; init; } = true;

    /// <summary>Further keys of the silos' configuration, as KEY=VALUE.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>A folder for the silos' logs; null for none.</summary>
    public string? Logs { get; init; }

    /// <summary>Where the primary's side listens.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>Where the replica's side listens.</summary>
    public IPAddress ReplicaAddress { get; init; } = IPAddress.Loopback;

    /// <summary>The command under which the replica's side is run; may be empty.</summary>
    public IReadOnlyList<string> ReplicaWithin { get; init; } = [];

    /// <summary>Records in use.</summary>
    public long Records => Math.Max(1, (long)(Data.Records * Scale));
}
