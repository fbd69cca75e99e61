using Grid.Formats.Buffers;
using Grid.Formats.Mutations;
using Grid.Formats.Operations;
using Grid.Replication.Copies;
using Grid.Replication.Records;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <summary>
/// The primary of one shard, for one reign: a deterministic state machine. Events and the present time go in, calls of
/// <see cref="IPrimaryOutput"/> come out; it reads no clock, starts no task and knows nothing of Orleans.
/// </summary>
/// <remarks>
/// <para>
/// A write goes: <see cref="Execute"/> appends its effect to the log and applies it to the store; the command streams
/// carry it to the replicas; <see cref="OnAcknowledged"/> moves the committed offset to the least that every copy of
/// the required set holds; then the reply leaves. A reply of any kind waits for the newest uncommitted offset that it
/// observed, so nobody ever sees what could still be lost.
/// </para>
/// <para>
/// The required set is the union of every in-sync set that the record may hold: from the moment a change is sent until
/// its outcome is known, the old and the new one both. So whichever copy a later primary adopts has every
/// acknowledged mutation. The rules are those of the design's protocol page; each file of this type holds the rules
/// of one subject.
/// </para>
/// <para>Not thread-safe: the caller serializes all calls, and holds the copy's gate during each.</para>
/// </remarks>
public sealed partial class ShardPrimary
{
    private readonly ShardCopy _copy;
    private readonly long _ownerToken;
    private PrimaryOptions _options;
    private readonly IEntropy _entropy;
    private readonly IPrimaryOutput _output;
    private readonly long _epoch;
    private readonly ClientOrder _clients;

    private long _epochStart;
    private long _committed;
    private long _tickedAtMs;
    private bool _down;

    /// <summary>Begins a reign over <paramref name="copy"/>.</summary>
    /// <param name="copy">The adopted copy: complete, and named by the record as the primary's.</param>
    /// <param name="ownerToken">The token under which the caller owns it.</param>
    /// <param name="record">The record as the takeover wrote it.</param>
    /// <param name="options">Settings.</param>
    /// <param name="entropy">Randomness.</param>
    /// <param name="output">Where effects go.</param>
    /// <exception cref="InvalidOperationException">The copy may not be adopted for this record.</exception>
    public ShardPrimary(ShardCopy copy, long ownerToken, ShardRecord record, PrimaryOptions options, IEntropy entropy, IPrimaryOutput output)
    {
        if (copy.State != CopyState.Complete || record.Primary != copy.Name)
            throw new InvalidOperationException($"Copy {copy.Name} ({copy.State}) cannot reign by {record}.");
        if (record.Epoch <= copy.History.LastEpoch)
            throw new InvalidOperationException($"Epoch {record.Epoch} is not above epoch {copy.History.LastEpoch} of the copy's log.");
        _copy = copy;
        _ownerToken = ownerToken;
        _options = options;
        Know(record, proposed: null);
        _entropy = entropy;
        _output = output;
        _epoch = record.Epoch;
        _clients = new ClientOrder(options);
    }

    /// <summary>The reign's epoch.</summary>
    public long Epoch => _epoch;

    /// <summary>Every mutation up to here is held by every member of the required set.</summary>
    public long Committed => _committed;

    /// <summary>The newest mutation.</summary>
    public long LogEnd => _copy.Log.EndOffset;

    /// <summary>True once the reign is over; every call does nothing from then on.</summary>
    public bool IsDown => _down;

    /// <summary>
    /// Begins to reign: applies the adopted tail, which is uncommitted until the set has acknowledged it in this epoch,
    /// and appends the barrier.
    /// </summary>
    /// <param name="aliveSilos">The silos that are alive, this one included.</param>
    /// <param name="now">The present.</param>
    public void Start(IReadOnlyCollection<string> aliveSilos, Instant now)
    {
        if (Plants(PlantedBug.DropsAdoptedTail))
            _copy.CutTail(Math.Max(_copy.Applied, _copy.CommittedSeen));
        _committed = Math.Min(Plants(PlantedBug.CommitsAdoptedTail) ? LogEnd : _copy.CommittedSeen, LogEnd);

        // Local reads stop before what is not committed shows.
        _copy.FreshAtMs = long.MinValue;
        _copy.ApplyUpTo(_copy.Log.EndOffset);
        _copy.CommittedSeen = _committed;
        _copy.Observe(_epoch, _record.Version);
        _copy.Lineage = _record.Lineage;
        RestoreKeyspaces();
        _epochStart = Append(Mutation.WriteBarrier(_copy.Log.Reserve(_epoch, 1)));
        _copy.History.Begin(_epoch, _epochStart);
        foreach (CopyName member in _record.Members)
            _lostSinceMs[member] = now.MonotonicMs;
        _output.Report(PrimaryEvent.ReignBegan, _copy.Name.Silo, $"epoch {_epoch} from offset {_epochStart}, {_record}");
        _tickedAtMs = now.MonotonicMs;
        _beganAtMs = now.MonotonicMs;
        OnSilosChanged(aliveSilos, now);
        AdvanceCommitted(now);
        TrimLog();
        RenewLease(now);
    }

