using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Log;
using Grid.Replication.Records;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <content>Links to replicas: attach, what is agreed on, their end.</content>
public sealed partial class ShardPrimary
{
    private readonly LinkTable _links = new();
    private readonly Dictionary<string, long> _askedAtMs = [];
    private readonly Dictionary<string, long> _endedAttach = [];

    /// <summary>The links as they are now.</summary>
    internal LinkTable Links => _links;

    /// <summary>A replica wants to follow.</summary>
    public AttachAnswer OnAttach(AttachRequest request, Instant now)
    {
        if (!Reigns())
            return AttachAnswer.NotPrimary;
        if (request.EpochSeen > _epoch && !Plants(PlantedBug.AcceptsStaleEpoch))
        {
            StepDown($"{request.Copy} has seen epoch {request.EpochSeen}, above {_epoch}.");
            return AttachAnswer.NotPrimary;
        }

        if (!_alive.Contains(request.Copy.Silo) || request.Copy.Silo == _copy.Name.Silo)
            return AttachAnswer.Later;
        if (request.Attach <= _endedAttach.GetValueOrDefault(request.Copy.Silo))
            return AttachAnswer.Later;
        if (IsSurplus(request.Copy))
            return AttachAnswer.NotWanted;
        if (_links.TryFind(request.Copy.Silo, out PrimaryLink? old))
        {
            if (old.Attach >= request.Attach && !Plants(PlantedBug.TakesOlderAttach))
                return AttachAnswer.Later;
            EndLink(old, LinkEndReason.Reattached, "the replica attached anew", now);
        }

        PrimaryLink link = new(request, now.MonotonicMs) { AcknowledgedAtMs = _lostSinceMs.GetValueOrDefault(request.Copy, now.MonotonicMs) };
        _links.Add(link);
        Suspect(request.FailedSnapshot, link.Silo, "the replica found its payload wrong");
        string? obstacle = ObstacleToContinue(request, out long common);
        if (obstacle is null)
            Continue(link, common, now);
        else
            BeginFullSync(link, obstacle, now);

        // The copy that the silo had before is gone: commits must not wait for it until its time is over.
        if (_record.Members.Any(member => member.Silo == link.Silo && member != link.Request.Copy))
            UpdateInSync(now);
        return AttachAnswer.Accepted;
    }

    /// <summary>The command stream refused an item: the link is over; the replica will attach again.</summary>
    public void OnLinkFailed(string silo, long attach, string reason, Instant now)
    {
        if (Reigns() && _links.TryFind(silo, out PrimaryLink? link) && link.Attach == attach)
            EndLink(link, LinkEndReason.StreamFailed, reason, now);
    }

    /// <summary>Why the replica cannot go on from its log; null when it can, behind <paramref name="common"/>.</summary>
    private string? ObstacleToContinue(AttachRequest request, out long common)
    {
        common = 0;
        if (!request.Complete)
            return "the copy is not whole";
        if (Plants(PlantedBug.AlwaysSyncsInFull))
            return "a mistake was planted";
        if (request.Lineage != _record.Lineage && !Plants(PlantedBug.IgnoresLineage))
            return "the copy belongs to another line of data";
        common = ShardHistory.CommonEnd(request.History, request.LogEnd, _copy.History.Starts, LogEnd);
        if (Plants(PlantedBug.TrustsOffsetAlone))
            common = Math.Min(request.LogEnd, LogEnd);
        if (common == 0 && request.LogEnd > 0)
            return $"no epoch of its history is known here (it ends at {request.LogEnd})";
        if (common < request.Applied && !Plants(PlantedBug.CutsAppliedData))
            return $"it has applied {request.Applied}, but shares the log only up to {common}";
        if (common < _copy.Log.FirstOffset - 1)
        {
            _output.CountBacklogMiss();
            return $"the backlog begins at {_copy.Log.FirstOffset}, behind {common}";
        }

        return null;
    }

