namespace Grid.Replication.Layout;

/// <summary>A silo as the layout sees it.</summary>
/// <param name="Silo">Its address with its generation.</param>
/// <param name="Zone">What fails together with it; silos that name none are each a zone of their own as far as others are concerned.</param>
/// <param name="Weight">Its share of copies and of primaries, in proportion to the others'; above 0.</param>
/// <param name="Draining">True when it is to hold nothing.</param>
public readonly record struct LayoutSilo(string Silo, string Zone, int Weight, bool Draining)
{
    /// <summary>The zone that counts: a silo without one is its own.</summary>
    internal string EffectiveZone => Zone.Length == 0 ? $"\0{Silo}" : Zone;
}

/// <summary>Where a shard's copies are, or are to be.</summary>
/// <param name="Primary">The primary's silo; empty for none.</param>
/// <param name="Copies">Silos with a copy, the primary's included, in an order that does not matter.</param>
/// <param name="Pinned">True when an operator wants the primary where it is: it stays as long as that silo may hold anything.</param>
public readonly record struct ShardPlaces(string Primary, IReadOnlyList<string> Copies, bool Pinned = false)
{
    /// <summary>The silos of the copies beside the primary's.</summary>
    public IEnumerable<string> Replicas
    {
        get
        {
            string primary = Primary;
            return Copies.Where(silo => silo != primary);
        }
    }
}
