using Grid.Formats.Buffers;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Takeover;

namespace Grid.Tests.Replication.Rigs;

/// <summary>The primary on a stage, with the snapshot that it makes and those that it sends.</summary>
internal sealed class StagePrimary : IPrimaryOutput
{
    private readonly Stage _stage;
    private readonly Dictionary<long, byte[]> _files = [];
    private readonly List<StageSending> _sendings = [];
    private bool _heldLease;

    public StagePrimary(Stage stage, string silo, ShardCopy copy, ShardRecord record)
    {
        _stage = stage;
        Silo = silo;
        Copy = copy;
        Core = new ShardPrimary(copy, copy.TakeOwnership(), record, stage.Settings.Primary, stage.Entropy, this);
    }

    public string Silo { get; }

    public ShardCopy Copy { get; }

    public ShardPrimary Core { get; }

    /// <summary>The newest snapshot, also once it is made.</summary>
    public StageSnapshot? Snapshot { get; private set; }

    /// <summary>True while a snapshot is being made.</summary>
    public bool IsMaking { get; private set; }

    /// <summary>Files of saved snapshots.</summary>
    public int Files => _files.Count;

    /// <summary>The bytes of the one that there is.</summary>
    public byte[] OnlyFile => _files.Values.Single();

    /// <summary>The primary's silo died, or its reign is over: nothing more comes from it.</summary>
    public bool IsGone { get; private set; }

    public void Step()
    {
        if (IsGone)
            return;
        if (IsMaking)
            MakeSnapshot();
        foreach (StageSending sending in _sendings.ToArray())
            Send(sending);
        if (_stage.Ms % Stage.TickMs == 0)
        {
            Core.OnMajorityAnswered(_stage.Now.MonotonicMs, _stage.Now);
            Core.Tick(_stage.Now);
        }

        ShowLease();
    }

    public void Flush()
    {
        if (!IsGone)
            Core.Flush(_stage.Now);
    }

    public void LinkFailed(string silo, string reason)
    {
        if (Core.Links.FirstOrDefault(link => link.Silo == silo) is { } link)
            Core.OnLinkFailed(silo, link.Attach, reason, _stage.Now);
    }

    /// <summary>What makes or sends the snapshot fails.</summary>
    public void FailSnapshot() => Cancel(Snapshot!.Plan.SnapshotId);

    public void LoseFile() => _files[_files.Keys.Single()] = [];

    public void Vanish()
    {
        IsGone = true;
        IsMaking = false;
        Snapshot?.Dispose();
        _sendings.Clear();
    }

    void IPrimaryOutput.Send(string silo, long attach, PooledBuffer item)
    {
        if (_stage.IsKnown(this))
            _stage.Silo(silo).Commands.Send(item, attach);
        else
            item.Release();
    }

    void IPrimaryOutput.Reply(object token, PooledBuffer reply)
    {
        _stage.Replied((StageCall)token, Answer.Read(reply.Span));
        reply.Release();
    }

    void IPrimaryOutput.WriteRecord(ShardRecord record) => _stage.WriteRecord(this, record);

    void IPrimaryOutput.AskGrants(LeaseRequest request, IReadOnlyList<CopyName> copies)
    {
        foreach (CopyName name in copies)
            _stage.Call(() => Grant(name, request));
    }

    void IPrimaryOutput.RequestSync(long request) => _stage.Call(() => Core.OnSyncPermitted(request, _stage.Now));

    void IPrimaryOutput.ReleaseSync()
    {
    }

    void IPrimaryOutput.BeginSnapshot(SnapshotPlan plan)
    {
        _stage.Rounds++;
        Snapshot?.Dispose();
        Snapshot = new StageSnapshot(_stage, plan);
        IsMaking = true;
        if (plan.Transport == SyncTransport.Diskless)
            Announce(plan.Announcement, plan.Members);
    }

    void IPrimaryOutput.SendSnapshot(SavedSnapshot saved, SnapshotMember member)
    {
        Announce(saved.Announcement, [member]);
        if (_files[saved.Announcement.SnapshotId].Length == 0)
        {
            _stage.Call(() =>
            {
                Core.OnSnapshotUnreadable(saved.Announcement.SnapshotId, "there is no such file");
                Core.OnMemberFailed(member.Silo, member.Attach, "the snapshot was not sent to its end", _stage.Now);
            });
            return;
        }

        _sendings.Add(new StageSending(_stage, this, saved.Announcement, [member], _stage.ChangeFile(_files[saved.Announcement.SnapshotId]), saved.Entries, member.Attach));
    }

    void IPrimaryOutput.CancelSnapshot(long snapshotId)
    {
        _files.Remove(snapshotId);
        _stage.Call(() => Cancel(snapshotId));
    }

