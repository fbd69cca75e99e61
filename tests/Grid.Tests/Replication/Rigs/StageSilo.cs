using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Records;
using Grid.Replication.Replica;
using Grid.Replication.Takeover;

namespace Grid.Tests.Replication.Rigs;

/// <summary>One silo on a stage: its copy of the shard, and the replica that works on it unless it reigns.</summary>
internal sealed class StageSilo : IReplicaOutput
{
    private readonly Stage _stage;
    private Acknowledgement _shown;

    public StageSilo(Stage stage, string name, ReplicaOptions options)
    {
        _stage = stage;
        Name = name;
        Options = options;
        Commands = new StageWire(stage, this, isSnapshot: false);
        Snapshots = new StageWire(stage, this, isSnapshot: true);
        Copy = new ShardCopy(0, new CopyName(name, stage.Entropy.NextGuid()), stage.Pages);
    }

    public string Name { get; }

    public ReplicaOptions Options { get; private set; }

    public ShardCopy Copy { get; private set; }

    public ShardReplica? Replica { get; private set; }

    public StageWire Commands { get; }

    public StageWire Snapshots { get; }

    public long LastAttach { get; private set; }

    /// <summary>Nobody works on the copy, since a primary did or it was never asked for: whoever asks for a replica gets one.</summary>
    public bool IsIdle { get; set; }

    /// <summary>The reign on this silo that ended last by a hand-over.</summary>
    public SurrenderedReign? Surrendered { get; set; }

    /// <summary>Loads that ended well.</summary>
    public int Loads => Events.Count(e => e.What == ReplicaEvent.LoadEnded);

    /// <summary>How loads ended that did not end well.</summary>
    public IEnumerable<(ReplicaEvent What, string Details)> FailedLoads =>
        Events.Where(e => e.What == ReplicaEvent.LoadDropped || e.What.IsFailedLoad());

    public List<(ReplicaEvent What, string Details)> Events { get; } = [];

    /// <summary>A new state machine over the copy that is there, as a grain that was activated again has it.</summary>
    public void StartReplica()
    {
        Replica?.Dispose();
        IsIdle = false;
        Replica = new ShardReplica(Copy, Copy.TakeOwnership(), LastAttach, Options, _stage.Entropy, this);
    }

    public void Reconfigure(ReplicaOptions options)
    {
        Options = options;
        Replica?.Reconfigure(options, _stage.Now);
    }

    /// <summary>The replica lets go: its copy goes to a primary, or its silo is gone.</summary>
    public void EndReplica()
    {
        Replica?.Dispose();
        Replica = null;
        ForgetStreams();
    }

    /// <summary>What is on its way to this silo never comes: its sender is gone.</summary>
    public void ForgetStreams()
    {
        Commands.Clear();
        Snapshots.Clear();
    }

    /// <summary>The copy of the shard is thrown away, and an empty one made.</summary>
    public void Empty()
    {
        EndReplica();
        Copy.Dispose();
        Copy = new ShardCopy(0, new CopyName(Name, _stage.Entropy.NextGuid()), _stage.Pages);
        StartReplica();
    }

    public void Follow(long epoch, long endedAttach = 0)
    {
        if (Replica is null && IsIdle)
            StartReplica();
        Replica?.OnNewEpoch(epoch, _stage.Now);
        Replica?.Follow(endedAttach, _stage.Now);
    }

    public void OnItem(byte[] item, bool isSnapshot)
    {
        if (isSnapshot)
            Replica?.OnSnapshot(item, _stage.Now);
        else
            Replica?.OnCommand(item, _stage.Now);
    }

    void IReplicaOutput.Attach(AttachRequest request)
    {
        LastAttach = request.Attach;
        string from = request.Complete ? $"from {Copy.Position}, applied {request.Applied}" : "empty";
        _stage.Pass(Name, "->", _stage.PrimaryName, $"attach {request.Attach} {from} ({Stage.Text(request.Capabilities)})");
        _stage.Call(() =>
        {
            AttachAnswer? answer = _stage.Attach(request);
            if (answer != AttachAnswer.Accepted)
                _stage.Pass(_stage.PrimaryName, "->", Name, $"attach {request.Attach}: {answer?.ToString() ?? "no answer"}");
            Replica?.OnAttachAnswered(request.Attach, answer, _stage.Now);
        });
    }

    void IReplicaOutput.Acknowledge(Acknowledgement acknowledgement)
    {
        bool isNew = (acknowledgement.Attach, acknowledgement.Offset, acknowledgement.Applied) != (_shown.Attach, _shown.Offset, _shown.Applied);
        if (isNew && acknowledgement.Offset >= 0 && _stage.Settings.ShowsCommands)
            _stage.Pass(Name, "->", _stage.PrimaryName, $"acknowledge {acknowledgement.Offset}, applied {acknowledgement.Applied}");
        if (isNew)
            _shown = acknowledgement;
        _stage.Call(() => _stage.Acknowledge(acknowledgement));
    }

    ShardCopy IReplicaOutput.MakeCopy(Guid copyId) => new(0, new CopyName(Name, copyId), _stage.Pages);

    void IReplicaOutput.InstallCopy(ShardCopy next, ShardCopy old)
    {
        Copy = next;
        old.Dispose();
    }

    void IReplicaOutput.Dismiss()
    {
        _stage.Say(Name, "is not wanted and goes");
        _stage.Call(EndReplica);
    }

    void IReplicaOutput.Report(ReplicaEvent what, string details)
    {
        Events.Add((what, details));
        if (what != ReplicaEvent.Attaching)
            _stage.Say(Name, $"{what}: {details}");
    }
}
