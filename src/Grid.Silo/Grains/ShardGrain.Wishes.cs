using Grid.Silo.Services;

namespace Grid.Silo.Grains;

/// <content>Where the shard's replicas are to be, as others say.</content>
internal sealed partial class ShardGrain
{
    private const int OperatorWordMs = 30_000;

    private string[] _avoided = [];
    private long _operatorSpokeAtMs = long.MinValue / 2;

    /// <inheritdoc/>
    public async ValueTask<string?> WantAsync(string[] silos, bool byOperator)
    {
        if (await WaitForReignAsync() is { } problem)
            return problem;
        long nowMs = SiloClock.Now.MonotonicMs;
        if (byOperator)
            _operatorSpokeAtMs = nowMs;
        else if (nowMs - _operatorSpokeAtMs < OperatorWordMs)
            return $"Shard {_shard} is being moved by an operator.";
        Run(static (primary, wanted, now) => primary.Want(wanted, now), silos);
        return null;
    }

    /// <inheritdoc/>
    public async ValueTask<string?> PinAsync(string? silo)
    {
        if (await WaitForReignAsync() is { } problem)
            return problem;
        if (silo is not null && silo != membership.Local)
            return $"the primary of shard {_shard} is on silo {membership.Local} by now";
        _hosted!.IsPinned = silo is not null;

        // The move is over: where the replicas are is the rebalance's business again.
        _operatorSpokeAtMs = long.MinValue / 2;
        return null;
    }

    /// <summary>Replicas that nobody asked for are not begun on silos that drain.</summary>
    private void AvoidDrainingSilos()
    {
        string[] draining = book.Draining;
        if (ReferenceEquals(draining, _avoided))
            return;
        _avoided = draining;
        Run(static (primary, silos, _) => primary.Avoid(silos), draining);
    }
}
