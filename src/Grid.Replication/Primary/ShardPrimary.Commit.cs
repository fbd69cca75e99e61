using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Replication.Links;
using Grid.Replication.Records;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <content>The committed offset, and the replies that wait for it.</content>
public sealed partial class ShardPrimary
{
    private readonly PriorityQueue<PendingReply, (long Offset, long Order)> _waiting = new();
    private long _replyOrder;

    /// <summary>Replies that wait for their commit, or for the lease.</summary>
    internal int RepliesWaiting => _waiting.Count + _unleased.Count;

    /// <summary>A replica tells what its log holds.</summary>
    public void OnAcknowledged(Acknowledgement acknowledgement, Instant now)
    {
        if (!Reigns() || acknowledgement.Epoch != _epoch)
            return;
        bool any = Plants(PlantedBug.CountsAnyAcknowledgement);
        if (!_links.TryFind(acknowledgement.Copy.Silo, out PrimaryLink? link) || (link.Attach != acknowledgement.Attach && !any))
            return;
        link.HeardAtMs = now.MonotonicMs;
        link.KeptBytes = acknowledgement.Kept;
        link.AskedAtMs = Math.Max(link.AskedAtMs, acknowledgement.SentAtMs);
        if (acknowledgement.Offset < 0 || (link.Copy != acknowledgement.Copy && !any) || !link.Pins)
            return;
        if (acknowledgement.Offset >= link.NextOffset)
        {
            EndLink(link, LinkEndReason.Misbehaved, $"it acknowledged {acknowledgement.Offset}, which was never sent to it", now);
            return;
        }

        link.AcknowledgedAtMs = now.MonotonicMs;
        link.Applied = Math.Max(link.Applied, acknowledgement.Applied);
        link.Acknowledged = Math.Max(link.Acknowledged, acknowledgement.Offset);
        if (link.Phase == LinkPhase.Syncing && !GoOnline(link, now))
            return;
        AdvanceCommitted(now);
        if (_down)
            return;
        if (!IsRequired(link.Copy) && MayJoin(link, now))
            UpdateInSync(now);
    }

    /// <summary>A replica has loaded its snapshot; settings that changed meanwhile concern its link from now on.</summary>
    private bool GoOnline(PrimaryLink link, Instant now)
    {
        link.Phase = LinkPhase.Online;
        _output.Report(PrimaryEvent.ReplicaOnline, link.Silo, $"loaded, at {link.Acknowledged} of {LogEnd}");
        AskGrants([link.Copy], now);
        link.HoldsBack = false;
        SendMutations(link, now);
        DropSnapshotWhenOld(now);
        CloseWindowWhenDue(now);
        AgreeAnewIfNeeded(link, now);
        return _links.Contains(link);
    }

    /// <summary>Moves the committed offset to the least that the required set holds, and lets replies go that waited for it.</summary>
    private void AdvanceCommitted(Instant now)
    {
        long committed = LogEnd;
        foreach (CopyName member in Plants(PlantedBug.ForgetsMember) ? RequiredMembers().SkipLast(1) : RequiredMembers())
        {
            long held = _links.TryFind(member.Silo, out PrimaryLink? link) && link.Copy == member && link.Phase == LinkPhase.Online
                ? link.Acknowledged
                : -1;
            committed = Math.Min(committed, held);
        }

        if (committed <= _committed)
            return;
        _committed = committed;
        _copy.CommittedSeen = committed;
        ForgetTombstones();
        bool enough = EnoughInSync();
        while (_waiting.TryPeek(out PendingReply pending, out (long Offset, long Order) priority) && priority.Offset <= committed)
        {
            _waiting.Dequeue();
            Release(pending, enough, now);
        }

        ReleaseLeased(now);
        AdvanceHandOver(now);
    }

    /// <summary>Lets a reply go now, or once <paramref name="observed"/> is committed.</summary>
    private void ReplyWhenCommitted(PendingReply pending, long observed, Instant now)
    {
        if (observed <= _committed || Plants(PlantedBug.RepliesBeforeCommit))
            Release(pending, EnoughInSync(), now);
        else
            _waiting.Enqueue(pending, (observed, _replyOrder++));
    }

    /// <summary>
    /// The commit of its own write proves a reply: no other reign can have begun before the members acknowledged it. Any other reply is
    /// as good as the lease is at this moment, and waits until there is one. A primary that is alone in its set acknowledges to itself alone, which
    /// proves nothing: an operator may have given it up, and it not know.
    /// </summary>
    private void Release(in PendingReply pending, bool enoughInSync, Instant now)
    {
        bool isAlone = _required.Length == 0 && !Plants(PlantedBug.AnswersAloneUnheard);
        if ((pending.NeedsLease || (pending.NeedsReplicas && isAlone)) && !HoldsLease(now) && !Plants(PlantedBug.RepliesWithoutLease))
            _unleased.Enqueue(pending);
        else
            Answer(pending, enoughInSync);
    }

    private void Answer(in PendingReply pending, bool enoughInSync)
    {
        if (!pending.NeedsReplicas || enoughInSync || Plants(PlantedBug.IgnoresMinInSync))
        {
            _output.Reply(pending.Token, pending.Reply);
            return;
        }

        pending.Reply.Release();
        PooledBuffer refusal = ReplyHeader.Refusal(
            BatchStatus.Indeterminate,
            _epoch,
            $"Shard {_copy.Shard} lost replicas while the write was under way: the in-sync set has fewer than {_options.MinInSync} members beside the primary.");
        _output.Reply(pending.Token, refusal);
    }
}
