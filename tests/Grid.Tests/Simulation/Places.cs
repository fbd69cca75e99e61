namespace Grid.Tests.Simulation;

/// <summary>A silo's places for syncs: given in the order of the wishes.</summary>
internal sealed class Places(SimSilo silo, int placesMax)
{
    private readonly List<SimPrimary> _holders = [];
    private readonly List<SimPrimary> _waiting = [];
    private readonly List<SimPrimary> _untold = [];

    public void Request(SimPrimary primary)
    {
        _waiting.Add(primary);
        GiveFree();
    }

    public void Release(SimPrimary primary)
    {
        _holders.Remove(primary);
        _waiting.Remove(primary);
        _untold.Remove(primary);
        GiveFree();
    }

    /// <summary>True until the primary has heard that it has the place it asked for.</summary>
    public bool IsWaiting(SimPrimary primary) => _waiting.Contains(primary) || _untold.Contains(primary);

    private void GiveFree()
    {
        while (_holders.Count < placesMax && _waiting.Count > 0)
        {
            SimPrimary next = _waiting[0];
            _waiting.RemoveAt(0);
            _holders.Add(next);
            _untold.Add(next);
            silo.World.After(silo.World.Random.Below(500), silo, () =>
            {
                if (_untold.Remove(next))
                    next.SyncPermitted();
            });
        }
    }
}
