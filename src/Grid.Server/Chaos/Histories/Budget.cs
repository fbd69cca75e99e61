namespace Grid.Server.Chaos.Histories;

/// <summary>How much may be tried before the search gives up.</summary>
internal sealed class Budget(long steps)
{
    private long _left = steps;

    public bool IsSpent => _left <= 0;

    public bool Spend() => _left > 0 && --_left > 0;
}