    private void Continue(PrimaryLink link, long common, Instant now)
    {
        link.Phase = LinkPhase.Online;
        link.NextOffset = common + 1;
        Agree(link);
        Send(link, LinkItemKind.Continue, a: common, b: 0, c: (long)TraitsOf(link), [], now);
        _output.Report(PrimaryEvent.PartialResync, link.Silo, $"goes on behind {common}, {LogEnd - common} mutations to catch up, {(link.Packer is null ? "plain" : "lz4")}");
        SendMutations(link, now);
        AskGrants([link.Copy], now);
    }

    private void BeginFullSync(PrimaryLink link, string obstacle, Instant now)
    {
        _output.Report(PrimaryEvent.FullSyncNeeded, link.Silo, obstacle);
        if (IsRequired(link.Request.Copy) && !Plants(PlantedBug.SyncsNamedMember))
        {
            link.Phase = LinkPhase.Leaving;
            UpdateInSync(now);
        }
        else
        {
            EnterWindow(link, now);
        }
    }

    /// <summary>
    /// This primary itself stood still, and what the replicas said meanwhile is still in its queue: their time begins anew,
    /// or it would throw all of them out of the in-sync set at once.
    /// </summary>
    private void ForgiveSilence(Instant now)
    {
        foreach (PrimaryLink link in _links)
            link.HeardAtMs = link.AcknowledgedAtMs = now.MonotonicMs;
        foreach (CopyName copy in _lostSinceMs.Keys.ToArray())
            _lostSinceMs[copy] = now.MonotonicMs;
    }

    private void EndSilentLinks(Instant now)
    {
        foreach (PrimaryLink link in _links.ToArray())
        {
            long silence = now.MonotonicMs - link.HeardAtMs;
            if (silence >= _options.ReplicaTimeoutMs)
                EndLink(link, LinkEndReason.Silent, $"it has not been heard of for {silence} ms", now);
            else if (link.Phase == LinkPhase.Online && IsSurplus(link.Copy))
                EndLink(link, LinkEndReason.Surplus, "the shard has all the copies wanted", now);
        }
    }

    private void EndLink(PrimaryLink link, LinkEndReason why, string details, Instant now)
    {
        _links.Remove(link.Silo);
        _endedAttach[link.Silo] = link.Attach;
        _lostSinceMs[link.Copy] = Math.Min(link.AcknowledgedAtMs, now.MonotonicMs);
        _output.AbandonLink(link.Silo);
        link.Dispose();
        _output.Report(PrimaryEvent.LinkEnded, link.Silo, details);
        _output.CountLinkEnd(why);
        ForgetLostCopies();
        if (link.Phase == LinkPhase.Syncing)
            OnMemberLeft(link);
    }

    /// <summary>
    /// True for a copy without which the shard has all the in-sync copies wanted. A silo has one copy of a shard at most: one
    /// that comes with another copy than the record names has lost that one.
    /// </summary>
    private bool IsSurplus(CopyName copy)
    {
        if (IsWanted(copy.Silo))
            return false;
        int lost = _record.Members.Count(member => member.Silo == copy.Silo && member != copy);
        return MembersSure() - lost >= _options.Replicas && !IsRequired(copy);
    }

    /// <summary>Only copies that the record may name need to be remembered as lost.</summary>
    private void ForgetLostCopies()
    {
        foreach (CopyName copy in _lostSinceMs.Keys.Where(copy => !IsRequired(copy)).ToArray())
            _lostSinceMs.Remove(copy);
    }

    /// <summary>Sees to it that enough silos hold a copy.</summary>
    private void AskForReplicas(Instant now)
    {
        if (HasAllLinks())
            return;
        foreach (string silo in SilosToAsk())
        {
            if (_links.TryFind(silo, out _) || now.MonotonicMs - _askedAtMs.GetValueOrDefault(silo, long.MinValue / 2) < _options.ReplicaTimeoutMs / 4)
                continue;
            _askedAtMs[silo] = now.MonotonicMs;
            _output.StartReplica(silo, _endedAttach.GetValueOrDefault(silo));
        }
    }
}
