using Grid.Replication.Copies;
using Grid.Replication.Records;
using Grid.Replication.Takeover;

namespace Grid.Tests.Simulation;

/// <summary>
/// Somebody who looks after shards of which no in-sync copy can be had, and accepts the loss as the operator's grain does: asks every silo, waits one lease,
/// asks again, and writes the record by which the shard goes on.
/// </summary>
internal sealed class Operator(World world)
{
    private const int AnswerUs = 300_000;
    private const int MarginMs = 100;

    private readonly SimRandom _random = world.Random;

    /// <summary>Looks at every shard from time to time, also in the calm.</summary>
    public void Begin() => world.After(_random.Between(150, 600) * 1000L, null, () =>
    {
        Begin();
        SimSilo[] active = [.. world.Silos.Where(silo => silo.Up && !silo.DeclaredDead)];
        for (int shard = 0; shard < world.Plan.Shards && active.Length > 0; shard++)
        {
            if (Makes(RuntimeBug.AcceptsLossOfTheLiving) || (Nemesis.IsLost(world, shard) && !HasZombies(world.Store.Current(shard))))
                Look(_random.Pick(active), shard, before: null);
        }
    });

    /// <summary>
    /// Silos that were declared dead and do not know it go on granting each other leases. An operator who accepts a loss sees to it that no two of them
    /// run that are in one set; of one alone the rules see to it.
    /// </summary>
    private bool HasZombies(ShardRecord record) => record.InSync.Length > 1 && record.InSync.Any(member => world.Find(member.Silo) is not null);

    private void Look(SimSilo at, int shard, ShardRecord? before) => world.Store.Read(at, shard, record =>
    {
        if (before is not null && before.Nonce != record.Nonce)
            return;
        Dictionary<string, PolledCopy?> answers = [];
        foreach (SimSilo silo in at.Alive.Order(StringComparer.Ordinal).Select(world.Find).OfType<SimSilo>())
        {
            world.Tell(at, silo, () =>
            {
                PolledCopy answer = Takeover.Answer(silo.Slot(shard));
                world.Tell(silo, at, () => answers[silo.Name] = answer.Name.CopyId == Guid.Empty ? null : answer);
            });
        }

        world.After(AnswerUs, at, () => Decide(at, shard, record, answers, isFirst: before is null));
    });

    private void Decide(SimSilo at, int shard, ShardRecord record, Dictionary<string, PolledCopy?> answers, bool isFirst)
    {
        ShardRecord shown = Makes(RuntimeBug.AcceptsLossOfTheLiving) ? record with { InSync = [] } : record;
        LossPlan plan = LossPlan.Decide(shown, answers, at.Alive);
        world.Note($"{at.Name} shard {shard}: the loss of {record} {(plan.Obstacle is null ? $"may be accepted, the best copy that is left is {plan.Best?.Name}" : $"is not accepted, {plan.Obstacle}")}");
        if (plan.Obstacle is not null)
            return;
        int waitMs = Math.Max(world.Plan.Primary.LeaseMs, world.Plan.Primary.ReplicaTimeoutMs) + MarginMs;
        if (isFirst && !Makes(RuntimeBug.AcceptsLossAtOnce))
            world.After(waitMs * 1000L, at, () => Look(at, shard, record));
        else if ((plan.Best?.Name ?? MakeEmpty(at, shard, plan.Epoch - 1)) is { } copy)
            Accept(at, record, copy, plan);
    }

    private void Accept(SimSilo at, ShardRecord record, CopyName copy, LossPlan plan)
    {
        ShardRecord next = plan.Next(record, copy, Makes(RuntimeBug.KeepsLineageAfterLoss) ? record.Lineage : _random.NextGuid(), _random.NextGuid());
        world.Store.CompareAndSet(at, next, record.Nonce, () => at.Up, (_, _) => world.Place(record.Shard));
    }

    /// <summary>Where no copy has survived the shard begins anew with an empty one, which counts as whole.</summary>
    private CopyName? MakeEmpty(SimSilo at, int shard, long epochSeen)
    {
        Slot slot = at.Slot(shard);
        if (slot.Primary is not null || slot.Coming is not null || slot.Copy is { State: not CopyState.Empty })
            return null;
        slot.Retire();
        slot.Copy?.Dispose();
        slot.Copy = new ShardCopy(shard, new CopyName(at.Name, _random.NextGuid()), world.Pages) { State = CopyState.Complete };
        slot.Copy.Observe(epochSeen, 0);
        return slot.Copy.Name;
    }

    private bool Makes(RuntimeBug bug) => world.Plan.Broken.HasFlag(bug);
}
