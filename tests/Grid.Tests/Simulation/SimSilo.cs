using Grid.Replication.Copies;
using Grid.Replication.Records;

namespace Grid.Tests.Simulation;

/// <summary>One incarnation of a silo: its copies and the grains that work on them.</summary>
internal sealed class SimSilo
{
    private readonly Slot[] _slots;

    public SimSilo(World world, int index, int generation)
    {
        World = world;
        Index = index;
        Generation = generation;
        Name = world.Plan.Broken.HasFlag(RuntimeBug.KeepsNameOfEmptiedCopy) ? $"s{index}" : $"s{index}#{generation}";
        _slots = [.. Enumerable.Range(0, world.Plan.Shards).Select(shard => new Slot(this, shard))];
        Known = new SimSilo?[world.Plan.Shards];
        SlowFactor = world.Random.Chance(world.Plan.SlowSilo) ? world.Random.Between(2, 15) : 1;
        DecodesLz4 = !world.Random.Chance(world.Plan.PlainSilo);
        ClockSkewMs = world.Random.Between(-40, 40);
        Alive = [Name];
        world.After(world.Random.Below(50_000), this, Tick);
    }

    public World World { get; }

    public int Index { get; }

    public int Generation { get; }

    public string Name { get; }

    public bool Up { get; private set; } = true;

    public bool DeclaredDead { get; set; }

    public long FrozenUntilUs { get; set; }

    public int SlowFactor { get; set; }

    public bool DecodesLz4 { get; }

    public int ClockSkewMs { get; }

    /// <summary>Who is alive, as far as this silo has heard.</summary>
    public HashSet<string> Alive { get; private set; }

    /// <summary>Where this silo thinks that each shard's primary is.</summary>
    public SimSilo?[] Known { get; }

    public Slot Slot(int shard) => _slots[shard];

    public IEnumerable<Slot> Slots => _slots;

    public void LearnMembership()
    {
        Alive = [.. World.Silos.Where(silo => !silo.DeclaredDead).Select(silo => silo.Name)];
        foreach (Slot slot in _slots)
            slot.Primary?.OnSilosChanged();
    }

    public void Stop()
    {
        Up = false;
        foreach (Slot slot in _slots)
            slot.Drop();
    }

    private void Tick()
    {
        foreach (Slot slot in _slots)
        {
            slot.Primary?.Tick();
            slot.Replica?.Tick();
        }

        World.After((45 + World.Random.Below(10)) * 1000L, this, Tick);
    }
}

/// <summary>One silo's place for one shard: the copy, and whoever works on it.</summary>
internal sealed class Slot(SimSilo silo, int shard)
{
    private bool _activating;

    public SimSilo Silo { get; } = silo;

    public int Shard { get; } = shard;

    public ShardCopy? Copy { get; set; }

    /// <summary>A copy that is being loaded, or was made for a reign that is not recorded yet.</summary>
    public ShardCopy? Coming { get; set; }

    public long LastAttach { get; set; }

    public SimPrimary? Primary { get; set; }

    public SimReplica? Replica { get; set; }

    public void Activate()
    {
        if (_activating || Primary is not null)
            return;
        _activating = true;
        new Takeover(this, () => _activating = false).Begin();
    }

    /// <summary>The primary asks for a replica here.</summary>
    public void Follow(long epoch, long endedAttach)
    {
        Silo.World.Touch(Shard);
        if (Primary is not null || _activating)
            return;
        if (Replica is null)
        {
            Guid id = Silo.World.Plan.Broken.HasFlag(RuntimeBug.KeepsNameOfEmptiedCopy) ? new Guid(Shard, 0, 0, new byte[8]) : Silo.World.Random.NextGuid();
            Copy ??= new ShardCopy(Shard, new CopyName(Silo.Name, id), Silo.World.Pages);
            StartReplica();
        }

        Replica!.Follow(epoch, endedAttach);
    }

    public void StartReplica()
    {
        if (Copy is not null)
            Replica = new SimReplica(this, Copy, Copy.TakeOwnership());
    }

    /// <summary>The process is gone, and everything in it.</summary>
    public void Drop()
    {
        Primary?.Dispose();
        Replica?.Vanish();
        Primary = null;
        Replica = null;
        Copy?.Dispose();
        Copy = null;
        Coming = null;
    }
}
