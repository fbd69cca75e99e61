using Grid.Client.Contracts.Operator;
using Grid.Replication.Layout;

namespace Grid.Silo.Elastic;

/// <summary>
/// Which shards are being moved where, and which are next. What is being moved counts as being there already when the rest is planned, so
/// that a new plan does not turn moves around that are under way.
/// </summary>
internal sealed class RebalancePlan
{
    private readonly Dictionary<int, ShardPlaces> _moving = [];
    private int _done;
    private long _begunAtMs;
    private long _bytesAtBegin;
    private long _bytesLeft;

    /// <summary>Shards that are not where they are to be.</summary>
    public int Left { get; private set; }

    /// <summary>Another silo leads.</summary>
    public void Forget()
    {
        _moving.Clear();
        Left = 0;
        _done = 0;
        _begunAtMs = 0;
    }

    /// <summary>Settles what has arrived, chooses what moves next, and says what is to be done for each.</summary>
    /// <param name="present">Every shard, by number.</param>
    /// <param name="replicas">Copies wanted beside the primary's.</param>
    /// <param name="silos">The silos that take part.</param>
    /// <param name="balance">False to move only what must.</param>
    /// <param name="movesMax">Shards to be moved at the same time.</param>
    /// <param name="nowMs">The present.</param>
    public IReadOnlyList<(ShardPresent Shard, ShardStep Step)> Next(
        ShardPresent[] present, int replicas, IReadOnlyCollection<LayoutSilo> silos, bool balance, int movesMax, long nowMs)
    {
        Settle(present, silos);
        ShardPlaces[] input = [.. present.Select(shard => _moving.TryGetValue(shard.Shard, out ShardPlaces target) ? target : shard.Places)];
        ShardPlaces[] plan = LayoutPlanner.Plan(input, replicas, silos, balance);
        HashSet<string> draining = [.. silos.Where(silo => silo.Draining).Select(silo => silo.Silo)];
        (ShardPresent Shard, bool Urgent, long Bytes)[] waiting = [.. present
            .Where(shard => shard.Primary.Length > 0 && !_moving.ContainsKey(shard.Shard) && !shard.IsAt(plan[shard.Shard]))
            .Select(shard => (shard, shard.InSync.Any(draining.Contains), shard.BytesTo(plan[shard.Shard])))
            .Where(wish => balance || wish.Item2)
            .OrderByDescending(wish => wish.Item2).ThenBy(wish => wish.Item3).ThenBy(wish => wish.shard.Shard)];
        Left = _moving.Count + waiting.Length;
        if (Left > 0 && _begunAtMs == 0)
            (_begunAtMs, _done, _bytesAtBegin) = (nowMs, 0, waiting.Sum(wish => wish.Bytes));
        foreach ((ShardPresent shard, _, _) in waiting.Take(Math.Max(0, movesMax - _moving.Count)))
            _moving[shard.Shard] = plan[shard.Shard];
        _bytesLeft = waiting.Sum(wish => wish.Bytes) + _moving.Where(move => !waiting.Any(wish => wish.Shard.Shard == move.Key)).Sum(move => present[move.Key].BytesTo(move.Value));
        if (Left == 0)
            _begunAtMs = 0;
        return [.. _moving.Select(move => (present[move.Key], ShardStep.Next(present[move.Key], move.Value))).Where(step => step.Item2.Want is not null || step.Item2.HandOverTo is not null)];
    }

    /// <summary>What to tell operators.</summary>
    public RebalanceStatus ToStatus(string leader, string state, long nowMs) => new()
    {
        Leader = leader,
        State = state,
        Moving = _moving.Count,
        Left = Left,
        Done = _done,
        BytesLeft = _bytesLeft,
        RemainingMs = Remaining(nowMs),
    };

    /// <summary>By the bytes copied so far where there are any to copy, otherwise by the shards moved.</summary>
    private long? Remaining(long nowMs)
    {
        if (Left == 0)
            return 0;
        long spentMs = nowMs - _begunAtMs;
        long copied = _bytesAtBegin - _bytesLeft;
        if (_bytesLeft > 0)
            return copied > 0 ? (long)(spentMs * (double)_bytesLeft / copied) : null;
        return _done > 0 ? spentMs * Left / _done : null;
    }

    /// <summary>Ends the moves that have arrived, those whose target is no more, and those of a primary that an operator has placed elsewhere meanwhile.</summary>
    private void Settle(ShardPresent[] present, IReadOnlyCollection<LayoutSilo> silos)
    {
        HashSet<string> targets = [.. silos.Where(silo => !silo.Draining).Select(silo => silo.Silo)];
        foreach ((int shard, ShardPlaces target) in _moving.ToArray())
        {
            bool arrived = present[shard].IsAt(target);
            if (arrived)
                _done++;
            bool isPlaced = present[shard].Pinned && present[shard].Primary != target.Primary && targets.Contains(present[shard].Primary);
            if (arrived || isPlaced || present[shard].Primary.Length == 0 || !target.Copies.All(targets.Contains))
                _moving.Remove(shard);
        }
    }
}
