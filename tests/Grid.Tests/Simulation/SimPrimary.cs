using Grid.Formats.Buffers;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Time;

namespace Grid.Tests.Simulation;

/// <summary>The shell around a primary: carries its wishes out, as the grain of a real silo does.</summary>
internal sealed partial class SimPrimary : IPrimaryOutput, IDisposable
{
    private readonly Slot _slot;
    private readonly World _world;
    private readonly Oracle _oracle;
    private readonly Dictionary<string, Pipe> _commands = [];
    private readonly Dictionary<string, Pipe> _snapshots = [];
    private readonly Dictionary<(string, long), ReplicaCapabilities> _attached = [];
    private readonly Dictionary<string, PieceStream> _sendings = [];
    private readonly Dictionary<long, byte[]> _files = [];
    private readonly HashSet<long> _damagedFiles = [];
    private HashSet<string> _avoided = [];
    private bool _flushing;
    private bool _gone;

    public SimPrimary(Slot slot, ShardCopy copy, long token, ShardRecord record)
    {
        _slot = slot;
        _world = slot.Silo.World;
        _oracle = _world.Oracles[slot.Shard];
        Copy = copy;
        Token = token;
        Options = slot.Silo.PrimaryOptions;
        Core = new ShardPrimary(copy, token, record, Options, _world.Random, this);
    }

    public ShardPrimary Core { get; }

    public ShardCopy Copy { get; }

    public long Token { get; }

    public PrimaryOptions Options { get; private set; }

    public SimSilo Silo => _slot.Silo;

    /// <summary>The snapshot on its way out.</summary>
    public SnapshotJob? Job { get; private set; }

    /// <summary>True while a snapshot is taken, or a saved one is on its way to somebody.</summary>
    public bool IsSyncing => Job is not null || Core.Links.Any(link => link.Phase == LinkPhase.Syncing && _files.ContainsKey(link.SnapshotId));

    public Instant Now => _world.Now(Silo);

    /// <summary>True for a copy with which its link is in order: another one may have been silent for too long at just this moment.</summary>
    public bool FindsWell(CopyName member) => Core.Links.Any(link =>
        link.Copy == member && link.Phase != LinkPhase.Leaving && Now.MonotonicMs - link.AcknowledgedAtMs < Options.ReplicaTimeoutMs);

    public void Start()
    {
        _oracle.OnReignBegins(this);
        Turn(() => Core.Start(Silo.Alive, Now));
    }

    public void Tick() => Turn(() =>
    {
        Core.OnMajorityAnswered(Silo.Contacts.MajorityAtMs(Silo.Alive, Silo.Name, Now.MonotonicMs), Now);
        Core.Tick(Now);
        _oracle.AfterTick(this);
    });

    public void OnSilosChanged() => Turn(() => Core.OnSilosChanged(Silo.Alive, Now));

    public AttachAnswer OnAttach(AttachRequest request)
    {
        AttachAnswer answer = default;
        Turn(() =>
        {
            _attached[(request.Copy.Silo, request.Attach)] = request.Capabilities;
            long? expected = _oracle.WhereToContinue(this, request);
            answer = Core.OnAttach(request, Now);
            if (answer == AttachAnswer.Accepted)
                _oracle.OnAttached(this, request, expected);
        });
        return answer;
    }

    public void OnAcknowledged(Acknowledgement acknowledgement) => Turn(() => Core.OnAcknowledged(acknowledgement, Now));

    /// <summary>An operator, or the balance of the cluster, wants the shard elsewhere.</summary>
    public void HandOver(string silo) => Turn(() => Core.HandOver(silo, Now));

    /// <summary>Somebody who plans says where the replicas are to be.</summary>
    public void Want(string[] silos) => Turn(() => Core.Want(silos, Now));

    /// <summary>Somebody says which silos drain.</summary>
    public void Avoid(string[] silos)
    {
        _avoided = [.. silos];
        Core.Avoid(silos);
    }

    public void Execute(ClientTry attempt, byte[] blob)
    {
        PooledBuffer request = PooledBuffer.Rent(blob.Length);
        request.Write(blob);
        Turn(() =>
        {
            _oracle.BeforeExecute(this, attempt);
            Core.Execute(attempt, request, Now);
        });
        request.Release();
    }

