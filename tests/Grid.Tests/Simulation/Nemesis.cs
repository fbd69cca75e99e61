using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Records;

namespace Grid.Tests.Simulation;

/// <summary>Makes things go wrong: crashes, freezes, partitions, false deaths. It never takes the last copy that has everything.</summary>
internal sealed partial class Nemesis(World world)
{
    private readonly SimRandom _random = world.Random;

    public void Begin()
    {
        if (world.Plan.NemesisMs > 0)
            Next();
        Repeat(world.Plan.HandOverMs, () => HandOver(_random.Pick(world.Running)));
        Repeat(world.Plan.SplitMs, Split);
        Repeat(world.Plan.CoupMs, () => Coup(_random.Below(world.Plan.Shards)));
        Repeat(world.Plan.LossMs, () => Lose(_random.Below(world.Plan.Shards)));
        Repeat(world.Plan.LeaveMs, () => Leave(_random.Pick(world.Silos)));
        if (world.Plan.WishMs > 0)
            new Wisher(world).Begin();
        if (world.Plan.LossMs > 0)
            new Operator(world).Begin();
    }

    /// <summary>True when every shard keeps a whole in-sync copy without this silo.</summary>
    public bool CanSpare(SimSilo victim)
    {
        for (int shard = 0; shard < world.Plan.Shards; shard++)
        {
            foreach (ShardRecord record in world.Store.MayLand(shard).Append(world.Store.Current(shard)))
            {
                if (record.Epoch > 0 && !Survivors(record, shard, victim).Any())
                    return false;
            }
        }

        return true;
    }

    /// <summary>True when no copy is left that the record names: nothing could bring the shard back.</summary>
    public static bool IsLost(World world, int shard) =>
        world.Store.Current(shard) is { Epoch: > 0 } record && !new Nemesis(world).Survivors(record, shard, null).Any();

    private IEnumerable<SimSilo> Survivors(ShardRecord record, int shard, SimSilo? without) => world.Silos.Where(silo =>
        silo != without && silo.Up && !silo.DeclaredDead && !world.Doomed.Contains(silo)
        && (silo.Slot(shard).Copy is { State: CopyState.Complete } copy && record.Names(copy.Name)
            || silo.Slot(shard).Coming is { State: CopyState.Complete } coming && record.Names(coming.Name)));

    /// <summary>One kind of act, again and again, with about so much time in between; none for 0.</summary>
    private void Repeat(int pauseMs, Action act)
    {
        if (pauseMs == 0)
            return;
        world.After(_random.Between(pauseMs / 2, pauseMs * 2) * 1000L, null, () =>
        {
            if (!world.Chaos)
                return;
            Repeat(pauseMs, act);
            if (world.Running.Count > 0)
                act();
        });
    }

    private void Next() => world.After(_random.Between(world.Plan.NemesisMs / 3, world.Plan.NemesisMs * 2) * 1000L, null, Act);

    private void Act()
    {
        if (!world.Chaos)
            return;
        Next();
        SimSilo victim = _random.Pick(world.Silos);
        if (_random.Chance(0.5) && world.Directory[_random.Below(world.Plan.Shards)] is { } primary && world.Silos.Contains(primary))
            victim = primary;
        if (!victim.Up || victim.DeclaredDead)
            return;
        switch (_random.Below(21))
        {
            case 0 or 1 when CanSpare(victim):
                world.Crash(victim);
                break;
            case 2 when CanSpare(victim):
                world.DeclareDead(victim);
                break;
            case 3 or 4:
                Freeze(victim, _random.Between(50, 900));
                break;
            case 5 or 6:
                Cut(victim, everywhere: _random.Chance(0.5), bothWays: _random.Chance(0.6));
                break;
            case 7:
                ResetReplica(victim);
                break;
            case 8 or 9 or 10:
                Coup(_random.Below(world.Plan.Shards));
                break;
            case 11:
                world.Directory[_random.Below(world.Plan.Shards)] = null;
                break;
            case 12 or 13:
                Slow(victim);
                break;
            case 14:
                victim.ClockSkewMs = _random.Between(-20_000, 20_000);
                world.Note($"the wall clock of {victim.Name} jumps, and is wrong by {victim.ClockSkewMs} ms");
                break;
            case 15 or 16:
                Orphan(victim);
                break;
            case 17:
                HandOver(victim);
                break;
            case 18:
                Split();
                break;
            default:
                Settings.Flip(world, victim);
                break;
        }
    }

    private void Freeze(SimSilo victim, int ms)
    {
        world.Note($"{victim.Name} freezes for {ms} ms");
        victim.Freeze(ms);
        if (ms > 500 && CanSpare(victim) && _random.Chance(0.3))
            world.DeclareDead(victim);
    }

