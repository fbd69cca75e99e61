using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Replica;
using Grid.Replication.Takeover;

namespace Grid.Tests.Simulation;

/// <summary>One incarnation of a silo: its copies and the grains that work on them.</summary>
internal sealed class SimSilo
{
    private readonly Slot[] _slots;
    private readonly long _monotonicAheadMs;
    private readonly long _driftPpm;
    private readonly List<(long FromMs, int Ms)> _stoodStill = [];

    public SimSilo(World world, int index, int generation)
    {
        World = world;
        Index = index;
        Generation = generation;
        Name = world.Plan.Broken.HasFlag(RuntimeBug.KeepsNameOfEmptiedCopy) ? $"s{index}" : $"s{index}#{generation}";
        _slots = [.. Enumerable.Range(0, world.Plan.Shards).Select(shard => new Slot(this, shard))];
        Known = new SimSilo?[world.Plan.Shards];
        SlowFactor = world.Random.Chance(world.Plan.SlowSilo) ? world.Random.Between(2, 15) : 1;
        Places = new Places(this, world.Plan.PlacesMax);
        (PrimaryOptions, ReplicaOptions) = Settings.Draw(world);
        ClockSkewMs = world.Random.Between(-40, 40);
        _monotonicAheadMs = world.Random.Between(0, 1_000_000);
        _driftPpm = world.Random.Between(-15_000, 15_000);
        Alive = [Name];
        Active = [Name];
        world.After(world.Random.Below(50_000), this, Tick);
        world.After(world.Random.Below(50_000), this, Greet);
    }

    public World World { get; }

    public int Index { get; }

    public int Generation { get; }

    public string Name { get; }

    public bool Up { get; private set; } = true;

    public bool DeclaredDead { get; set; }

    public long FrozenUntilUs { get; private set; }

    public int SlowFactor { get; set; }

    /// <summary>What its primaries and replicas are set to; may change at any time.</summary>
    public PrimaryOptions PrimaryOptions { get; set; }

    public ReplicaOptions ReplicaOptions { get; set; }

    public Places Places { get; }

    /// <summary>By how much its wall clock is wrong; may change at any time.</summary>
    public int ClockSkewMs
    {
        get;
        set
        {
            field = value;
            World.ClockErrorMs = Math.Max(World.ClockErrorMs, Math.Abs(value));
        }
    }

    /// <summary>Its clock for time-outs began at another moment than everybody else's, and runs a little fast or slow.</summary>
    public long MonotonicMs(long nowMs)
    {
        foreach ((long fromMs, int ms) in _stoodStill)
            nowMs -= Math.Clamp(World.NowMs - fromMs, 0, ms);
        return _monotonicAheadMs + nowMs + (nowMs * _driftPpm / 1_000_000);
    }

    /// <summary>How long it takes until its clock for time-outs has gone on by so much.</summary>
    public long UntilUs(long ms) => (ms * 1000L * 1_000_000 / (1_000_000 + _driftPpm)) + 1000;

    /// <summary>It does nothing for a while; its clock for time-outs counts that, as clocks do that count suspension.</summary>
    public void Freeze(int ms)
    {
        FrozenUntilUs = World.NowUs + (ms * 1000L);
        Trouble(World.NowMs + ms);
        World.NoteCause(this, "frozen");
        World.After(ms * 1000L, null, () => World.NoteCause(this, "was frozen"));
        if (World.Plan.Broken.HasFlag(RuntimeBug.ClockStandsStill))
            _stoodStill.Add((World.NowMs, ms));
    }

    /// <summary>When its clock for time-outs showed so much, within a millisecond.</summary>
    public long TrueMs(long monotonicMs) => (long)((monotonicMs - _monotonicAheadMs) / (1 + (_driftPpm / 1e6)));

    /// <summary>Until when it was frozen or cut off, as far as is known.</summary>
    public long TroubledUntilMs { get; private set; }

    public void Trouble(long untilMs) => TroubledUntilMs = Math.Max(TroubledUntilMs, untilMs);

    /// <summary>Who is alive, as far as this silo has heard.</summary>
    public HashSet<string> Alive { get; private set; }

    /// <summary>Those of them that take new work, as far as it has heard.</summary>
    public HashSet<string> Active { get; private set; }

    /// <summary>It shuts down: its copies are there to the end, and nothing new is begun here.</summary>
    public bool Leaves { get; set; }

