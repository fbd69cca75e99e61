using Grid.Formats.Buffers;
using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Replication.Records;

namespace Grid.Tests.Replication.Rigs;

/// <summary>The primary on a stage, with its one snapshot at a time.</summary>
internal sealed class StagePrimary : IPrimaryOutput
{
    private readonly Stage _stage;

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

    /// <summary>The snapshot that is on its way.</summary>
    public StageSnapshot? Snapshot { get; private set; }

    /// <summary>The primary's silo died, or its reign is over: nothing more comes from it.</summary>
    public bool IsGone { get; private set; }

    public PrimaryLink? Link(string silo) => Core.Links.FirstOrDefault(link => link.Silo == silo);

    public void Step()
    {
        if (IsGone)
            return;
        Snapshot?.Step();
        if (_stage.Ms % Stage.TickMs == 0)
            Core.Tick(_stage.Now);
    }

    public void ItemSent(string silo, long attach) => Core.OnSent(silo, attach, _stage.Now);

    public void LinkFailed(string silo, string reason)
    {
        if (Link(silo) is { } link)
            Core.OnLinkFailed(silo, link.Attach, reason, _stage.Now);
    }

    public void SnapshotEnded(StageSnapshot snapshot)
    {
        snapshot.Dispose();
        if (Snapshot == snapshot)
            Snapshot = null;
        Core.OnSnapshotEnded(snapshot.Plan.SnapshotId, _stage.Now);
    }

    public void Vanish()
    {
        IsGone = true;
        Snapshot?.Dispose();
        Snapshot = null;
    }

    void IPrimaryOutput.Send(string silo, long attach, PooledBuffer item) => _stage.Silo(silo).Commands.Send(item, attach);

    void IPrimaryOutput.Reply(object token, PooledBuffer reply)
    {
        _stage.Replied((StageCall)token, Answer.Read(reply.Span));
        reply.Release();
    }

    void IPrimaryOutput.WriteRecord(ShardRecord record) => _stage.WriteRecord(this, record);

    void IPrimaryOutput.BeginSnapshot(SnapshotPlan plan)
    {
        _stage.Rounds++;
        Snapshot = new StageSnapshot(_stage, this, plan);
        Snapshot.Announce();
    }

    void IPrimaryOutput.CancelSnapshot(long snapshotId)
    {
        if (Snapshot is { } snapshot && snapshot.Plan.SnapshotId == snapshotId)
            _stage.Call(() => SnapshotEnded(snapshot));
    }

    void IPrimaryOutput.StartReplica(string silo)
    {
        long epoch = Core.Epoch;
        _stage.Call(() => _stage.Silo(silo).Follow(epoch));
    }

    void IPrimaryOutput.AbandonLink(string silo)
    {
        _stage.Silo(silo).Commands.Clear();
        _stage.Silo(silo).Snapshots.Clear();
        Snapshot?.Forget(silo);
    }

    void IPrimaryOutput.StepDown(string reason)
    {
        _stage.Say(Silo, $"steps down: {reason}");
        _stage.Call(Vanish);
    }

    void IPrimaryOutput.Report(PrimaryEvent what, string silo, string details)
    {
        _stage.Events.Add((what, silo, details));
        _stage.Say(Silo, $"{what} {(silo == Silo ? "" : $"({silo})")}: {details}".Replace(" :", ":", StringComparison.Ordinal));
    }
}
