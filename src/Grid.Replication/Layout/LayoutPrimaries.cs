namespace Grid.Replication.Layout;

/// <summary>Which of a shard's copies is to be the primary's, while a layout is being made.</summary>
internal sealed class LayoutPrimaries
{
    private readonly LayoutGrid _copies;
    private readonly int[] _primary;
    private readonly int[] _load;

    public LayoutPrimaries(LayoutGrid copies, IReadOnlyList<ShardPlaces> present, bool balance)
    {
        _copies = copies;
        _load = new int[copies.Silos.Count];
        _primary = [.. Enumerable.Repeat(-1, present.Count)];
        for (int shard = 0; shard < present.Count; shard++)
        {
            int silo = copies.IndexOf(present[shard].Primary);
            if (silo >= 0 && copies.Has(silo, shard))
                Set(shard, silo);
        }

        // A shard without a primary, or whose primary's silo is to hold nothing: on a copy that is there already, where there are fewest.
        for (int shard = 0; shard < present.Count; shard++)
        {
            if (_primary[shard] < 0)
                Set(shard, copies.HoldersOf(shard).MinBy(silo => (!copies.Had(silo, shard), Cost(silo), silo)));
        }

        if (balance)
            LayoutBalance.Even(copies, CanGive, (_, to, shard) => Set(shard, to), Cost);
    }

    public int Of(int shard) => _primary[shard];

    private double Cost(int silo) => ((2 * _load[silo]) + 1) / (double)_copies.Silos[silo].Weight;

    private int CanGive(int from, int to)
    {
        int best = -1;
        for (int shard = 0; shard < _copies.Shards; shard++)
        {
            if (_primary[shard] != from || !_copies.Has(to, shard) || _copies.IsPinned(from, shard))
                continue;
            if (best < 0 || (_copies.Had(to, shard), _copies.Taste(to, shard)).CompareTo((_copies.Had(to, best), _copies.Taste(to, best))) > 0)
                best = shard;
        }

        return best;
    }

    private void Set(int shard, int silo)
    {
        if (_primary[shard] >= 0)
            _load[_primary[shard]]--;
        _primary[shard] = silo;
        _load[silo]++;
    }
}
