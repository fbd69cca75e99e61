using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Takeover;
using Xunit;

namespace Grid.Tests.Replication.Rigs;

/// <content>How reigns begin and end: cuts, deaths, takeovers, hand-overs, losses that an operator accepts.</content>
internal sealed partial class Stage
{
    private readonly SortedSet<string> _cutOff = new(StringComparer.Ordinal);
    private StagePrimary? _former;
    private bool _takesOver;

    /// <summary>A silo hears nobody and is heard by nobody, but works on; what is sent to it waits.</summary>
    public void CutOff(string name)
    {
        Act($"{name} is cut off");
        _cutOff.Add(name);
    }

    public void Heal(string name)
    {
        Act($"{name} hears and is heard again");
        _cutOff.Remove(name);
        Pump();
    }

    /// <summary>The others hold a silo for dead, which may not be so.</summary>
    public void DeclareDead(string name)
    {
        Act($"{name} is declared dead");
        _alive.Remove(name);
        if (_primary is { } primary && primary.Silo != name)
            SilosChange();
    }

    /// <summary>A silo compares the roles of its copies with the record, as all do from time to time.</summary>
    public void CompareWithRecord(string name)
    {
        Act($"{name} reads the record: epoch {Store.Current.Epoch}");
        Silo(name).Copy.Observe(Store.Current.Epoch, Store.Current.Version);
        Run(TickMs);
    }

    /// <summary>The best copy that answers takes the shard over, and reigns.</summary>
    /// <param name="silent">Silos that are alive but do not answer in time.</param>
    public void TakeOver(params string[] silent)
    {
        BeginTakeOver(silent);
        UntilReigns();
    }

    /// <summary>The best copy that answers begins to take the shard over.</summary>
    public void BeginTakeOver(params string[] silent)
    {
        if (silent.Length > 0)
            Act($"{string.Join(", ", silent)} does not answer the poll");
        TakeoverPlan plan = DecideTakeOver(silent);
        Act($"takeover: {plan.Verdict} {plan.Silo} in epoch {plan.Epoch} ({plan.Reason})");
        Assert.Equal(TakeoverVerdict.Adopt, plan.Verdict);
        StageSilo silo = Silo(plan.Silo);
        silo.EndReplica();
        silo.Copy.Observe(plan.Epoch, 0);
        _takesOver = true;
        Store.Write(silo.Name, Store.Current.WithPrimary(plan.Copy, plan.Epoch, plan.InSync, Entropy.NextGuid()), Store.Current.Nonce, () => true, (outcome, record) =>
        {
            Assert.Equal(RecordOutcome.Written, outcome);
            long waitMs = plan.WaitMs(silo.Copy, Now.MonotonicMs);
            if (waitMs > 0)
                Say(silo.Name, $"has written the record, and waits {waitMs} ms until what it granted epoch {silo.Copy.GrantedEpoch} has ended");
            At(Ms + waitMs, () => Reign(silo, record));
        });
    }

    public void UntilReigns() => Until("the shard has a primary again", () => !_takesOver);

    /// <summary>Nobody can take the shard over.</summary>
    public void StaysUnavailable(params string[] silent)
    {
        TakeoverPlan plan = DecideTakeOver(silent);
        Act($"takeover: {plan.Verdict} ({plan.Reason})");
        Assert.Equal(TakeoverVerdict.Unavailable, plan.Verdict);
    }

    /// <summary>The primary is to hand the shard over.</summary>
    public void HandOver(string receiver)
    {
        Act($"hand over to {receiver}");
        if (Primary.Core.HandOver(receiver, Now) is { } obstacle)
            Say(Primary.Silo, obstacle);
        Pump();
    }

