namespace Grid.Tests.Simulation;

/// <summary>
/// Tells primaries where their replicas are to be, and which silos drain, as somebody does who plans moves: in the chaos anything, also to primaries that
/// are deposed; in the calm the same silos to every one until it knows.
/// </summary>
internal sealed class Wisher(World world)
{
    private readonly SimRandom _random = world.Random;

    public void Begin() => Next();

    private void Next() => world.After(_random.Between(world.Plan.WishMs / 2, world.Plan.WishMs * 2) * 1000L, null, Wish);

    private void Wish()
    {
        Next();
        foreach (SimPrimary primary in world.Running.SelectMany(silo => silo.Slots).Select(slot => slot.Primary).OfType<SimPrimary>().Where(primary => !primary.Core.IsDown).ToArray())
        {
            string[] others = [.. primary.Silo.Alive.Where(silo => silo != primary.Silo.Name).Order(StringComparer.Ordinal)];
            primary.Avoid(world.Chaos ? [.. others.Where(_ => _random.Chance(0.3))] : []);
            if (world.Chaos)
                WishAnything(primary, others);
            else if (others.Take(world.Plan.Primary.Replicas).ToArray() is { } wanted && !(primary.Core.Wanted ?? []).SequenceEqual(wanted))
                primary.Want(wanted);
        }
    }

    private void WishAnything(SimPrimary primary, string[] others)
    {
        if (others.Length == 0 || !_random.Chance(0.5))
            return;
        string[] wanted = [.. Enumerable.Range(0, _random.Between(0, Math.Min(others.Length, world.Plan.Primary.Replicas + 1))).Select(_ => _random.Pick(others)).Distinct()];
        world.Count("Wish");
        world.Note($"{primary.Silo.Name} is told to have replicas on {string.Join(" ", wanted)}; in sync are {string.Join(" ", primary.Core.Record.InSync)}");
        primary.Want(wanted);
    }
}
