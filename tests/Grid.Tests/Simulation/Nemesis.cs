using Grid.Replication.Copies;
using Grid.Replication.Records;

namespace Grid.Tests.Simulation;

/// <summary>Makes things go wrong: crashes, freezes, partitions, false deaths. It never takes the last copy that has everything.</summary>
internal sealed class Nemesis(World world)
{
    private readonly SimRandom _random = world.Random;

    public void Begin()
    {
        if (world.Plan.NemesisMs > 0)
            Next();
        if (world.Plan.HandOverMs > 0)
            NextHandOver();
        if (world.Plan.WishMs > 0)
            new Wisher(world).Begin();
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
        silo != without && silo.Up && !silo.DeclaredDead
        && (silo.Slot(shard).Copy is { State: CopyState.Complete } copy && record.Names(copy.Name)
            || silo.Slot(shard).Coming is { State: CopyState.Complete } coming && record.Names(coming.Name)));

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
        switch (_random.Below(20))
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
            default:
                Settings.Flip(world, victim);
                break;
        }
    }

    private void Freeze(SimSilo victim, int ms)
    {
        world.Note($"{victim.Name} freezes for {ms} ms");
        victim.FrozenUntilUs = world.NowUs + (ms * 1000L);
        victim.Trouble(world.NowMs + ms);
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

    /// <summary>A member that is slow for a while: all that comes to it takes many times as long.</summary>
    private void Slow(SimSilo victim)
    {
        int usual = victim.SlowFactor, ms = _random.Between(200, 2000);
        victim.SlowFactor = _random.Between(5, 60);
        victim.Trouble(world.NowMs + ms);
        world.Note($"{victim.Name} is {victim.SlowFactor} times as slow for {ms} ms");
        world.After(ms * 1000L, null, () => victim.SlowFactor = world.Chaos ? usual : 1);
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
    /// A primary that lives is given up, and a member that hears nobody takes over, while the others still follow the
    /// old one: tails part, and for a while two reign.
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
        foreach (SimSilo other in world.Silos.Where(other => other != usurper))
        {
            world.Cut(usurper, other);
            world.Cut(other, usurper);
        }

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

    private void NextHandOver() => world.After(_random.Between(world.Plan.HandOverMs / 2, world.Plan.HandOverMs * 2) * 1000L, null, () =>
    {
        if (!world.Chaos)
            return;
        NextHandOver();
        if (world.Running.Count > 0)
            HandOver(_random.Pick(world.Running));
    });

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
