namespace Grid.Replication;

/// <summary>A set of <see cref="PlantedBug"/>; empty outside of tests.</summary>
internal readonly record struct PlantedBugs
{
    private readonly UInt128 _bits;

    private PlantedBugs(UInt128 bits) => _bits = bits;

    /// <summary>The set of one mistake, or of none.</summary>
    public static implicit operator PlantedBugs(PlantedBug bug) => new(bug == PlantedBug.None ? 0 : Bit(bug));

    /// <summary>True when the mistake is to be made.</summary>
    public bool Has(PlantedBug bug) => _bits != 0 && (_bits & Bit(bug)) != 0;

    /// <inheritdoc/>
    public override string ToString()
    {
        PlantedBugs set = this;
        string names = string.Join(", ", Enum.GetValues<PlantedBug>().Where(bug => bug != PlantedBug.None && set.Has(bug)));
        return names.Length == 0 ? nameof(PlantedBug.None) : names;
    }

    private static UInt128 Bit(PlantedBug bug) => UInt128.One << (int)bug;
}
