namespace Grid.Silo;

/// <summary>Where a silo stands. Read when it starts.</summary>
public sealed class GridZoneOptions
{
    /// <summary>
    /// What fails together with the silo: a rack, a data centre, an availability zone. The copies of a shard are spread over zones where silos name
    /// them. Default empty: the silo is a zone of its own.
    /// </summary>
    public string Zone { get; set; } = "";
}
