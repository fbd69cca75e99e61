namespace Grid.Server.Chaos.Faults;

/// <summary>Chooses faults, the same ones for the same seed.</summary>
internal sealed class FaultPlan(int seed, int silos, IReadOnlyList<FaultKind> kinds)
{
    private readonly Random _random = new(seed);

    /// <summary>The next fault.</summary>
    public Fault Next()
    {
        FaultKind kind = kinds[_random.Next(kinds.Count)];
        int[] order = [.. Enumerable.Range(0, silos)];
        _random.Shuffle(order);
        bool withStore = _random.Next(2) == 0;
        double dice = _random.NextDouble();
        return kind switch
        {
            FaultKind.Kill => new Fault(kind, order[..1], Seconds(0.5, 4, dice), false),
            FaultKind.Restart => new Fault(kind, order[..1], TimeSpan.Zero, false),
            FaultKind.Stop => new Fault(kind, order[..1], Seconds(0, 3, dice), false),
            FaultKind.Freeze => new Fault(kind, order[..1], Seconds(0.2, 1.2, dice), false),
            FaultKind.LongFreeze => new Fault(kind, order[..1], Seconds(4, 8, dice), false),
            FaultKind.Isolate => new Fault(kind, order[..1], Seconds(0.5, 6, dice), withStore),
            FaultKind.Split => new Fault(kind, order[..(silos / 2)], Seconds(0.5, 6, dice), withStore),
            _ => new Fault(kind, order[..(withStore ? 2 : 1)], Seconds(0.5, 5, dice), false),
        };
    }

    /// <summary>A pause before a fault that does not wait for the one before it.</summary>
    public TimeSpan NextPause() => Seconds(0.3, 3, _random.NextDouble());

    private static TimeSpan Seconds(double least, double most, double dice) => TimeSpan.FromSeconds(least + ((most - least) * dice));
}
