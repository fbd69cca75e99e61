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
    private readonly Dictionary<CopyName, long> _lostSinceMs = [];
    private HashSet<string> _alive = [];
    private ShardRecord _record;
    private ShardRecord? _proposed;

    /// <summary>The record as it was last known to be.</summary>
    public ShardRecord Record => _record;

    /// <summary>The change of the record whose outcome is not known yet.</summary>
    public ShardRecord? ProposedRecord => _proposed;

    /// <summary>The copies beside the primary's that must hold a mutation before it is committed.</summary>
    public IEnumerable<CopyName> RequiredMembers() =>
        _proposed is null ? _record.Members : _record.Members.Union(_proposed.Members);

    /// <summary>The silos that are alive have changed.</summary>
    public void OnSilosChanged(IReadOnlyCollection<string> alive, Instant now)
    {
        if (!Reigns())
            return;
        _alive = [.. alive];
        foreach (string silo in _askedAtMs.Keys.Where(silo => !_alive.Contains(silo)).ToArray())
            _askedAtMs.Remove(silo);
        foreach (PrimaryLink link in _links.Values.Where(link => !_alive.Contains(link.Silo)).ToArray())
            EndLink(link, "its silo is dead", now);
        UpdateInSync(now);
        AskForReplicas(now);
    }

    /// <summary>The outcome of <see cref="IPrimaryOutput.WriteRecord"/> is known.</summary>
    /// <param name="outcome">What became of it.</param>
    /// <param name="current">The record as it now is.</param>
    /// <param name="now">The present.</param>
    public void OnRecordWritten(RecordOutcome outcome, ShardRecord current, Instant now)
    {
        if (!Reigns() || _proposed is null)
            return;
        if (current.Epoch != _epoch || current.Primary != _copy.Name)
        {
            StepDown($"Shard {_copy.Shard} has another primary: {current}.");
            return;
        }

        _proposed = null;
        _record = current;
        _copy.Observe(_epoch, current.Version);
        if (outcome == RecordOutcome.Written)
            _output.Report(PrimaryEvent.InSyncChanged, _copy.Name.Silo, $"{current}");
        foreach (PrimaryLink link in _links.Values.ToArray())
        {
            if (link.Phase == LinkPhase.Leaving && !_record.Names(link.Request.Copy))
                EnterWindow(link, now);
        }

        AdvanceCommitted();
        UpdateInSync(now);
    }

    /// <summary>Proposes the in-sync set that the links speak for, if it differs from the recorded one.</summary>
    private void UpdateInSync(Instant now)
    {
        if (_proposed is not null || _down)
            return;
        List<CopyName> desired = [_copy.Name];
        foreach (CopyName member in _record.Members)
        {
            if (MayStay(member, now))
                desired.Add(member);
        }

        foreach (PrimaryLink link in _links.Values)
        {
            if (desired.Count <= _options.Replicas && !desired.Contains(link.Copy) && MayJoin(link))
                desired.Add(link.Copy);
        }

        ShardRecord next = _record.WithInSync(desired, _entropy.NextGuid());
        if (next.InSync.SequenceEqual(_record.InSync))
            return;
        _proposed = next;
        _output.WriteRecord(next);
        if (Plants(PlantedBug.ChangesSetEarly))
            (_record, _proposed) = (next, null);
    }

    /// <summary>
    /// A member on a silo that lives stays for <see cref="PrimaryOptions.ReplicaTimeoutMs"/> after it last acknowledged. That
    /// it attaches time and again is not enough: commits would wait for it for ever.
    /// </summary>
    private bool MayStay(CopyName member, Instant now)
    {
        if (!_alive.Contains(member.Silo))
            return false;
        if (_links.TryGetValue(member.Silo, out PrimaryLink? link))
        {
            if (link.Phase is LinkPhase.Leaving || link.Copy != member)
                return false;
            return now.MonotonicMs - link.AcknowledgedAtMs < _options.ReplicaTimeoutMs;
        }

        return now.MonotonicMs - _lostSinceMs.GetValueOrDefault(member, now.MonotonicMs) < _options.ReplicaTimeoutMs;
    }

    /// <summary>A replica joins once it has acknowledged, in this epoch, all that is committed and the reign's beginning.</summary>
    private bool MayJoin(PrimaryLink link) =>
        link.Phase == LinkPhase.Online
        && (link.Acknowledged >= Math.Max(_committed, _epochStart) || Plants(PlantedBug.JoinsTooEarly));

    private bool IsRequired(CopyName copy) => RequiredMembers().Contains(copy);

    private bool EnoughInSync() => _options.MinInSync == 0 || MembersSure() >= _options.MinInSync;

    /// <summary>Members that every set which the record may hold has in common.</summary>
    private int MembersSure() =>
        _proposed is null ? _record.InSync.Length - 1 : _record.Members.Intersect(_proposed.Members).Count();
}