    /// <summary>Time has passed; to be called about every 50 ms.</summary>
    public void Tick(Instant now)
    {
        if (!Reigns())
            return;
        if (now.MonotonicMs - _tickedAtMs >= _options.ReplicaTimeoutMs / 2)
            ForgiveSilence(now);
        _tickedAtMs = now.MonotonicMs;
        RenewLease(now);
        NoteFreshness(now);
        EndSilentLinks(now);
        EndLinksThatPinTooMuch(now);
        CloseWindowWhenDue(now);
        DropSnapshotWhenOld(now);
        ReleaseLeased(now);
        AdvanceHandOver(now);
        if (_down)
            return;
        UpdateInSync(now);
        ExpireSlice(now);
        GiveUpSnapshotThatKeepsTooMuch(now);
        AnswerHoles(now);
        TrimLogByAge(now);
        _copy.Store.Maintain(_options.UpkeepSteps);
        SendHeartbeats(now);
        AskForReplicas(now);
    }

    /// <summary>Ends the reign: the copy was taken by another owner, the silo drains, or the caller knows of a higher epoch.</summary>
    public void StepDown(string reason)
    {
        if (_down)
            return;
        _down = true;
        _clients.RefuseAll((token, _) => _output.Reply(token, ReplyHeader.Refusal(BatchStatus.NotPrimary, 0, reason)));
        while (_waiting.TryDequeue(out PendingReply pending, out _))
            Refuse(pending, reason);
        while (_unleased.TryDequeue(out PendingReply pending))
            Refuse(pending, reason);
        EndHandOver(reason);

        foreach (PrimaryLink link in _links)
        {
            _output.AbandonLink(link.Silo);
            link.Dispose();
        }

        _links.Clear();
        DropSnapshot();
        if (_place != SyncPlace.None)
            _output.ReleaseSync();
        _output.StepDown(reason);
    }

    private void Refuse(in PendingReply pending, string reason)
    {
        pending.Reply.Release();
        BatchStatus status = pending.Writes ? BatchStatus.Indeterminate : BatchStatus.NotPrimary;
        _output.Reply(pending.Token, ReplyHeader.Refusal(status, 0, reason));
    }

    /// <summary>
    /// True while the reign lasts; a voided owner token ends it, and word of a higher epoch that has come to the silo: a
    /// deposed primary that has nothing to write to the record would never learn of it otherwise, and its copy never follow.
    /// </summary>
    private bool Reigns()
    {
        if (_down)
            return false;
        bool owns = _copy.IsOwnedBy(_ownerToken) || Plants(PlantedBug.IgnoresOwnerToken);
        if (owns && (_copy.EpochSeen <= _epoch || Plants(PlantedBug.IgnoresHigherEpoch) || Plants(PlantedBug.IgnoresOwnerToken)))
            return true;
        StepDown(owns ? $"Epoch {_copy.EpochSeen} reigns over shard {_copy.Shard}." : "The copy was taken over by another owner.");
        return false;
    }

    /// <summary>Counts a mutation that was written into the log's reserve and is applied, or changes no data.</summary>
    private long Append(int length)
    {
        long offset = _copy.Log.Commit(length);
        _copy.Applied = offset;
        return offset;
    }

    /// <summary>True when a test has asked for this mistake.</summary>
    private bool Plants(PlantedBug bug) => _options.Planted.Has(bug);

    /// <summary>Who waits for a commit, or for the lease.</summary>
    private readonly record struct PendingReply(object Token, PooledBuffer Reply, bool Writes, bool NeedsReplicas, bool NeedsLease);
}
