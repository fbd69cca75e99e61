using Grid.Replication.Primary;

namespace Grid.Replication.Layout;

/// <summary>
/// Where the copies and primaries of all shards are to be. Pure: the same input gives the same layout on every silo.
/// </summary>
/// <remarks>
/// <para>
/// Three wishes, in this order: a shard's copies are in as many zones as can be; silos have copies, and primaries, in proportion to
/// their weights; little moves. It begins with what there is, drops what a silo may not hold, fills what is missing, and
/// then moves one copy after the other from a silo with much to one with little, as long as that makes the sum of
/// copies² / weight smaller. A sum of convex terms has no hollow that is not its lowest one, so what comes out is even; and nothing
/// is moved that does not make it so.
/// </para>
/// <para>
/// A copy often cannot go from the fullest silo to the emptiest, which has one of that shard already, or would bring two copies into one zone. Then
/// it goes by others: what is looked for is a path of silos on which each gives one copy to the next (<see cref="LayoutBalance"/>).
/// </para>
/// <para>A primary that an operator has placed stays where it is, and the rest is made even around it.</para>
/// </remarks>
public static class LayoutPlanner
{
    /// <summary>Plans.</summary>
    /// <param name="present">The shards as they are, by number.</param>
    /// <param name="replicas">Copies wanted beside the primary's.</param>
    /// <param name="silos">The silos that take part. One that is not here has no copies any more.</param>
    /// <param name="balance">False to move only what must: off silos that drain, and into vacancies.</param>
    /// <returns>The shards as they are to be. Without any silo that does not drain they stay as they are.</returns>
    public static ShardPlaces[] Plan(IReadOnlyList<ShardPlaces> present, int replicas, IReadOnlyCollection<LayoutSilo> silos, bool balance = true)
    {
        LayoutSilo[] targets = [.. silos.Where(silo => !silo.Draining).OrderBy(silo => silo.Silo, StringComparer.Ordinal)];
        if (targets.Length == 0)
            return [.. present];
        LayoutGrid copies = new(present.Count, targets);
        int wanted = Math.Min(replicas + 1, targets.Length);
        for (int shard = 0; shard < present.Count; shard++)
            Keep(copies, shard, present[shard], wanted);
        for (int shard = 0; shard < present.Count; shard++)
            Fill(copies, shard, wanted);
        if (balance)
        {
            Spread(copies);
            LayoutBalance.Even(copies, copies.CanGive, copies.Give, copies.Cost);
        }

        LayoutPrimaries primaries = new(copies, present, balance);
        return [.. Enumerable.Range(0, present.Count).Select(shard => new ShardPlaces(targets[primaries.Of(shard)].Silo, [.. copies.HoldersOf(shard).Select(silo => targets[silo].Silo)]))];
    }

    /// <summary>Takes over what is there; of more than are wanted the primary's copy, then those that spread over zones and are on the silos with least.</summary>
    private static void Keep(LayoutGrid copies, int shard, ShardPlaces places, int wanted)
    {
        List<int> there = [.. places.Copies.Select(copies.IndexOf).Where(silo => silo >= 0).Distinct()];
        foreach (int silo in there)
            copies.Note(silo, shard);
        int primary = copies.IndexOf(places.Primary);
        if (primary >= 0 && there.Remove(primary))
        {
            copies.Add(primary, shard);
            if (places.Pinned)
                copies.Pin(primary, shard);
        }

        while (there.Count > 0 && copies.CountOf(shard) < wanted)
        {
            int best = there.MinBy(silo => (copies.InZoneOf(shard, silo), copies.Cost(silo), silo));
            there.Remove(best);
            copies.Add(best, shard);
        }
    }

    private static void Fill(LayoutGrid copies, int shard, int wanted)
    {
        if (copies.CountOf(shard) >= wanted)
            return;
        Dictionary<string, int> rank = ReplicaPlacement.Rank(shard, copies.Silos.Select(silo => silo.Silo)).Select((silo, i) => (silo, i)).ToDictionary(pair => pair.silo, pair => pair.i);
        while (copies.CountOf(shard) < wanted)
        {
            int best = Enumerable.Range(0, copies.Silos.Count).Where(silo => !copies.Has(silo, shard))
                .MinBy(silo => (copies.InZoneOf(shard, silo), copies.Cost(silo), rank[copies.Silos[silo].Silo]));
            copies.Add(best, shard);
        }
    }

    /// <summary>Brings shards with two copies in a zone, while another zone has none of it, into that one.</summary>
    private static void Spread(LayoutGrid copies)
    {
        for (int shard = 0; shard < copies.Shards; shard++)
        {
            while (FindSpread(copies, shard) is { } move)
            {
                copies.Remove(move.From, shard);
                copies.Add(move.To, shard);
            }
        }
    }

    private static (int From, int To)? FindSpread(LayoutGrid copies, int shard)
    {
        int[] holders = [.. copies.HoldersOf(shard)];
        int[] others = [.. Enumerable.Range(0, copies.Silos.Count).Except(holders)];
        int[] free = [.. holders.Where(silo => !copies.IsPinned(silo, shard))];
        if (others.Length == 0 || free.Length == 0)
            return null;
        int from = free.MaxBy(silo => (copies.InZoneOf(shard, silo), copies.Cost(silo)));
        int to = others.MinBy(silo => (copies.InZoneOf(shard, silo), copies.Cost(silo)));
        return copies.InZoneOf(shard, from) - copies.InZoneOf(shard, to) >= 2 ? (from, to) : null;
    }
}