    private void Cut(SimSilo victim, bool everywhere, bool bothWays)
    {
        bool mute = _random.Chance(0.5);
        world.Note($"{victim.Name} is cut off{(everywhere ? "" : " from some")}{(bothWays ? "" : mute ? ", it hears and is not heard" : ", it is heard and does not hear")}");
        foreach (SimSilo other in world.Silos.Where(other => other != victim && (everywhere || _random.Chance(0.4))))
        {
            if (bothWays || mute)
                world.Cut(victim, other);
            if (bothWays || !mute)
                world.Cut(other, victim);
        }

        if (everywhere && CanSpare(victim) && _random.Chance(0.4))
            world.After(_random.Between(100, 900) * 1000L, null, () => DeclareDeadIfSpare(victim));
        world.After(_random.Between(100, 2500) * 1000L, null, world.Heal);
    }

    /// <summary>
    /// The cluster is cut in two, and after whatever time the larger side gives the smaller one up, which is to cost nothing as long as the larger one had
    /// a copy of every shard.
    /// </summary>
    private void Split()
    {
        SimSilo[] living = [.. world.Silos.Where(silo => silo.Up && !silo.DeclaredDead)];
        if (living.Length < 3 || world.Doomed.Count > 0)
            return;
        int few = _random.Between(1, (living.Length - 1) / 2), from = _random.Below(living.Length), ms = _random.Between(50, 3 * world.Plan.Primary.ReplicaTimeoutMs);
        for (int i = 0; i < few; i++)
            world.Doomed.Add(living[(from + i) % living.Length]);
        if (!CanSpareTheDoomed())
        {
            world.Doomed.Clear();
            return;
        }

        world.Note($"the cluster is cut in two, {string.Join(", ", world.Doomed.Select(silo => silo.Name))} on the smaller side");
        world.Count("Split");
        foreach (SimSilo doomed in world.Doomed)
        {
            foreach (SimSilo other in living.Where(other => !world.Doomed.Contains(other)))
            {
                world.Cut(doomed, other);
                world.Cut(other, doomed);
            }
        }

        // What the larger side decides may take effect while the smaller one is cut off, or only when it is not any more.
        bool ends = _random.Chance(0.7), late = _random.Chance(0.5);
        SimSilo[] smaller = [.. world.Doomed];
        if (late)
            world.After(ms * 1000L, null, world.Mend);
        world.After((ms + (late ? _random.Below(world.Plan.Primary.ReplicaTimeoutMs / 3) : 0)) * 1000L, null, () =>
        {
            // Somebody else may have mended the network meanwhile, or the larger side have lost somebody as well.
            if (!ends || !world.Chaos || !smaller.All(world.Doomed.Contains) || !living.All(silo => silo.Up && !silo.DeclaredDead))
                return;
            ExpectSurvivors();
            foreach (SimSilo doomed in smaller)
                world.DeclareDead(doomed);
        });
        world.After((ms + (world.Plan.Primary.ReplicaTimeoutMs / 3) + _random.Between(1, 500)) * 1000L, null, world.Heal);
    }

    /// <summary>
    /// True when every shard has a whole in-sync copy on the larger side that nothing is wrong with: a primary on the smaller side that has not heard
    /// of it for long may leave it out for that.
    /// </summary>
    private bool CanSpareTheDoomed()
    {
        for (int shard = 0; shard < world.Plan.Shards; shard++)
        {
            ShardRecord current = world.Store.Current(shard);
            if (current.Primary is not { } primary || world.Find(primary.Silo)?.Slot(shard) is not { Primary: { } reigns, Ghosts.Count: 0 } || reigns.Core.Epoch != current.Epoch)
                return false;
            foreach (ShardRecord record in world.Store.MayLand(shard).Append(current))
            {
                if (!Survivors(record, shard, null).Any(silo => silo == reigns.Silo || reigns.Core.Links.Any(link => link.Silo == silo.Name && IsFresh(reigns, link))))
                    return false;
            }
        }

        return true;
    }

    /// <summary>What the smaller side did while it was cut off must not have cost the larger one a shard.</summary>
    private void ExpectSurvivors()
    {
        for (int shard = 0; shard < world.Plan.Shards; shard++)
        {
            foreach (ShardRecord record in world.Store.MayLand(shard).Append(world.Store.Current(shard)))
            {
                if (!Survivors(record, shard, null).Any())
                    throw world.Violation($"Shard {shard}: while the cluster was cut in two its copies on the larger side were left out: {record}");
            }
        }
    }

