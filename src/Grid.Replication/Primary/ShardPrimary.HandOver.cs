using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Replication.Records;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <content>
/// Hand-over, the planned end of a reign: the primary seals (it executes nothing more, what comes is held), waits until everything is committed,
/// so that the receiver holds its last mutation and every reply has left, and surrenders: from then on it serves nothing, so its lease is void
/// before it ends. The receiver takes the shard over by compare-and-set like any other. Until it surrenders nobody was told anything, and
/// the primary can go on as if nothing had been.
/// </content>
public sealed partial class ShardPrimary
{
    private readonly Queue<(object Token, PooledBuffer Request)> _held = new();
    private PendingHandOver? _handOver;
    private long _heldBytes;

    /// <summary>True while nothing is executed, because the shard is about to be handed over.</summary>
    public bool IsSealed => _handOver is { SealedAtMs: not null };

    /// <summary>Begins to hand the shard over to the in-sync copy on a silo. The outcome is <see cref="IPrimaryOutput.EndHandOver"/>.</summary>
    /// <returns>Why it cannot be; null when it has begun.</returns>
    public string? HandOver(string silo, Instant now)
    {
        if (!Reigns())
            return $"Shard {_copy.Shard} has another primary.";
        if (_handOver is not null)
            return $"Shard {_copy.Shard} is being handed over to {_handOver.Receiver} already.";
        CopyName receiver = _record.Members.FirstOrDefault(member => member.Silo == silo);
        if (receiver == default)
            return $"Silo {silo} has no in-sync replica of shard {_copy.Shard}.";
        _handOver = new PendingHandOver(receiver, now.MonotonicMs);
        AdvanceHandOver(now);
        return null;
    }

    /// <summary>Seals as soon as the receiver is well and no change of the record is under way; surrenders, or gives up.</summary>
    private void AdvanceHandOver(Instant now)
    {
        if (_handOver is not { } handOver || _down)
            return;
        _links.TryFind(handOver.Receiver.Silo, out PrimaryLink? link);
        bool isWell = link is { Phase: LinkPhase.Online } && link.Copy == handOver.Receiver && _record.Names(link.Copy);
        if (handOver.SealedAtMs is not { } sealedAtMs)
        {
            if (isWell && _proposed is null && HoldsLease(now))
            {
                handOver.SealedAtMs = now.MonotonicMs;
                Flush(now);
                AdvanceHandOver(now);
            }
            else if (now.MonotonicMs - handOver.AskedAtMs >= _options.HandOverMs)
            {
                Unseal($"{handOver.Receiver} is not in step, or the lease is not held", now);
            }
        }
        else if (Plants(PlantedBug.SurrendersEarly) || (isWell && link!.Acknowledged == LogEnd && _committed == LogEnd && RepliesWaiting == 0))
        {
            Surrender(handOver.Receiver);
        }
        else if (now.MonotonicMs - sealedAtMs >= _options.SealedMs && !Plants(PlantedBug.NeverUnseals))
        {
            Unseal($"{handOver.Receiver} does not have the last mutations in time", now);
        }
    }

    private void Surrender(CopyName receiver)
    {
        string details = $"Shard {_copy.Shard} is handed over to {receiver} at {_epoch}:{LogEnd}.";
        _handOver = null;
        _output.EndHandOver(receiver, surrendered: true, details);
        if (!Plants(PlantedBug.ReignsAfterSurrender))
            StepDown(details);
    }

    /// <summary>Goes on as if nothing had been: what was held is executed in the order in which it came.</summary>
    private void Unseal(string reason, Instant now)
    {
        CopyName receiver = _handOver!.Receiver;
        _handOver = null;
        _output.EndHandOver(receiver, surrendered: false, reason);
        _heldBytes = 0;
        while (_held.TryDequeue(out (object Token, PooledBuffer Request) held))
        {
            Execute(held.Token, held.Request, now);
            held.Request.Release();
        }
    }

    private void Hold(object token, PooledBuffer request)
    {
        if (_held.Count >= _options.RepliesWaitingMax || _heldBytes + request.Length > _options.UncommittedBytesMax)
        {
            _output.Reply(token, ReplyHeader.Refusal(BatchStatus.Overloaded, _epoch, $"Shard {_copy.Shard} is being handed over and holds as many requests as it may; try again."));
            return;
        }

        _heldBytes += request.Length;
        _held.Enqueue((token, request.Retain()));
    }

    /// <summary>The reign ends: what was held is known not to have been applied.</summary>
    private void EndHandOver(string reason)
    {
        if (_handOver is { } failed)
        {
            _handOver = null;
            _output.EndHandOver(failed.Receiver, surrendered: false, reason);
        }

        while (_held.TryDequeue(out (object Token, PooledBuffer Request) held))
        {
            held.Request.Release();
            _output.Reply(held.Token, ReplyHeader.Refusal(BatchStatus.NotPrimary, 0, reason));
        }
    }

    private sealed class PendingHandOver(CopyName receiver, long askedAtMs)
    {
        public CopyName Receiver { get; } = receiver;

        public long AskedAtMs { get; } = askedAtMs;

        public long? SealedAtMs { get; set; }
    }
}
