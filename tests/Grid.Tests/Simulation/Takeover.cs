using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Takeover;

namespace Grid.Tests.Simulation;

/// <summary>
/// An activation of a shard's grain on one silo: reads the record, polls the copies, asks the plan, and takes the shard
/// over if the plan says that this silo is the one.
/// </summary>
internal sealed class Takeover(Slot slot, Action over)
{
    private readonly World _world = slot.Silo.World;
    private readonly List<PolledCopy> _polled = [];
    private bool _decided;

    public void Begin() => _world.Store.Read(slot.Silo, slot.Shard, Poll);

    private void Poll(ShardRecord record)
    {
        string[] alive = [.. slot.Silo.Alive];
        int silent = alive.Length;
        foreach (SimSilo silo in alive.Select(_world.Find).OfType<SimSilo>())
        {
            _world.Tell(slot.Silo, silo, () =>
            {
                PolledCopy answer = Answer(silo.Slot(slot.Shard));
                _world.Tell(silo, slot.Silo, () =>
                {
                    _polled.Add(answer);
                    if (--silent == 0 || TakeoverPlan.KnowsEnough(record, _polled))
                        Decide(record);
                });
            });
        }

        _world.After(200_000, slot.Silo, () => Decide(record));
    }

    /// <summary>What a silo says of its copy, to whoever asks.</summary>
    public static PolledCopy Answer(Slot there)
    {
        ShardCopy? copy = there.Copy;
        CopyState state = copy?.State ?? CopyState.Empty;
        if (there.Silo.World.Plan.Broken.HasFlag(RuntimeBug.AdoptsLoadingCopy) && there.Coming is { } coming)
        {
            copy = coming;
            state = CopyState.Complete;
        }

        return copy is null
            ? new PolledCopy(new CopyName(there.Silo.Name, Guid.Empty), state, default, EpochSeen: 0, Reigns: false)
            : new PolledCopy(copy.Name, state, copy.Position, copy.EpochSeen, there.Primary is not null, there.Surrendered, RecordVersionSeen: copy.RecordVersionSeen);
    }

    private void Decide(ShardRecord record)
    {
        if (_decided)
            return;
        _decided = true;
        ShardRecord shown = record;
        if (_world.Plan.Broken.HasFlag(RuntimeBug.AdoptsAnyCopy))
            shown = record with { InSync = [.. record.InSync.Union(_polled.Select(copy => copy.Name))] };
        else if (_world.Plan.Broken.HasFlag(RuntimeBug.AdoptsLoadingCopy))
            shown = record with { InSync = [.. record.InSync.Union(_polled.Select(copy => copy.Name).Where(name => _world.Find(name.Silo)?.Slot(slot.Shard).Coming?.Name == name))] };
        IEnumerable<string> alive = slot.Silo.Alive;
        if (_world.Plan.Broken.HasFlag(RuntimeBug.TakesOverFromTheLiving))
            alive = alive.Where(silo => silo != record.Primary?.Silo);
        TakeoverPlan plan = TakeoverPlan.Decide(shown, _polled, [.. alive], slot.Silo.Active);
        if (_world.Plan.Broken.HasFlag(RuntimeBug.VoidsGrantsOfTheLost) && _polled.Exists(copy => copy.Name == record.Primary))
            plan = plan with { EndedEpoch = record.Epoch };
        if (_world.Plan.Broken.HasFlag(RuntimeBug.ForgetsTheSilent))
            plan = plan with { InSync = [.. plan.InSync.Where(member => _polled.Exists(copy => copy.Name == member))] };
        _world.Note($"{slot.Silo.Name} shard {slot.Shard}: {plan.Verdict} {plan.Silo} ({plan.Reason})");
        if (plan.Verdict == TakeoverVerdict.Reigned)
            _world.Directory[slot.Shard] = _world.Find(plan.Silo);
        if (plan.Verdict == TakeoverVerdict.Unavailable && _world.Plan.Broken.HasFlag(RuntimeBug.CreatesWhenUnavailable) && slot.Primary is null)
        {
            Create(record);
            return;
        }

        if (plan.Verdict is not (TakeoverVerdict.Create or TakeoverVerdict.Adopt) || slot.Primary is not null)
        {
            over();
            return;
        }

        if (plan.Silo != slot.Silo.Name)
        {
            over();
            if (_world.Find(plan.Silo) is { } other)
                _world.Tell(slot.Silo, other, other.Slot(slot.Shard).Activate);
            return;
        }

        if (plan.Verdict == TakeoverVerdict.Create)
            Create(record);
        else
            Adopt(record, plan);
    }

