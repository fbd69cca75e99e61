using System.Diagnostics.CodeAnalysis;
using Grid.Replication.Records;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <summary>How a write of the record ended.</summary>
public enum RecordOutcome
{
    /// <summary>The proposed record is the record.</summary>
    Written,

    /// <summary>Somebody else changed it; the proposed one will never be.</summary>
    Conflict,
}

/// <content>The in-sync set: who must acknowledge, how the set grows and shrinks by compare-and-set.</content>
public sealed partial class ShardPrimary
{
    private const long NeverMs = long.MinValue / 2;

    private readonly Dictionary<CopyName, long> _lostSinceMs = [];
    private HashSet<string> _alive = [];
    private ShardRecord _record;
    private ShardRecord? _proposed;
    private CopyName[] _required;
    private long _majorityAtMs = NeverMs;
    private long _cutOffAtMs = NeverMs;

    /// <summary>The record as it was last known to be.</summary>
    public ShardRecord Record => _record;

    /// <summary>The change of the record whose outcome is not known yet.</summary>
    public ShardRecord? ProposedRecord => _proposed;

    /// <summary>The copies beside the primary's that must hold a mutation before it is committed.</summary>
    public IReadOnlyList<CopyName> RequiredMembers() => _required;

    /// <summary>The silos that are alive have changed.</summary>
    public void OnSilosChanged(IReadOnlyCollection<string> alive, Instant now)
    {
        if (!Reigns())
            return;
        _alive = [.. alive];
        foreach (PrimaryLink link in _links.Where(link => !_alive.Contains(link.Silo)).ToArray())
            EndLink(link, LinkEndReason.SiloDead, "its silo is dead", now);
        ForgetDeadSilos();
        UpdateInSync(now);
        AskForReplicas(now);
    }

    /// <summary>
    /// More than half of the silos that are alive, this one counted, have answered what this one asked them no earlier than at a time. To be told at every
    /// tick.
    /// </summary>
    /// <param name="atMs">The time, by the clock of <see cref="Instant.MonotonicMs"/>; see <see cref="SiloContacts"/>. It may lie further back than the last one told.</param>
    /// <param name="now">The present.</param>
    public void OnMajorityAnswered(long atMs, Instant now)
    {
        bool wasCutOff = !IsInTouch(now) && _majorityAtMs != NeverMs;
        _majorityAtMs = atMs;
        if (wasCutOff || !IsInTouch(now))
            _cutOffAtMs = now.MonotonicMs;
    }

    private void ForgetDeadSilos()
    {
        foreach (string silo in _askedAtMs.Keys.Concat(_endedAttach.Keys).Concat(_pinBudgets.Keys).Where(silo => !_alive.Contains(silo)).ToArray())
        {
            _askedAtMs.Remove(silo);
            _endedAttach.Remove(silo);
            ForgetBudget(silo);
        }
    }

    /// <summary>The outcome of <see cref="IPrimaryOutput.WriteRecord"/> is known.</summary>
    /// <param name="outcome">What became of it.</param>
    /// <param name="current">The record as it now is.</param>
    /// <param name="now">The present.</param>
    public void OnRecordWritten(RecordOutcome outcome, ShardRecord current, Instant now)
    {
        if (!Reigns() || _proposed is null)
            return;
        if ((current.Epoch != _epoch || current.Primary != _copy.Name) && !Plants(PlantedBug.ReignsAfterConflict))
        {
            StepDown($"Shard {_copy.Shard} has another primary: {current}.");
            return;
        }

        Know(current, proposed: null);
        _copy.Observe(_epoch, current.Version);
        if (outcome == RecordOutcome.Written)
            _output.Report(PrimaryEvent.InSyncChanged, _copy.Name.Silo, $"{current}");
        foreach (CopyName member in _record.Members)
            ForgetBudget(member.Silo);
        foreach (PrimaryLink link in _links.ToArray())
        {
            if (link.Phase == LinkPhase.Leaving && !_record.Names(link.Request.Copy))
                EnterWindow(link, now);
        }

        AdvanceCommitted(now);
        AdvanceHandOver(now);
        UpdateInSync(now);
    }

    /// <summary>Proposes the in-sync set that the links speak for, if it differs from the recorded one.</summary>
    private void UpdateInSync(Instant now)
    {
        if (_proposed is not null || _down || IsSealed)
            return;
        List<CopyName> desired = [_copy.Name, .. Plants(PlantedBug.KeepsDeadMembers) ? _record.Members : MembersToKeep(now)];
        foreach (PrimaryLink link in _links)
        {
            if ((desired.Count <= _options.Replicas || IsWanted(link.Silo)) && !desired.Contains(link.Copy) && MayJoin(link, now))
                desired.Add(link.Copy);
        }

        ShardRecord next = _record.WithInSync(desired, _entropy.NextGuid());
        if (next.InSync.SequenceEqual(_record.InSync))
            return;
        if (Plants(PlantedBug.ShrinksWithoutRecord) && next.InSync.Length < _record.InSync.Length)
        {
            Know(next, proposed: null);
            AdvanceCommitted(now);
            return;
        }

        Know(_record, proposed: next);
        _output.WriteRecord(next);
        if (Plants(PlantedBug.ChangesSetEarly))
            Know(next, proposed: null);
    }