    void IPrimaryOutput.StartReplica(string silo, long endedAttach)
    {
        _stage.Call(() => _stage.AskToFollow(this, silo, endedAttach));
    }

    void IPrimaryOutput.AbandonLink(string silo)
    {
        if (_stage.IsKnown(this))
            _stage.Silo(silo).ForgetStreams();
        foreach (StageSending sending in _sendings)
            sending.Forget(silo);
    }

    void IPrimaryOutput.EndHandOver(CopyName receiver, bool surrendered, string details)
    {
        if (surrendered)
            _stage.Silo(Silo).Surrendered = new SurrenderedReign(Core.Epoch, receiver);
        _stage.Say(Silo, surrendered ? $"surrenders: {details}" : $"hand-over to {receiver} given up: {details}");
    }

    void IPrimaryOutput.StepDown(string reason)
    {
        _stage.Say(Silo, $"steps down: {reason}");
        _stage.Call(() => _stage.Gone(this));
    }

    void IPrimaryOutput.Report(PrimaryEvent what, string silo, string details)
    {
        _stage.Events.Add((what, silo, details));
        _stage.Say(Silo, silo == Silo ? $"{what}: {details}" : $"{what} ({silo}): {details}");
    }

    /// <summary>Where the snapshot has a stream of its own it begins with the announcement there as well.</summary>
    private void Announce(SyncAnnouncement announcement, IEnumerable<SnapshotMember> members)
    {
        foreach (SnapshotMember member in members.Where(member => member.DualChannel))
            _stage.Silo(member.Silo).Snapshots.SendPiece(announcement.ToItem(member.Attach, 0, Core.Epoch, Core.Committed));
    }

    private void MakeSnapshot()
    {
        StageSnapshot snapshot = Snapshot!;
        if (snapshot.Step() is not { } payload)
            return;
        IsMaking = false;
        snapshot.Dispose();
        if (snapshot.Plan.Transport == SyncTransport.Diskless)
        {
            var left = snapshot.Plan.Members.Where(member => Core.Links.Any(link => (link.Silo, link.Attach) == (member.Silo, member.Attach)));
            _sendings.Add(new StageSending(_stage, this, snapshot.Plan.Announcement, left, payload, snapshot.Entries));
            return;
        }

        _files[snapshot.Plan.SnapshotId] = payload;
        Core.OnSnapshotSaved(snapshot.Plan.SnapshotId, payload.Length, snapshot.Entries, _stage.Now);
    }

    private void Send(StageSending sending)
    {
        sending.Step();
        if (!sending.IsOver || !_sendings.Remove(sending))
            return;
        if (!_files.ContainsKey(sending.SnapshotId))
            Core.OnSnapshotEnded(sending.SnapshotId, failed: false, _stage.Now);
    }

    /// <summary>Of a snapshot that was cancelled or has failed nothing is told but that, and of a saved one to whom it was on its way.</summary>
    private void Cancel(long snapshotId)
    {
        if (IsMaking && Snapshot?.Plan.SnapshotId == snapshotId)
        {
            IsMaking = false;
            Snapshot.Dispose();
        }

        foreach (StageSending sending in _sendings.Where(sending => sending.SnapshotId == snapshotId).ToArray())
        {
            _sendings.Remove(sending);
            if (sending.IsOfFile)
                sending.Fail("the snapshot was not sent to its end");
        }

        Core.OnSnapshotEnded(snapshotId, failed: true, _stage.Now);
    }

    private void Grant(CopyName name, LeaseRequest request)
    {
        ShardCopy copy = _stage.Silo(name.Silo).Copy;
        if (IsGone || copy.Name != name || !_stage.Reaches(Silo, name.Silo))
            return;
        bool granted = copy.TryGrant(request.Epoch, request.RecordVersion, request.LeaseMs, _stage.Now.MonotonicMs);
        if (_stage.Settings.ShowsLeases)
            _stage.Pass(name.Silo, "->", Silo, granted ? $"grants epoch {request.Epoch} until {_stage.Ms + request.LeaseMs}" : $"refuses epoch {request.Epoch}, having seen {copy.EpochSeen}");
        if (granted)
            Core.OnGranted(name, request.Number, _stage.Now);
    }

    private void ShowLease()
    {
        bool holds = Core.HoldsLease(_stage.Now);
        if (holds != _heldLease && _stage.Settings.ShowsLeases && !Core.IsDown)
            _stage.Say(Silo, holds ? $"holds the lease of epoch {Core.Epoch}" : $"holds the lease of epoch {Core.Epoch} no more");
        _heldLease = holds;
    }
}