    private static bool IsFresh(SimPrimary primary, PrimaryLink link) =>
        link.Phase == LinkPhase.Online && primary.Now.MonotonicMs - link.AcknowledgedAtMs < primary.Options.ReplicaTimeoutMs / 3;

    /// <summary>A member that is slow for a while: all that comes to it takes many times as long.</summary>
    private void Slow(SimSilo victim)
    {
        int usual = victim.SlowFactor, ms = _random.Between(200, 2000);
        victim.SlowFactor = _random.Between(5, 60);
        victim.Trouble(world.NowMs + ms);
        world.Note($"{victim.Name} is {victim.SlowFactor} times as slow for {ms} ms");
        world.NoteCause(victim, "slow");
        world.After(ms * 1000L, null, () =>
        {
            world.NoteCause(victim, "was slow");
            victim.SlowFactor = world.Chaos ? usual : 1;
        });
    }

    /// <summary>An activation is lost from the directory and works on, while another one takes the copy on the same silo.</summary>
    private void Orphan(SimSilo victim)
    {
        foreach (Slot slot in victim.Slots.Where(slot => slot.Primary is not null))
        {
            world.Note($"{victim.Name} shard {slot.Shard}: the primary's activation is lost");
            world.Count("Orphan");
            slot.Orphan();
            world.Directory[slot.Shard] = null;
            world.After(_random.Between(1, 30) * 1000L, victim, slot.Activate);
        }
    }

    /// <summary>
    /// A primary that lives is given up and a member takes over: one that hears nobody, while the others still follow the old one, so that tails part; or
    /// the old one hears nobody, while the others follow the new one, so that for a while two reign.
    /// </summary>
    private void Coup(int shard)
    {
        ShardRecord record = world.Store.Current(shard);
        SimSilo? primary = record.Primary is { } name ? world.Find(name.Silo) : null;
        SimSilo[] members = [.. record.Members.Select(member => world.Find(member.Silo)).OfType<SimSilo>().Where(silo => silo.Up && !silo.DeclaredDead)];
        if (primary is not { Up: true, DeclaredDead: false } || members.Length == 0 || !CanSpare(primary))
            return;
        SimSilo usurper = _random.Pick(members);
        world.Note($"coup of {usurper.Name} against {primary.Name} over shard {shard}");
        world.Count("Coup");
        SimSilo lonely = _random.Chance(0.5) ? usurper : primary;
        CutOff(lonely);

        // Activations are lost from the directory when silos come and go.
        if (_random.Chance(0.2))
            primary.Slot(shard).Orphan();
        world.DeclareDead(primary);
        foreach (int delay in (int[])[60, 200, 400])
            world.After(delay * 1000L, usurper, usurper.Slot(shard).Activate);
        world.After(_random.Between(300, 1500) * 1000L, null, world.Heal);
    }

    /// <summary>Primaries are handed over to members, while everything else goes on.</summary>
    private void HandOver(SimSilo giver)
    {
        foreach (Slot slot in giver.Slots.Where(slot => slot.Primary is { Core.Record.InSync.Length: > 1 }))
        {
            string receiver = _random.Pick(slot.Primary!.Core.Record.Members.ToArray()).Silo;
            world.Count("HandOver");
            world.Note($"{giver.Name} shard {slot.Shard} is to be handed over to {receiver}");
            slot.Primary.HandOver(receiver);
            if (world.Plan.NemesisMs > 0 && _random.Chance(0.3))
                Disturb(_random.Chance(0.5) || world.Find(receiver) is not { } there ? giver : there);
        }
    }

    /// <summary>One of the two falls out while a shard changes hands, at whatever point that is.</summary>
    private void Disturb(SimSilo victim)
    {
        int what = _random.Below(3), ms = _random.Between(50, 2000);
        world.After(_random.Below(60_000), null, () =>
        {
            if (!world.Chaos || !victim.Up || victim.DeclaredDead)
                return;
            if (what == 0 && CanSpare(victim))
                world.Crash(victim);
            else if (what == 1)
                Freeze(victim, ms);
            else
                Cut(victim, everywhere: true, bothWays: ms % 2 == 0);
        });
    }

    private void DeclareDeadIfSpare(SimSilo victim)
    {
        if (world.Chaos && victim.Up && CanSpare(victim))
            world.DeclareDead(victim);
    }

    /// <summary>The replica's grain is activated anew: the copy stays, the link does not.</summary>
    private static void ResetReplica(SimSilo victim)
    {
        foreach (Slot slot in victim.Slots)
        {
            if (slot.Replica is not { } replica)
                continue;
            replica.Vanish();
            slot.StartReplica();
        }
    }
}
