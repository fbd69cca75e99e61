using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Takeover;

namespace Grid.Tests.Simulation;

/// <content>The primary's wishes, carried out.</content>
internal sealed partial class SimPrimary
{
    /// <summary>A link may have begun and be new since a word was sent that comes so late.</summary>
    private const int LateMs = 30;

    void IPrimaryOutput.Send(string silo, long attach, PooledBuffer item)
    {
        Damage(item, silo);
        CommandPipe(silo).Send(item, attach, () => ItemSent(silo, attach));
    }

    void IPrimaryOutput.Reply(object token, PooledBuffer reply)
    {
        ClientTry attempt = (ClientTry)token;
        byte[] bytes = reply.Span.ToArray();
        reply.Release();
        _oracle.OnReply(this, attempt, bytes);
        if (_world.Chaos && _world.Random.Chance(_world.Plan.CallLost))
            return;
        _world.After(_world.CallDelayUs(null), null, () => attempt.Call.Client.OnReply(attempt, bytes));
    }

    /// <summary>Of many batches that are executed in one step the first may have left the log before it ends.</summary>
    void IPrimaryOutput.NoteExecuted(object token, long logEnd) => _oracle.OnExecuted(this);

    void IPrimaryOutput.WriteRecord(ShardRecord record)
    {
        _oracle.OnProposal(this, record);
        _world.Store.CompareAndSet(Silo, record, Core.Record.Nonce, () => !_gone && !Core.IsDown, (outcome, current) =>
            Turn(() => Core.OnRecordWritten(outcome, current, Now)));
    }

    void IPrimaryOutput.AskGrants(LeaseRequest request, IReadOnlyList<CopyName> copies)
    {
        foreach (CopyName name in copies)
        {
            if (_world.Find(name.Silo) is { } there)
                _world.Tell(Silo, there, () => Grant(there, request, name));
        }
    }

    void IPrimaryOutput.RequestSync(long request) => Silo.Places.Request(this, request);

    void IPrimaryOutput.ReleaseSync() => Silo.Places.Release(this);

    void IPrimaryOutput.BeginSnapshot(SnapshotPlan plan)
    {
        _oracle.OnSnapshot(this, plan, member => CapabilitiesOf(member).HasFlag(ReplicaCapabilities.Lz4));
        Job = new SnapshotJob(_world, this, plan);
        Job.Begin();
    }

    void IPrimaryOutput.SendSnapshot(SavedSnapshot saved, SnapshotMember member)
    {
        _oracle.OnSending(this, saved, member, CapabilitiesOf(member));
        _world.Count($"Sends{(saved.Announcement.Compressed ? "Packed" : "Plain")}File");
        if (_damagedFiles.Contains(saved.Announcement.SnapshotId))
            _oracle.NoteCause(member.Silo, "its file is damaged");
        byte[] file = _files[saved.Announcement.SnapshotId];
        PieceStream stream = new(_world, this, saved.Announcement, member, Options.Checksums, _world.Random.Between(64, 4096), isFile: true);
        _sendings[member.Silo] = stream;
        stream.Begin();
        stream.SendFile(file, saved.Entries, () =>
        {
            _sendings.Remove(member.Silo);
            SnapshotSent(member.Silo, member.Attach);
        });
    }

    void IPrimaryOutput.CancelSnapshot(long snapshotId)
    {
        _oracle.OnSnapshotCancelled(this, snapshotId);
        _files.Remove(snapshotId);
        if (Job is { } job && job.Plan.SnapshotId == snapshotId)
            _world.After(10, Silo, job.Cancel);
        foreach (PieceStream sending in _sendings.Values.Where(sending => sending.SnapshotId == snapshotId).ToArray())
            CancelSending(sending);
    }

