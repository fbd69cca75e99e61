namespace Grid.Tests.Simulation;

/// <content>Silos, who is thought dead, calls, and where a shard's primary is thought to be.</content>
internal sealed partial class World
{
    private readonly HashSet<(int From, int To)> _cut = [];

    /// <summary>The smaller side of a cluster that is cut in two: the larger one may give it up at any moment.</summary>
    public HashSet<SimSilo> Doomed { get; } = [];

    /// <summary>The newest incarnation of each silo, dead ones included.</summary>
    public List<SimSilo> Silos { get; } = [];

    /// <summary>Older incarnations that were declared dead but have not noticed yet.</summary>
    public List<SimSilo> Zombies { get; } = [];

    public SimSilo?[] Directory { get; }

    public List<SimSilo> Running { get; } = [];

    /// <summary>The silo of a name, if it still runs.</summary>
    public SimSilo? Find(string name)
    {
        foreach (SimSilo silo in Running)
        {
            if (silo.Name == name)
                return silo;
        }

        return null;
    }

    /// <summary>Starts a silo, or the next incarnation of one.</summary>
    public void Join(int index)
    {
        int generation = 1;
        if (index < Silos.Count)
        {
            generation = Silos[index].Generation + 1;
            if (Silos[index].Up)
                Zombies.Add(Silos[index]);
        }

        SimSilo silo = new(this, index, generation);
        if (index < Silos.Count)
            Silos[index] = silo;
        else
            Silos.Add(silo);
        Running.Add(silo);
        Note($"{silo.Name} joins");
        AnnounceMembership();
    }

    /// <summary>The process is gone at once; the others learn of it later.</summary>
    public void Crash(SimSilo silo, bool restart = true)
    {
        if (!silo.Up)
            return;
        Note($"{silo.Name} crashes");
        silo.Stop();
        Zombies.Remove(silo);
        Running.Remove(silo);
        for (int shard = 0; shard < Plan.Shards; shard++)
            Touch(shard);
        if (silo.DeclaredDead)
            return;
        After(Random.Between(200, 1200) * 1000L, null, () => DeclareDead(silo));
        if (restart)
            After(Random.Between(300, 2500) * 1000L, null, () => Rejoin(silo));
    }

    /// <summary>The cluster gives a silo up that may well be alive; it notices only later.</summary>
    public void DeclareDead(SimSilo silo)
    {
        if (silo.DeclaredDead)
            return;
        Note($"{silo.Name} is declared dead");
        silo.DeclaredDead = true;
        AnnounceMembership();
        if (silo.Up)
        {
            After(Random.Between(10, 2500) * 1000L, silo, () =>
            {
                Crash(silo);
                After(Random.Between(100, 1000) * 1000L, null, () => Rejoin(silo));
            });
        }
    }

    public bool Reaches(SimSilo? from, SimSilo to) => from is null || from.Index == to.Index || !_cut.Contains((from.Index, to.Index));

    /// <summary>What one says to the other does not arrive any more; the other way round it may.</summary>
    public void Cut(SimSilo from, SimSilo to)
    {
        _cut.Add((from.Index, to.Index));
        NoteCause(from, "cut off");
        NoteCause(to, "cut off");
    }

    /// <summary>Something has befallen a silo that may cost links there, and full syncs.</summary>
    public void NoteCause(SimSilo silo, string cause)
    {
        foreach (Oracle oracle in Oracles)
            oracle.NoteCause(silo, cause);
    }

    public void Heal()
    {
        Mend();
        Doomed.Clear();
    }

    /// <summary>The network is as it should be; what was decided meanwhile may come yet.</summary>
    public void Mend()
    {
        foreach (SimSilo silo in Silos.Where(silo => _cut.Any(pair => pair.From == silo.Index || pair.To == silo.Index)))
        {
            silo.Trouble(NowMs);
            NoteCause(silo, "was cut off");
        }

        _cut.Clear();
    }

    /// <summary>A one-way message: delayed, perhaps lost, overtaken by others.</summary>
    public void Tell(SimSilo? from, SimSilo to, Action arrives)
    {
        if (!Reaches(from, to) || (Chaos && Random.Chance(Plan.CallLost)))
            return;
        After(CallDelayUs(to), to, arrives);
    }

    /// <summary>Mostly short; now and then a call is stuck for long, and overtaken by all behind it.</summary>
    public long CallDelayUs(SimSilo? to)
    {
        long stuck = Chaos && Random.Chance(Plan.CallStuck) ? Random.Below(400_000) : 0;
        return stuck + ((50 + Random.Below(Plan.CallDelayUsMax)) * (to?.SlowFactor ?? 1));
    }

    /// <summary>A call to the primary of a shard, wherever the caller thinks that it is; fails if nothing is heard.</summary>
    public void CallShard(SimSilo? from, SimSilo?[] known, int shard, long timeoutUs, Action<SimPrimary, Action> arrives, Action fails)
    {
        bool answered = false;
        SimSilo? target = known[shard] ??= Directory[shard];
        if (Chaos && Random.Chance(0.3))
            target = AnyActivation(shard) ?? target;
        After(timeoutUs, from, () => Fail());
        if (target is null || !target.Up || (target.DeclaredDead && target.Slot(shard).Primary is null))
        {
            Directory[shard] = Directory[shard] == target ? null : Directory[shard];
            After(Random.Between(1, 20) * 1000L, from, Fail);
            return;
        }

        Tell(from, target, () =>
        {
            Slot slot = target.Slot(shard);
            SimPrimary? there = slot.Ghosts.Count > 0 && Random.Chance(0.5) ? slot.Ghosts[^1] : slot.Primary;
            if (there is null)
            {
                Tell(target, target, () => { });
                After(CallDelayUs(null), from, Fail);
                return;
            }

            arrives(there, () => answered = true);
        });

        void Fail()
        {
            if (answered)
                return;
            answered = true;
            known[shard] = Directory[shard] == target ? null : Directory[shard];
            Place(shard);
            fails();
        }
    }

    /// <summary>Somebody missed a primary: some silo looks whether it can be had.</summary>
    public void Place(int shard)
    {
        if (Directory[shard] is { Up: true, DeclaredDead: false } there && there.Slot(shard).Primary is not null && !Random.Chance(0.1))
            return;
        SimSilo[] active = [.. Silos.Where(silo => silo.Up && !silo.DeclaredDead && !silo.Leaves)];
        if (active.Length == 0)
            return;
        SimSilo chosen = Random.Pick(active);
        After(CallDelayUs(chosen), chosen, () => chosen.Slot(shard).Activate());
    }

    /// <summary>Where two activations of one grain live, a call may reach either.</summary>
    private SimSilo? AnyActivation(int shard)
    {
        SimSilo[] active = [.. Running.Where(silo => silo.Slot(shard).Primary is not null)];
        return active.Length > 1 ? Random.Pick(active) : null;
    }

    private void Rejoin(SimSilo silo)
    {
        if (Silos[silo.Index] != silo)
            return;
        DeclareDead(silo);
        Join(silo.Index);
    }

    /// <summary>Every silo learns of the change in its own time.</summary>
    public void AnnounceMembership()
    {
        foreach (SimSilo silo in Running)
            After(Random.Between(0, 150) * 1000L, silo, silo.LearnMembership);
    }
}
