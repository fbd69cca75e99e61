namespace Grid.Silo.Elastic;

/// <summary>What this silo is to do in the cluster.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class SiloRole : IDisposable
{
    private readonly CancellationTokenSource _ended = new();
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

    /// <summary>Cancelled when the silo has drained as far as it will: its reigns end, since activations do not before their calls have.</summary>
    public CancellationToken Ended => _ended.Token;

    public void Leave() => _leaves = true;

    public void End() => _ended.Cancel();

    public void Dispose() => _ended.Dispose();
}