    void IPrimaryOutput.StartReplica(string silo, long endedAttach)
    {
        if (_avoided.Contains(silo) && !Core.Record.Members.Any(member => member.Silo == silo) && Core.Wanted?.Contains(silo) != true)
            throw _world.Violation($"Shard {_slot.Shard}: a replica is begun on {silo}, which drains.");
        if (_world.Find(silo) is { } there)
        {
            long sentAtMs = _world.NowMs;
            _world.Tell(Silo, there, () =>
            {
                if (_world.NowMs - sentAtMs > LateMs)
                    _oracle.NoteCause(silo, "a word to follow that came late");
                there.Slot(_slot.Shard).Follow(Core.Epoch, endedAttach);
            });
        }
    }

    void IPrimaryOutput.AbandonLink(string silo)
    {
        CommandPipe(silo).Clear();
        SnapshotPipe(silo).Clear();
        Job?.Forget(silo);
        if (_sendings.Remove(silo, out PieceStream? sending))
            sending.Abandon();
    }

    void IPrimaryOutput.EndHandOver(CopyName receiver, bool surrendered, string details)
    {
        _world.Count(surrendered ? "Surrendered" : "HandOverGivenUp");
        if (surrendered)
            _oracle.OnSurrender(this, receiver);
        if (surrendered)
            _slot.Surrendered = new SurrenderedReign(Core.Epoch, receiver);
        if (surrendered && _world.Find(receiver.Silo) is { } there)
            _world.After(_world.Random.Below(2000), Silo, () => _world.Tell(Silo, there, there.Slot(_slot.Shard).Activate));
    }

    void IPrimaryOutput.StepDown(string reason)
    {
        _world.Count("StepDown");
        _world.Note($"{Silo.Name} shard {_slot.Shard} epoch {Core.Epoch} steps down: {reason}");
        _oracle.OnReignEnds(this);
        _world.After(1, Silo, () =>
        {
            Job?.Cancel();
            _slot.Ghosts.Remove(this);
            if (_slot.Primary != this)
                return;
            _slot.Primary = null;
            if (_slot.Copy == Copy && _slot.Coming is null)
                _slot.StartReplica();
        });
    }

    void IPrimaryOutput.Report(PrimaryEvent what, string silo, string details)
    {
        _oracle.OnReport(this, what, silo, details);
        _world.Count(what.ToString());
        _world.Note($"{Silo.Name} shard {_slot.Shard} epoch {Core.Epoch}: {what} {silo} {details}");
    }

    /// <summary>A saved snapshot is not kept any more while its end is on its way to a member.</summary>
    private void CancelSending(PieceStream sending)
    {
        _world.Count("SendingCancelled");
        SnapshotMember member = sending.Member;
        _sendings.Remove(member.Silo);
        sending.Abandon();
        _world.After(10, Silo, () => MemberFailed(member.Silo, member.Attach, "the snapshot was not sent to its end"));
    }

    private ReplicaCapabilities CapabilitiesOf(SnapshotMember member) => _attached[(member.Silo, member.Attach)];

    private void Grant(SimSilo there, LeaseRequest request, CopyName name)
    {
        if (there.Slot(_slot.Shard).Copy is not { } copy || copy.Name != name)
            return;
        bool granted = copy.TryGrant(request.Epoch, request.RecordVersion, request.LeaseMs, _world.Now(there).MonotonicMs) || _world.Plan.Broken.HasFlag(RuntimeBug.GrantsToAnyEpoch);
        if (!granted)
            return;
        _oracle.OnGrant(request.Epoch, name);
        _world.Tell(there, Silo, () => Turn(() => Core.OnGranted(name, request.Number, Now)));
    }

    /// <summary>Inside a packed item only the frame's own checksums tell that something is wrong.</summary>
    private void Damage(PooledBuffer item, string silo)
    {
        bool packed = item.Span[1] == (byte)LinkItemKind.PackedMutations && item.Length > LinkItem.HeadLength;
        if (!packed || !Options.Checksums || !_world.Chaos || !_world.Random.Chance(_world.Plan.PayloadDamaged / 8))
            return;
        _world.Count("DamagedInFrame");
        _oracle.NoteCause(silo, "a payload damaged");
        item.WritableSpan[LinkItem.HeadLength + _world.Random.Below(item.Length - LinkItem.HeadLength)] ^= 0x04;
        LinkItem.Seal(item);
    }
}
