using Grid.Replication.Primary;

namespace Grid.Replication.Layout;

/// <summary>Which silo has a copy of which shard, while a layout is being made. Silos go by their place in the list.</summary>
internal sealed class LayoutGrid
{
    private readonly bool[,] _has;
    private readonly bool[,] _had;
    private readonly ulong[,] _taste;
    private readonly int[] _load;
    private readonly int[] _zoneOf;
    private readonly int[,] _inZone;
    private readonly int[] _copies;
    private readonly int[] _pinned;
    private readonly Dictionary<string, int> _indexOf;

    public LayoutGrid(int shards, IReadOnlyList<LayoutSilo> silos)
    {
        Shards = shards;
        Silos = silos;
        _has = new bool[silos.Count, shards];
        _had = new bool[silos.Count, shards];
        _taste = new ulong[silos.Count, shards];
        for (int silo = 0; silo < silos.Count; silo++)
        {
            for (int shard = 0; shard < shards; shard++)
                _taste[silo, shard] = ReplicaPlacement.Weight(shard, silos[silo].Silo);
        }

        _load = new int[silos.Count];
        _copies = new int[shards];
        _pinned = [.. Enumerable.Repeat(-1, shards)];
        string[] zones = [.. silos.Select(silo => silo.EffectiveZone).Distinct()];
        _zoneOf = [.. silos.Select(silo => Array.IndexOf(zones, silo.EffectiveZone))];
        _inZone = new int[zones.Length, shards];
        _indexOf = silos.Select((silo, i) => (silo.Silo, i)).ToDictionary(pair => pair.Silo, pair => pair.i);
    }

    public int Shards { get; }

    public IReadOnlyList<LayoutSilo> Silos { get; }

    /// <summary>-1 for a silo that takes no part.</summary>
    public int IndexOf(string silo) => _indexOf.GetValueOrDefault(silo, -1);

    public bool Has(int silo, int shard) => _has[silo, shard];

    /// <summary>True when the silo had the copy to begin with.</summary>
    public bool Had(int silo, int shard) => _had[silo, shard];

    /// <summary>How much a shard likes a silo, for no reason but that shards differ in it.</summary>
    public ulong Taste(int silo, int shard) => _taste[silo, shard];

    public int CountOf(int shard) => _copies[shard];

    public int LoadOf(int silo) => _load[silo];

    /// <summary>Copies of the shard in the silo's zone.</summary>
    public int InZoneOf(int shard, int silo) => _inZone[_zoneOf[silo], shard];

    public IEnumerable<int> HoldersOf(int shard) => Enumerable.Range(0, Silos.Count).Where(silo => _has[silo, shard]);

    public void Note(int silo, int shard) => _had[silo, shard] = true;

    /// <summary>The shard's primary, and so this copy, is to stay on the silo.</summary>
    public void Pin(int silo, int shard) => _pinned[shard] = silo;

    public bool IsPinned(int silo, int shard) => _pinned[shard] == silo;

    public void Add(int silo, int shard) => Change(silo, shard, 1);

    public void Remove(int silo, int shard) => Change(silo, shard, -1);

    /// <summary>What one more copy adds to the sum that is to be small.</summary>
    public double Cost(int silo) => ((2 * _load[silo]) + 1) / (double)Silos[silo].Weight;

    /// <summary>
    /// The shard whose copy the one silo can best give to the other; -1 when there is none. Two copies of a shard are not brought into one
    /// zone while there is another; what was moved before is moved again before anything else, since that costs nothing. Among those that are as good,
    /// dice that everybody throws alike: the shards of one silo must not all have their other copies on the same one, which would get all of them when it dies.
    /// </summary>
    public int CanGive(int from, int to)
    {
        int best = -1;
        (int, ulong) bestWorth = default;
        for (int shard = 0; shard < Shards; shard++)
        {
            if (!_has[from, shard] || _has[to, shard] || IsPinned(from, shard))
                continue;
            bool sameZone = _zoneOf[from] == _zoneOf[to];
            if (!sameZone && _inZone[_zoneOf[to], shard] > _inZone[_zoneOf[from], shard] - 1)
                continue;
            (int, ulong) worth = ((_had[from, shard] ? 0 : 2) + (_had[to, shard] ? 1 : 0), _taste[to, shard]);
            if (best < 0 || worth.CompareTo(bestWorth) > 0)
                (best, bestWorth) = (shard, worth);
        }

        return best;
    }

    public void Give(int from, int to, int shard)
    {
        Remove(from, shard);
        Add(to, shard);
    }

    private void Change(int silo, int shard, int by)
    {
        _has[silo, shard] = by > 0;
        _load[silo] += by;
        _copies[shard] += by;
        _inZone[_zoneOf[silo], shard] += by;
    }
}
