namespace Grid.Server.Chaos.Histories;

/// <summary>Bounds of a check.</summary>
internal sealed record LinearizabilityOptions
{
    /// <summary>The most by which a primary's clock may differ from that of the history, in milliseconds: matters to expiries only.</summary>
    public long ClockErrorMs { get; init; } = 1000;

    /// <summary>The most steps that are tried for one key before the check gives up.</summary>
    public long StepsMax { get; init; } = 100_000_000;

    /// <summary>The most configurations that are looked at for one return; each takes about 200 bytes.</summary>
    public int ConfigurationsMax { get; init; } = 20_000;

    /// <summary>The most configurations that are kept from one return to the next.</summary>
    public int FrontierMax { get; init; } = 2000;
}

/// <summary>What a check found.</summary>
internal enum LinearizabilityVerdict
{
    /// <summary>There is an order that explains everything.</summary>
    Linearizable,

    /// <summary>There is none.</summary>
    Violated,

    /// <summary>It was too much to try: nothing can be said.</summary>
    GaveUp,
}

/// <summary>What was found of one key's history.</summary>
/// <param name="Keyspace">Its keyspace.</param>
/// <param name="Key">The key.</param>
/// <param name="Operations">How many operations it has.</param>
/// <param name="Verdict">What was found.</param>
/// <param name="Excerpt">With anything but <see cref="LinearizabilityVerdict.Linearizable"/>: what a reader needs to see.</param>
internal sealed record KeyVerdict(string Keyspace, string Key, int Operations, LinearizabilityVerdict Verdict, string Excerpt);
