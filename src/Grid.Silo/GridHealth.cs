using Grid.Silo.Copies;
using Grid.Silo.Elastic;
using Grid.Silo.Services;

namespace Grid.Silo;

/// <summary>Whether a silo works, and takes part in the cluster's work. A service of the silo's host, for probes of whatever watches over it.</summary>
/// <remarks>Thread-safe. Answers from this silo's memory alone.</remarks>
public sealed class GridHealth
{
    private const int ShardsNamedMax = 8;

    private readonly SiloMembership _membership;
    private readonly SiloRole _role;
    private readonly ShardKeeper _keeper;
    private readonly SiloPulse _pulse;
    private readonly FirstFill _fill;
    private readonly SiloLoop[] _loops;
    private volatile bool _started;

    internal GridHealth(SiloMembership membership, SiloRole role, ShardKeeper keeper, SiloPulse pulse, FirstFill fill, SiloLoop[] loops)
    {
        _membership = membership;
        _role = role;
        _keeper = keeper;
        _pulse = pulse;
        _fill = fill;
        _loops = loops;
    }

    /// <summary>True once the silo has joined the cluster; stays true.</summary>
    public bool IsStarted => _started = _started || HasJoined;

    /// <summary>
    /// Why the silo should be killed and started anew: it gets nothing done, or part of its own work has ended by a defect. Null while it works, however
    /// the rest of the cluster is, and before it has joined.
    /// </summary>
    public string? Hang()
    {
        TimeSpan stall = _pulse.Stall;
        return stall >= SiloPulse.StallMax
            ? $"the silo has not answered itself for {stall.TotalSeconds:0} s"
            : _loops.Select(static loop => loop.Defect).FirstOrDefault(static defect => defect is not null);
    }

    /// <summary>
    /// Why the silo is not ready: it has not joined yet, it drains or stops, the copies that it was given first do not serve yet, or shards that it looks
    /// after are unavailable. Empty when it is.
    /// </summary>
    public IReadOnlyList<string> Obstacles()
    {
        List<string> obstacles = [];
        if (_role.Leaves)
            obstacles.Add("the silo is about to stop");
        else if (!HasJoined)
            obstacles.Add("the silo has not joined the cluster yet, or has left it");
        else if (_fill.Obstacle() is { } missing)
            obstacles.Add(missing);
        if (_role.DrainsByHand)
            obstacles.Add("the silo drains: an operator wants it to hold nothing");
        KeyValuePair<int, string>[] shards = [.. _keeper.Problems.OrderBy(shard => shard.Key)];
        obstacles.AddRange(shards.Take(ShardsNamedMax).Select(shard => $"shard {shard.Key} is not served: {shard.Value}"));
        if (shards.Length > ShardsNamedMax)
            obstacles.Add($"{shards.Length - ShardsNamedMax} more shards are not served");
        return obstacles;
    }

    private bool HasJoined => _membership.Current.Active.Contains(_membership.Local);
}