    /// <summary>
    /// Whom the next set keeps. A silo that is cut off from the others keeps every member whose silo lives: it may be the side that is about to be
    /// declared dead, and what it acknowledged without them would be gone with it. Any other one keeps the members that are well, and of those that are merely silent as many as
    /// <see cref="PrimaryOptions.MinInSync"/> asks for. Below it no write is taken, so a silent member goes on holding all
    /// that is committed: it stays eligible to take over, should this silo be the one that is failing.
    /// </summary>
    private List<CopyName> MembersToKeep(Instant now)
    {
        if (!MayLeaveOut(now))
            return [.. _record.Members.Where(IsThere)];
        List<CopyName> kept = [.. _record.Members.Where(member => IsWell(member, now))];
        DropUnwanted(kept);
        int joining = _links.Count(link => !_record.Names(link.Copy) && MayJoin(link, now));
        IEnumerable<CopyName> silent = _record.Members.Where(member => !kept.Contains(member) && IsSilent(member));
        kept.AddRange(silent.Take(Math.Max(0, _options.MinInSync - kept.Count - joining)));
        return kept;
    }

    /// <summary>
    /// Whether members that live may be left out: this silo has been in touch with most others for as long as a member may be silent. What they decided
    /// about it while it was cut off, or what became of the members then, may still be on its way.
    /// </summary>
    private bool MayLeaveOut(Instant now) =>
        Plants(PlantedBug.ShrinksWithoutMajority)
        || (IsInTouch(now) && (now.MonotonicMs - _cutOffAtMs >= _options.ReplicaTimeoutMs || Plants(PlantedBug.CountsSilenceWhileCutOff)));

    /// <summary>
    /// Whether most silos have answered lately: within a quarter of the time-out of a member, so that no cut is missed that lasts long enough for a silo
    /// to be declared dead.
    /// </summary>
    private bool IsInTouch(Instant now) => now.MonotonicMs - _majorityAtMs < _options.ReplicaTimeoutMs / 4;

    /// <summary>A member whose silo lives and is not known to have another copy.</summary>
    private bool IsThere(CopyName member) =>
        _alive.Contains(member.Silo) && !(_links.TryFind(member.Silo, out PrimaryLink? link) && link.Copy != member);

    /// <summary>A member that is there and whose copy is not about to be thrown away.</summary>
    private bool IsSilent(CopyName member) => IsThere(member) && !(_links.TryFind(member.Silo, out PrimaryLink? link) && link.Phase == LinkPhase.Leaving);

    /// <summary>
    /// A member on a silo that lives is well for <see cref="PrimaryOptions.ReplicaTimeoutMs"/> after it last acknowledged.
    /// That it attaches time and again is not enough: commits would wait for it for ever.
    /// </summary>
    private bool IsWell(CopyName member, Instant now)
    {
        if (!_alive.Contains(member.Silo))
            return false;
        if (_links.TryFind(member.Silo, out PrimaryLink? link))
        {
            if (link.Phase is LinkPhase.Leaving || link.Copy != member)
                return false;
            return now.MonotonicMs - link.AcknowledgedAtMs < _options.ReplicaTimeoutMs;
        }

        return now.MonotonicMs - _lostSinceMs.GetValueOrDefault(member, now.MonotonicMs) < _options.ReplicaTimeoutMs;
    }

    /// <summary>
    /// A replica joins once it has acknowledged, in this epoch, all that is committed and the reign's beginning, and has
    /// granted a lease.
    /// </summary>
    private bool MayJoin(PrimaryLink link, Instant now) =>
        link.Phase == LinkPhase.Online
        && (HasGranted(link.Copy, now) || Plants(PlantedBug.JoinsWithoutGrant))
        && (link.Acknowledged >= Math.Max(_committed, _epochStart) || Plants(PlantedBug.JoinsTooEarly));

    private bool IsRequired(CopyName copy) => _required.Contains(copy);

    /// <summary>The required set is the union of every set that the record may hold.</summary>
    [MemberNotNull(nameof(_record), nameof(_required))]
    private void Know(ShardRecord record, ShardRecord? proposed)
    {
        _record = record;
        _proposed = proposed;
        _required = [.. proposed is null ? record.Members : record.Members.Union(proposed.Members)];
        ReckonLease();
    }

    /// <summary>Whether a replicated write is taken: enough sure members are well.</summary>
    private bool EnoughToWrite(Instant now) =>
        _options.MinInSync == 0 || (EnoughInSync() && _record.Members.Count(member => IsWell(member, now)) >= _options.MinInSync);

    /// <summary>Whether a commit kept its promise: every set that the record may hold has enough members.</summary>
    private bool EnoughInSync() => _options.MinInSync == 0 || MembersSure() >= _options.MinInSync;

    /// <summary>Members that every set which the record may hold has in common.</summary>
    private int MembersSure() =>
        _proposed is null ? _record.InSync.Length - 1 : _record.Members.Intersect(_proposed.Members).Count();
}