    /// <summary>Who has answered this silo lately.</summary>
    public SiloContacts Contacts { get; } = new();

    /// <summary>Where this silo thinks that each shard's primary is.</summary>
    public SimSilo?[] Known { get; }

    public Slot Slot(int shard) => _slots[shard];

    public IEnumerable<Slot> Slots => _slots;

    public void LearnMembership()
    {
        Alive = [.. World.Silos.Where(silo => !silo.DeclaredDead).Select(silo => silo.Name)];
        Active = [.. World.Silos.Where(silo => !silo.DeclaredDead && !silo.Leaves).Select(silo => silo.Name)];
        foreach (Slot slot in _slots)
        {
            slot.Primary?.OnSilosChanged();
            foreach (SimPrimary ghost in slot.Ghosts.ToArray())
                ghost.OnSilosChanged();
        }
    }

    public void Stop()
    {
        Up = false;
        foreach (Slot slot in _slots)
            slot.Drop();
    }

    /// <summary>Every silo asks every other one for a sign of life. Who takes it for dead gives none: an answer counts once both know the same membership.</summary>
    private void Greet()
    {
        long askedAtMs = World.Now(this).MonotonicMs;
        foreach (SimSilo other in World.Silos.Where(other => other != this && other.Up && Alive.Contains(other.Name)))
        {
            World.Tell(this, other, () =>
            {
                if (other.Alive.Contains(Name))
                    World.Tell(other, this, () => Contacts.OnAnswer(other.Name, askedAtMs));
            });
        }

        World.After(World.Plan.Primary.ReplicaTimeoutMs * 1000L / 12, this, Greet);
    }

    private void Tick()
    {
        foreach (Slot slot in _slots)
        {
            slot.Tick();
            if (slot.Replica is { } replica && World.Random.Chance(0.3))
                World.Oracles[slot.Shard].ReadLocally(this, replica);
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

    /// <summary>The last reign on this copy that was handed over.</summary>
    public SurrenderedReign? Surrendered { get; set; }

    /// <summary>Activations that were lost from the directory and do not know it yet.</summary>
    public List<SimPrimary> Ghosts { get; } = [];

    /// <summary>Replica grains that still get items though their copy has another owner.</summary>
    public List<SimReplica> GhostReplicas { get; } = [];

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
        if (Primary is not null && !Silo.World.Plan.Broken.HasFlag(RuntimeBug.HidesHigherEpoch))
            Copy?.Observe(epoch, 0);
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

    /// <summary>The primary's activation is lost: calls find another one, turns of its own go on.</summary>
    public void Orphan()
    {
        if (Primary is not { } lost)
            return;
        Primary = null;
        Ghosts.Add(lost);
        Silo.World.NoteCause(Silo, "an activation is lost");
        Silo.World.After(Silo.World.Random.Between(50, 1500) * 1000L, Silo, () =>
        {
            if (Ghosts.Remove(lost))
                lost.Dispose();
        });
    }

    /// <summary>Somebody else owns the copy now; the replica's grain may go on getting items for a while.</summary>
    public void Retire()
    {
        if (Replica is not { } old)
            return;
        Replica = null;
        GhostReplicas.Add(old);
        Silo.World.After(Silo.World.Random.Below(300) * 1000L, Silo, () =>
        {
            if (GhostReplicas.Remove(old))
                old.Vanish();
        });
    }

    public void Tick()
    {
        Primary?.Tick();
        Replica?.Tick();
        foreach (SimPrimary ghost in Ghosts.ToArray())
            ghost.Tick();
        foreach (SimReplica ghost in GhostReplicas)
            ghost.Tick();
    }

    /// <summary>An item of a stream comes to whoever listens here.</summary>
    public void OnItem(ReadOnlySpan<byte> item, bool isSnapshot)
    {
        Replica?.OnItem(item, isSnapshot);
        foreach (SimReplica ghost in GhostReplicas)
            ghost.OnItem(item, isSnapshot);
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
        Ghosts.ForEach(ghost => ghost.Dispose());
        GhostReplicas.ForEach(ghost => ghost.Vanish());
        Ghosts.Clear();
        GhostReplicas.Clear();
        Primary = null;
        Replica = null;
        Copy?.Dispose();
        Copy = null;
        Coming = null;
    }
}