    private void Create(ShardRecord record)
    {
        CopyName name = new(slot.Silo.Name, _world.Random.NextGuid());
        ShardCopy copy = new(slot.Shard, name, _world.Pages) { State = CopyState.Complete, Lineage = record.Lineage };
        long token = copy.TakeOwnership();
        slot.Coming = copy;
        TakeoverPlan plan = new(TakeoverVerdict.Create, slot.Silo.Name, name, record.Epoch + 1, [], "the first reign");
        Write(record, record.WithPrimary(name, plan.Epoch, [], _world.Random.NextGuid()), copy, token, plan);
    }

    private void Adopt(ShardRecord record, TakeoverPlan plan)
    {
        ShardCopy? copy = slot.Copy?.Name == plan.Copy ? slot.Copy : null;
        if (_world.Plan.Broken.HasFlag(RuntimeBug.AdoptsLoadingCopy) && slot.Coming?.Name == plan.Copy)
        {
            copy = slot.Coming;
            copy.State = CopyState.Complete;
        }

        if (copy is null)
        {
            over();
            return;
        }

        _world.Oracles[slot.Shard].OnTakeover(slot.Silo, record, _polled);
        long token = copy.TakeOwnership();
        if (!_world.Plan.Broken.HasFlag(RuntimeBug.GrantsWhileTakingOver))
            copy.Observe(plan.Epoch, 0);
        slot.Retire();
        long epoch = _world.Plan.Broken.HasFlag(RuntimeBug.ReusesEpoch) ? Math.Max(record.Epoch, copy.History.LastEpoch + 1) : plan.Epoch;
        Write(record, record.WithPrimary(plan.Copy, epoch, plan.InSync, _world.Random.NextGuid()), copy, token, plan);
    }

    private void Write(ShardRecord before, ShardRecord proposed, ShardCopy copy, long token, TakeoverPlan plan)
    {
        _world.Touch(slot.Shard);
        bool early = _world.Plan.Broken.HasFlag(RuntimeBug.ReignsBeforeRecord) && slot.Copy == copy;
        if (early)
            Reign(copy, token, proposed);
        _world.Store.CompareAndSet(slot.Silo, proposed, before.Nonce, () => slot.Silo.Up, (outcome, _) =>
        {
            _world.Touch(slot.Shard);
            slot.Coming = null;
            if (early)
                return;
            if (outcome != RecordOutcome.Written || !copy.IsOwnedBy(token))
            {
                over();
                if (plan.Verdict == TakeoverVerdict.Create)
                    copy.Dispose();
                else if (copy.IsOwnedBy(token))
                    slot.StartReplica();
                return;
            }

            if (slot.Copy != copy)
            {
                slot.Replica?.Vanish();
                slot.Replica = null;
                slot.Copy?.Dispose();
                slot.Copy = copy;
            }

            long leftMs = plan.WaitMs(copy, _world.Now(slot.Silo).MonotonicMs);
            if (leftMs > 0 && !_world.Plan.Broken.HasFlag(RuntimeBug.IgnoresOwnGrant))
                _world.After(slot.Silo.UntilUs(leftMs), slot.Silo, () => Reign(copy, token, proposed));
            else
                Reign(copy, token, proposed);
        });
    }

    /// <summary>What was granted to the primary before has ended.</summary>
    private void Reign(ShardCopy copy, long token, ShardRecord record)
    {
        _world.Touch(slot.Shard);
        over();
        if (!copy.IsOwnedBy(token) || slot.Copy != copy)
            return;
        _world.Directory[slot.Shard] = slot.Silo;
        slot.Primary = new SimPrimary(slot, copy, token, record);
        slot.Primary.Start();
    }
}