    /// <summary>An operator's word that the shard is to go on without what is lost.</summary>
    /// <param name="emptyOn">The silo that makes an empty copy where none has survived.</param>
    /// <returns>False when it was refused.</returns>
    public bool AcceptLoss(string? emptyOn = null)
    {
        Dictionary<string, PolledCopy?> answers = _silos.Values.Where(silo => _alive.Contains(silo.Name) && !_cutOff.Contains(silo.Name))
            .ToDictionary(silo => silo.Name, silo => silo.Copy.State == CopyState.Empty ? null : (PolledCopy?)Poll(silo));
        LossPlan plan = LossPlan.Decide(Store.Current, answers, _alive);
        if (plan.Obstacle is { } obstacle)
        {
            Act($"accept the loss: refused, {obstacle}");
            return false;
        }

        Act($"accept the loss: [{string.Join(", ", plan.Lost)}] are gone, {(plan.Best is { } best ? $"{best.Name} at {best.Position} is the best that is left" : "nothing is left")}");
        if (plan.Best is null)
            MakeEmptyWhole(Silo(emptyOn!), plan.Epoch - 1);
        CopyName chosen = plan.Best?.Name ?? Silo(emptyOn!).Copy.Name;
        ShardRecord next = plan.Next(Store.Current, chosen, Entropy.NextGuid(), Entropy.NextGuid());
        Store.Write("operator", next, Store.Current.Nonce, () => true, (outcome, _) => Assert.Equal(RecordOutcome.Written, outcome));
        Run(StepMs);
        TakeOver();
        return true;
    }

    public bool Reaches(string from, string to) => from == to || (!_cutOff.Contains(from) && !_cutOff.Contains(to));

    /// <summary>True for the primary that the other silos know of.</summary>
    public bool IsKnown(StagePrimary primary) => _primary == primary;

    /// <summary>The primary on a silo asks another silo to follow it.</summary>
    public void AskToFollow(StagePrimary primary, string silo, long endedAttach)
    {
        if (!Reaches(primary.Silo, silo) || !IsKnown(primary))
            return;
        if (_former is { IsGone: false } former && former.Silo == silo)
            Silo(silo).Copy.Observe(primary.Core.Epoch, 0);
        else
            Silo(silo).Follow(primary.Core.Epoch, endedAttach);
    }

    /// <summary>The reign of a primary is over.</summary>
    public void Gone(StagePrimary primary)
    {
        primary.Vanish();
        foreach (StageCall call in _waiting.Keys.Where(call => _waiting[call] == primary).ToArray())
            _waiting.Remove(call);
        if (_primary == primary)
            _primary = null;
        if (_former == primary)
            _former = null;
    }

    private StagePrimary PrimaryOn(string silo) => _former?.Silo == silo ? _former : Primary.Silo == silo ? Primary : throw new InvalidOperationException($"Nobody reigns on {silo}.");

    private TakeoverPlan DecideTakeOver(string[] silent)
    {
        PolledCopy[] polled = [.. _silos.Values.Where(silo => _alive.Contains(silo.Name) && !_cutOff.Contains(silo.Name) && !silent.Contains(silo.Name)).Select(Poll)];
        return TakeoverPlan.Decide(Store.Current, polled, _alive, _alive);
    }

    private PolledCopy Poll(StageSilo silo) =>
        new(silo.Copy.Name, silo.Copy.State, silo.Copy.Position, silo.Copy.EpochSeen, _primary?.Silo == silo.Name, silo.Surrendered, RecordVersionSeen: silo.Copy.RecordVersionSeen);

    /// <summary>An empty copy is taken for whole: an operator has said that nothing is what is left.</summary>
    private static void MakeEmptyWhole(StageSilo silo, long epochSeen)
    {
        silo.EndReplica();
        silo.Copy.Observe(epochSeen, 0);
        silo.Copy.State = CopyState.Complete;
    }

    private void Reign(StageSilo silo, ShardRecord record)
    {
        silo.EndReplica();
        foreach (StageSilo other in _silos.Values)
            other.ForgetStreams();
        if (_primary is { IsGone: false })
            _former = _primary;
        _takesOver = false;
        silo.IsIdle = true;
        _primary = new StagePrimary(this, silo.Name, silo.Copy, record);
        _primary.Core.Start(_alive, Now);
    }
}