    /// <summary>The snapshot was sent to these, or failed.</summary>
    public void SnapshotEnded(SnapshotJob job, IReadOnlyList<SnapshotMember> served, bool failed)
    {
        if (Job == job)
            Job = null;
        SparesWhoIsOnline(() =>
        {
            if (failed && _world.Plan.Broken.HasFlag(RuntimeBug.FailsWholeCohort))
                served = job.Plan.Members;
            foreach (SnapshotMember member in served)
            {
                if (failed)
                    Core.OnLinkFailed(member.Silo, member.Attach, "the snapshot was not sent to its end", Now);
                else
                    Core.OnSnapshotSent(member.Silo, member.Attach, Now);
            }

            Core.OnSnapshotEnded(job.Plan.SnapshotId, failed, Now);
        });
    }

    /// <summary>The file is whole.</summary>
    public void SnapshotSaved(SnapshotJob job, byte[] file, long entries)
    {
        if (Job == job)
            Job = null;
        _files[job.Plan.SnapshotId] = file;
        if (job.FileIsDamaged)
            _damagedFiles.Add(job.Plan.SnapshotId);
        Turn(() => Core.OnSnapshotSaved(job.Plan.SnapshotId, file.Length, entries, Now));
    }

    public void SyncPermitted(long request) => Turn(() => Core.OnSyncPermitted(request, Now));

    /// <summary>Settings are changed while it reigns.</summary>
    public void Reconfigure(PrimaryOptions options) => Turn(() =>
    {
        Dictionary<string, (long Attach, bool Stays)> before = Core.Links.ToDictionary(link => link.Silo, link => (link.Attach, Oracle.StaysWith(link, options)));
        Options = options;
        Core.Reconfigure(options, Now);
        _oracle.AfterChange(this, before);
    });

    public void SnapshotSent(string silo, long attach) => Turn(() => Core.OnSnapshotSent(silo, attach, Now));

    public void ItemSent(string silo, long attach) => Turn(() => Core.OnSent(silo, attach, Now));

    public void LinkFailed(string silo, long attach, string reason) => Turn(() => Core.OnLinkFailed(silo, attach, reason, Now));

    public void MemberFailed(string silo, long attach, string reason) => SparesWhoIsOnline(() => Core.OnMemberFailed(silo, attach, reason, Now));

    /// <summary>The silo died: no last word to anybody.</summary>
    public void Dispose()
    {
        _gone = true;
        foreach (Pipe pipe in _commands.Values.Concat(_snapshots.Values))
            pipe.Clear();
        Job?.Dispose();
        Silo.Places.Release(this);
    }

    /// <summary>Whatever becomes of a snapshot: who has loaded it keeps its link.</summary>
    private void SparesWhoIsOnline(Action action) => Turn(() =>
    {
        (string Silo, long Attach)[] online = [.. Core.Links.Where(link => link.Phase == LinkPhase.Online).Select(link => (link.Silo, link.Attach))];
        action();
        _oracle.AfterSnapshot(this, online);
    });

    private void Turn(Action action)
    {
        if (_gone)
            return;
        _world.Touch(_slot.Shard);
        action();
        if (_flushing || Core.IsDown)
            return;
        _flushing = true;
        _world.After(_world.Random.Below(400), Silo, () =>
        {
            _flushing = false;
            _world.Touch(_slot.Shard);
            if (!_gone)
                Core.Flush(Now);
        });
    }

    /// <summary>Where the pieces of a snapshot go.</summary>
    public Pipe PipeOf(SnapshotMember member) => member.DualChannel ? SnapshotPipe(member.Silo) : CommandPipe(member.Silo);

    private Pipe CommandPipe(string silo) => Of(_commands, silo, isSnapshot: false);

    private Pipe SnapshotPipe(string silo) => Of(_snapshots, silo, isSnapshot: true);

    private Pipe Of(Dictionary<string, Pipe> pipes, string silo, bool isSnapshot)
    {
        if (!pipes.TryGetValue(silo, out Pipe? pipe))
            pipes.Add(silo, pipe = new Pipe(_world, this, _slot.Shard, silo, isSnapshot));
        return pipe;
    }
}
