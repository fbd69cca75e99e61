using Grid.Silo.Elastic;
using Grid.Silo.Services;

namespace Grid.Silo;

/// <summary>Whether a silo takes part in the cluster's work. A service of the silo's host, for probes of whatever watches over it.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class GridHealth
{
    private const int ShardsNamedMax = 8;

    private readonly SiloMembership _membership;
    private readonly SiloRole _role;
    private readonly ShardKeeper _keeper;

    internal GridHealth(SiloMembership membership, SiloRole role, ShardKeeper keeper)
    {
        _membership = membership;
        _role = role;
        _keeper = keeper;
    }

    /// <summary>True once the silo has joined the cluster, or is on its way out of it.</summary>
    public bool HasJoined => _role.Leaves || _membership.Current.Active.Contains(_membership.Local);

    /// <summary>
    /// Why the silo is not ready: it has not joined yet, it drains or stops, or shards that it looks after are unavailable. Empty when it is.
    /// </summary>
    public IReadOnlyList<string> Obstacles()
    {
        List<string> obstacles = [];
        if (_role.Leaves)
            obstacles.Add("the silo is about to stop");
        else if (!_membership.Current.Active.Contains(_membership.Local))
            obstacles.Add("the silo has not joined the cluster yet, or has left it");
        if (_role.DrainsByHand)
            obstacles.Add("the silo drains: an operator wants it to hold nothing");
        KeyValuePair<int, string>[] shards = [.. _keeper.Problems.OrderBy(shard => shard.Key)];
        obstacles.AddRange(shards.Take(ShardsNamedMax).Select(shard => $"shard {shard.Key} is not served: {shard.Value}"));
        if (shards.Length > ShardsNamedMax)
            obstacles.Add($"{shards.Length - ShardsNamedMax} more shards are not served");
        return obstacles;
    }
}
