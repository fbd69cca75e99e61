using Grid.Replication.Records;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <content>
/// The lease: while every member of the required set has granted it, no other reign serves, so what is committed here is
/// all that is committed. Nothing about commits rests on it.
/// </content>
public sealed partial class ShardPrimary
{
    private readonly Lease _lease = new();
    private readonly Queue<PendingReply> _unleased = new();
    private long _leaseEndsMs = long.MinValue;
    private long _beganAtMs = NeverMs;

    /// <summary>A copy has granted the lease that it was asked for.</summary>
    public void OnGranted(CopyName copy, long number, Instant now)
    {
        if (!Reigns())
            return;
        _lease.Grant(copy, Plants(PlantedBug.CountsLeaseFromAnswer) ? _lease.Ask(now.MonotonicMs, _options.LeaseMs) : number);
        ReckonLease();
        ReleaseLeased(now);
        if (!IsRequired(copy))
            UpdateInSync(now);
    }

    /// <summary>True while nobody else can reign and serve.</summary>
    public bool HoldsLease(Instant now) =>
        _committed >= _epochStart && ((now.MonotonicMs < _leaseEndsMs && (_required.Length > 0 || IsHeardOf(now))) || Plants(PlantedBug.TakesLeaseForGranted));

    /// <summary>
    /// A primary that is alone in its set needs nobody's grant, and nobody can take over from it; but an operator may give it up, once its silo was declared
    /// dead. It serves for no longer than the others have heard of it.
    /// </summary>
    private bool IsHeardOf(Instant now) => now.MonotonicMs - Math.Max(_majorityAtMs, _beganAtMs) < _options.ReplicaTimeoutMs;

    /// <summary>Whose grants count has changed.</summary>
    private void ReckonLease() =>
        _leaseEndsMs = Plants(PlantedBug.CountsLatestGrant) && _required.Length > 0 ? _required.Max(member => _lease.EndsAtMs([member])) : _lease.EndsAtMs(_required);

    /// <summary>Lets the replies go that waited for nothing but the lease.</summary>
    private void ReleaseLeased(Instant now)
    {
        if (_unleased.Count == 0 || !HoldsLease(now))
            return;
        bool enough = EnoughInSync();
        while (_unleased.TryDequeue(out PendingReply pending))
            Answer(pending, enough);
    }

    /// <summary>Under the lease nothing is committed anywhere else: this copy is as new as the shard.</summary>
    private void NoteFreshness(Instant now)
    {
        if (HoldsLease(now))
            _copy.FreshAtMs = now.MonotonicMs;
    }

    /// <summary>Asks in good time whoever has to grant, and those who are about to join.</summary>
    private void RenewLease(Instant now)
    {
        if (now.MonotonicMs - _lease.AskedAtMs < _options.LeaseMs / 4)
            return;
        CopyName[] asked = [.. _required.Union(_links.Where(link => link.Phase == LinkPhase.Online).Select(link => link.Copy))];
        _lease.Keep(asked);
        _lease.AskedAtMs = now.MonotonicMs;
        AskGrants(asked, now);
    }

    private void AskGrants(CopyName[] copies, Instant now)
    {
        long askedAtMs = now.MonotonicMs + (Plants(PlantedBug.LeavesNoMargin) ? _options.LeaseMs / 20 : 0);
        if (copies.Length > 0)
            _output.AskGrants(new LeaseRequest(_copy.Shard, _epoch, _lease.Ask(askedAtMs, _options.LeaseMs), _options.LeaseMs, _record.Version), copies);
    }

    private bool HasGranted(CopyName copy, Instant now) => _lease.HasGrant(copy, now.MonotonicMs);
}
