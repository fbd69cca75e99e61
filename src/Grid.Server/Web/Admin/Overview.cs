using Grid.Client.Contracts.Operator;
using SiloStatus = Grid.Client.Contracts.Operator.SiloStatus;

namespace Grid.Server.Web.Admin;

/// <summary>The cluster at one moment as the page draws it. Silos are named by their place in <see cref="Silos"/>: a cluster has many shards.</summary>
internal sealed record Overview
{
    public required string Cluster { get; init; }

    /// <summary>The silo that answers, by name.</summary>
    public required string ServedBy { get; init; }

    public required string Version { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>Copies wanted beside the primary's.</summary>
    public required int Replicas { get; init; }

    /// <summary>False when no token is configured: the page only shows.</summary>
    public required bool Actions { get; init; }

    public required IReadOnlyList<SiloStatus> Silos { get; init; }

    public required IReadOnlyList<ShardView> Shards { get; init; }

    public required IReadOnlyList<KeyspaceReport> Keyspaces { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }

    public RebalanceStatus? Rebalance { get; init; }

    /// <summary>Silos that died lately and are not back, by name.</summary>
    public required IReadOnlyList<LostSilo> Lost { get; init; }

    /// <summary>Lays a status out.</summary>
    public static IReadOnlyList<ShardView> ViewsOf(ClusterStatus status)
    {
        Dictionary<string, int> places = status.Silos.Select(static (silo, place) => (silo.Address, place)).ToDictionary(static silo => silo.Address, static silo => silo.place);
        return [.. status.Shards.Select(shard => ShardView.Of(shard, places))];
    }
}

/// <summary>A silo that died.</summary>
internal sealed record LostSilo(string Name, string Address, DateTimeOffset Time)
{
    /// <summary>Those of the events that are not back: neither by name nor at their endpoint.</summary>
    public static IReadOnlyList<LostSilo> Of(EventPage deaths, IReadOnlyList<SiloStatus> living) =>
    [
        .. deaths.Events
            .Where(dead => !living.Any(silo => silo.Name == dead.AboutName || EndpointOf(silo.Address) == EndpointOf(dead.About)))
            .DistinctBy(static dead => dead.AboutName)
            .Select(static dead => new LostSilo(dead.AboutName, dead.About, dead.Time)),
    ];

    private static string EndpointOf(string address) => address.Split('@')[0];
}

/// <summary>One shard in the picture.</summary>
internal sealed record ShardView
{
    public required int Shard { get; init; }

    public required long Epoch { get; init; }

    /// <summary>The primary's silo; -1 while there is none.</summary>
    public required int Primary { get; init; }

    /// <summary>Members of the in-sync set.</summary>
    public required int InSync { get; init; }

    public required long LogEnd { get; init; }

    public required IReadOnlyList<CopyView> Copies { get; init; }

    public string? Problem { get; init; }

    public static ShardView Of(ShardStatus shard, Dictionary<string, int> places) => new()
    {
        Shard = shard.Shard,
        Epoch = shard.Epoch,
        Primary = shard.Primary is { } primary ? places.GetValueOrDefault(primary, -1) : -1,
        InSync = shard.InSync.Count,
        LogEnd = shard.LogEnd,
        Copies = [.. shard.Copies.Where(copy => places.ContainsKey(copy.Silo)).Select(copy => CopyView.Of(copy, shard, places[copy.Silo]))],
        Problem = shard.Problem,
    };
}

/// <summary>One copy in the picture.</summary>
internal sealed record CopyView
{
    public const string Primary = "primary";
    public const string Online = "online";
    public const string Loading = "loading";
    public const string Waiting = "waiting";
    public const string Behind = "behind";

    /// <summary>The silo's place.</summary>
    public required int Silo { get; init; }

    /// <summary>primary, online (a replica in the in-sync set), loading (a snapshot comes in), waiting (for one) or behind.</summary>
    public required string Role { get; init; }

    /// <summary>Mutations that it does not have.</summary>
    public required long Lag { get; init; }

    public required long Entries { get; init; }

    public required long Bytes { get; init; }

    /// <summary>While a snapshot comes in: entries so far.</summary>
    public long LoadedEntries { get; init; }

    /// <summary>While a snapshot comes in: bytes so far, uncompressed.</summary>
    public long LoadedBytes { get; init; }

    /// <summary>While a snapshot comes in: bytes so far as they travelled.</summary>
    public long WireBytes { get; init; }

    public bool Faulted { get; init; }

    public static CopyView Of(CopyStatus copy, ShardStatus shard, int place) => new()
    {
        Silo = place,
        Role = RoleOf(copy, shard),
        Lag = copy.IsPrimary ? 0 : Math.Max(0, shard.LogEnd - copy.LogEnd),
        Entries = copy.Entries,
        Bytes = copy.DataBytes,
        LoadedEntries = copy.LoadedEntries,
        LoadedBytes = copy.LoadedRawBytes,
        WireBytes = copy.LoadedWireBytes,
        Faulted = copy.Faulted,
    };

    private static string RoleOf(CopyStatus copy, ShardStatus shard)
    {
        if (copy.IsPrimary)
            return Primary;
        if (copy.State == "Loading" || copy.LoadedRawBytes > 0)
            return Loading;
        if (shard.InSync.Contains(copy.Silo))
            return Online;
        return copy.State == "Empty" || shard.Links.Any(link => link.Silo == copy.Silo && link.Phase is "Waiting" or "Syncing") ? Waiting : Behind;
    }
}
