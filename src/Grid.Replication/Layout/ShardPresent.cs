namespace Grid.Replication.Layout;

/// <summary>Where a shard is, as its primary says.</summary>
/// <param name="Shard">Its number.</param>
/// <param name="Primary">The primary's silo; empty for none.</param>
/// <param name="InSync">Silos of the in-sync set, the primary's included.</param>
/// <param name="Linked">Silos whose replicas follow, or are being brought up.</param>
/// <param name="Wanted">The silos that the primary was told to have replicas on; null when it was told nothing.</param>
/// <param name="DataBytes">How large a copy is.</param>
/// <param name="Pinned">True when an operator wants the primary where it is.</param>
public sealed record ShardPresent(
    int Shard, string Primary, IReadOnlyCollection<string> InSync, IReadOnlyCollection<string> Linked, IReadOnlyCollection<string>? Wanted, long DataBytes, bool Pinned = false)
{
    /// <summary>As the planner takes it: everybody who has, or is getting, a copy.</summary>
    public ShardPlaces Places => new(Primary, [.. InSync.Union(Linked)], Pinned);

    /// <summary>True when everything is as it is to be.</summary>
    public bool IsAt(ShardPlaces target) =>
        Primary == target.Primary && InSync.Count == target.Copies.Count && InSync.All(target.Copies.Contains);

    /// <summary>Bytes that must be copied before it is.</summary>
    public long BytesTo(ShardPlaces target) => DataBytes * target.Copies.Count(silo => !InSync.Contains(silo));
}

/// <summary>What brings a shard nearer to where it is to be.</summary>
/// <param name="Want">The silos that the primary is to be told to have replicas on; null when it knows.</param>
/// <param name="HandOverTo">The silo that it is to be handed over to; null for none.</param>
public readonly record struct ShardStep(IReadOnlyList<string>? Want, string? HandOverTo)
{
    /// <summary>
    /// The next step. Copies grow first: the primary goes on having all the copies that it had until the new ones are in sync, and drops one
    /// only then, by itself. A primary moves to a copy that is in sync.
    /// </summary>
    public static ShardStep Next(ShardPresent present, ShardPlaces target)
    {
        if (present.Primary.Length == 0)
            return default;
        string[] wanted = [.. target.Copies.Where(silo => silo != present.Primary).Order(StringComparer.Ordinal)];
        bool knows = present.Wanted is { } told && told.Count == wanted.Length && wanted.All(told.Contains);
        bool handsOver = present.Primary != target.Primary && present.InSync.Contains(target.Primary);
        return new ShardStep(knows ? null : wanted, handsOver ? target.Primary : null);
    }
}
