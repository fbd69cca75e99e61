using Grid.Replication.Records;

namespace Grid.Tests.Simulation;

/// <content>Shards that lose their copies, and silos that shut down.</content>
internal sealed partial class Nemesis
{
    /// <summary>
    /// A shard loses all its in-sync copies: at once, after a member has fallen behind, so that a copy is left which has not everything, or all but a primary
    /// that hears nobody, goes on alone, and is given up only later. Or all but a member on a silo that is about to shut down.
    /// </summary>
    private void Lose(int shard)
    {
        ShardRecord record = world.Store.Current(shard);
        if (record.Epoch == 0 || IsLost(world, shard) || world.Doomed.Count > 0)
            return;
        SimSilo[] members = [.. record.Members.Select(member => world.Find(member.Silo)).OfType<SimSilo>()];
        SimSilo? primary = record.Primary is { } name ? world.Find(name.Silo) : null;
        int timeoutMs = world.Plan.Primary.ReplicaTimeoutMs;
        bool isAlone = _random.Chance(world.Plan.LossAlone);
        if (members.Length > 0 && _random.Chance(world.Plan.LossSeeming))
        {
            SimSilo left = _random.Pick(members);
            TakeAway(shard, except: left);
            ShutDown(left, _random.Between(2000, 4000));
            return;
        }

        if (!isAlone && members.Length > 0 && _random.Chance(0.5))
        {
            CutOff(_random.Pick(members));
            world.After(_random.Between(timeoutMs, 3 * timeoutMs) * 1000L, null, () => TakeAway(shard, except: null));
        }
        else if (isAlone && primary is { Up: true, DeclaredDead: false })
        {
            CutOff(primary);
            TakeAway(shard, except: primary);
            world.After(_random.Between(1200, 1800) * 1000L, null, () =>
            {
                if (world.Chaos)
                    world.DeclareDead(primary);
            });
            world.After(_random.Between(3000, 4500) * 1000L, null, world.Heal);
            return;
        }
        else
        {
            TakeAway(shard, except: null);
        }

        world.After(3500L * timeoutMs, null, world.Heal);
    }

    private void CutOff(SimSilo lonely)
    {
        foreach (SimSilo other in world.Silos.Where(other => other != lonely))
        {
            world.Cut(lonely, other);
            world.Cut(other, lonely);
        }
    }

    /// <summary>Every silo that has a copy which the record may name crashes.</summary>
    private void TakeAway(int shard, SimSilo? except)
    {
        if (!world.Chaos || world.Doomed.Count > 0)
            return;
        world.Count("Loss");
        CopyName[] named = [.. world.Store.MayLand(shard).Append(world.Store.Current(shard)).SelectMany(record => record.InSync).Distinct()];
        world.Note($"shard {shard} loses {string.Join(", ", named)}{(except is null ? "" : $", but for {except.Name}")}");
        foreach (SimSilo victim in named.Select(copy => world.Find(copy.Silo)).OfType<SimSilo>().Distinct().Where(silo => silo != except && !silo.DeclaredDead))
            world.Crash(victim);
    }

    /// <summary>
    /// A silo shuts down, in a hurry: the activations of its primaries are taken from the directory and work on for a while, its copies answer to the end.
    /// Whoever takes over leaves it out.
    /// </summary>
    private void Leave(SimSilo victim)
    {
        if (victim.Up && !victim.DeclaredDead && CanSpare(victim))
            ShutDown(victim, _random.Between(100, 1500));
    }

    /// <summary>It takes so long, and is called off where it would cost the last copy of a shard.</summary>
    private void ShutDown(SimSilo victim, int ms)
    {
        if (victim.Leaves)
            return;
        world.Note($"{victim.Name} shuts down");
        world.Count("Leave");
        victim.Leaves = true;
        world.AnnounceMembership();
        foreach (Slot slot in victim.Slots.Where(slot => slot.Primary is not null))
        {
            slot.Orphan();
            world.Directory[slot.Shard] = null;
        }

        world.After(ms * 1000L, null, () =>
        {
            victim.Leaves = false;
            if (world.Chaos && !victim.DeclaredDead && CanSpare(victim))
                world.Crash(victim);
            else
                world.AnnounceMembership();
        });
    }
}
