namespace Grid.Silo.Elastic;

/// <summary>What this silo is to do in the cluster.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class SiloRole
{
    private volatile bool _drainsByHand;
    private volatile bool _leaves;

    /// <summary>True when an operator has said that it is to hold nothing.</summary>
    public bool DrainsByHand
    {
        get => _drainsByHand;
        set => _drainsByHand = value;
    }

    /// <summary>True once it is about to stop; never taken back.</summary>
    public bool Leaves => _leaves;

    /// <summary>True when it is to hold nothing, for either reason.</summary>
    public bool IsDraining => _drainsByHand || _leaves;

    public void Leave() => _leaves = true;
}
