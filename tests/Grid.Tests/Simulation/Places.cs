namespace Grid.Tests.Simulation;

/// <summary>A silo's places for syncs: given in the order of the wishes. Word of a place may come after the wish was taken back.</summary>
internal sealed class Places(SimSilo silo, int placesMax)
{
    private readonly List<SimPrimary> _holders = [];
    private readonly List<(SimPrimary Primary, long Request)> _waiting = [];
    private readonly List<(SimPrimary Primary, long Request)> _untold = [];

    public void Request(SimPrimary primary, long request)
    {
        _waiting.Add((primary, request));
        GiveFree();
    }

    public void Release(SimPrimary primary)
    {
        _holders.Remove(primary);
        _waiting.RemoveAll(one => one.Primary == primary);
        _untold.RemoveAll(one => one.Primary == primary);
        GiveFree();
    }

    /// <summary>True until the primary has heard that it has the place it asked for.</summary>
    public bool IsWaiting(SimPrimary primary) => _waiting.Concat(_untold).Any(one => one.Primary == primary);

    private void GiveFree()
    {
        while (_holders.Count < placesMax && _waiting.Count > 0)
        {
            (SimPrimary Primary, long Request) next = _waiting[0];
            _waiting.RemoveAt(0);
            _holders.Add(next.Primary);
            _untold.Add(next);
            silo.World.After(silo.World.Random.Below(silo.World.Plan.PermitUsMax), silo, () =>
            {
                _untold.Remove(next);
                next.Primary.SyncPermitted(next.Request);
            });
        }
    }
}
