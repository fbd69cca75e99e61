using Grid.Replication.Layout;

namespace Grid.Silo.Elastic;

/// <summary>What a silo says of itself.</summary>
[GenerateSerializer, Immutable, Alias("Grid.SiloFacts")]
internal readonly record struct SiloFacts(
    [property: Id(0)] string Silo,
    [property: Id(1)] string Zone,
    [property: Id(2)] int Weight,
    [property: Id(3)] bool Draining,
    [property: Id(4)] bool Leaving,
    [property: Id(5)] int Primaries)
{
    public LayoutSilo ToLayout() => new(Silo, Zone, Weight, Draining);
}

/// <summary>The shards whose primaries are on a silo, for those who plan moves.</summary>
[GenerateSerializer, Immutable, Alias("Grid.SiloPlaces")]
internal sealed record SiloPlaces([property: Id(0)] IReadOnlyList<PrimaryPlace> Primaries);

/// <summary>Where a shard is, as its primary says.</summary>
[GenerateSerializer, Immutable, Alias("Grid.PrimaryPlace")]
internal sealed record PrimaryPlace(
    [property: Id(0)] int Shard,
    [property: Id(1)] long Epoch,
    [property: Id(2)] string[] InSync,
    [property: Id(3)] string[] Linked,
    [property: Id(4)] string[]? Wanted,
    [property: Id(5)] long DataBytes,
    [property: Id(6)] bool Pinned)
{
    public ShardPresent ToPresent(string silo) => new(Shard, silo, InSync, Linked, Wanted, DataBytes, Pinned);
}
