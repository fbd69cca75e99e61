using Grid.Formats.Buffers;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Time;

namespace Grid.Tests.Simulation;

/// <summary>The shell around a primary: carries its wishes out, as the grain of a real silo does.</summary>
internal sealed class SimPrimary : IPrimaryOutput, IDisposable
{
    private readonly Slot _slot;
    private readonly World _world;
    private readonly Oracle _oracle;
    private readonly Dictionary<string, Pipe> _commands = [];
    private readonly Dictionary<string, Pipe> _snapshots = [];
    private readonly Dictionary<(string, long), ReplicaCapabilities> _attached = [];
    private SnapshotJob? _job;
    private bool _flushing;
    private bool _gone;

    public SimPrimary(Slot slot, ShardCopy copy, long token, ShardRecord record)
    {
        _slot = slot;
        _world = slot.Silo.World;
        _oracle = _world.Oracles[slot.Shard];
        Copy = copy;
        Token = token;
        Core = new ShardPrimary(copy, token, record, _world.Plan.Primary with { Planted = _world.Plan.Planted }, _world.Random, this);
    }

    public ShardPrimary Core { get; }

    public ShardCopy Copy { get; }

    public long Token { get; }

    public SimSilo Silo => _slot.Silo;

    private Instant Now => _world.Now(Silo);

    public void Start()
    {
        _oracle.OnReignBegins(this);
        Turn(() => Core.Start(Silo.Alive, Now));
    }

    public void Tick() => Turn(() => Core.Tick(Now));

    public void OnSilosChanged() => Turn(() => Core.OnSilosChanged(Silo.Alive, Now));

    public AttachAnswer OnAttach(AttachRequest request)
    {
        AttachAnswer answer = default;
        Turn(() =>
        {
            _attached[(request.Copy.Silo, request.Attach)] = request.Capabilities;
            answer = Core.OnAttach(request, Now);
        });
        return answer;
    }

    public void OnAcknowledged(Acknowledgement acknowledgement) => Turn(() => Core.OnAcknowledged(acknowledgement, Now));

    public void Execute(ClientCall call, byte[] blob)
    {
        PooledBuffer request = PooledBuffer.Rent(blob.Length);
        request.Write(blob);
        Turn(() =>
        {
            _oracle.BeforeExecute(this, call);
            Core.Execute(call, request, Now);
        });
        request.Release();
    }

    public void SnapshotEnded(SnapshotJob job)
    {
        if (_job == job)
            _job = null;
        Turn(() => Core.OnSnapshotEnded(job.Plan.SnapshotId, Now));
    }

    public void SnapshotSent(string silo, long attach) => Turn(() => Core.OnSnapshotSent(silo, attach, Now));

    public void ItemSent(string silo, long attach) => Turn(() => Core.OnSent(silo, attach, Now));

    public void LinkFailed(string silo, long attach, string reason) => Turn(() => Core.OnLinkFailed(silo, attach, reason, Now));

    /// <summary>The silo died: no last word to anybody.</summary>
    public void Dispose()
    {
        _gone = true;
        foreach (Pipe pipe in _commands.Values.Concat(_snapshots.Values))
            pipe.Clear();
        _job?.Dispose();
    }

    void IPrimaryOutput.Send(string silo, long attach, PooledBuffer item) => CommandPipe(silo).Send(item, attach);

    void IPrimaryOutput.Reply(object token, PooledBuffer reply)
    {
        ClientCall call = (ClientCall)token;
        byte[] bytes = reply.Span.ToArray();
        reply.Release();
        _oracle.OnReply(this, call, bytes);
        if (_world.Chaos && _world.Random.Chance(_world.Plan.CallLost))
            return;
        _world.After(_world.CallDelayUs(null), null, () => call.Client.OnReply(call, bytes));
    }

    void IPrimaryOutput.WriteRecord(ShardRecord record) =>
        _world.Store.CompareAndSet(Silo, record, Core.Record.Nonce, () => !_gone && !Core.IsDown, (outcome, current) =>
            Turn(() => Core.OnRecordWritten(outcome, current, Now)));

    void IPrimaryOutput.AskGrants(LeaseRequest request, IReadOnlyList<CopyName> copies)
    {
        foreach (CopyName name in copies)
        {
            if (_world.Find(name.Silo) is { } there)
                _world.Tell(Silo, there, () => Grant(there, request, name));
        }
    }

    void IPrimaryOutput.RequestSync() => _world.After(_world.CallDelayUs(null), Silo, () => Turn(() => Core.OnSyncPermitted(Now)));

    void IPrimaryOutput.ReleaseSync()
    {
    }

    void IPrimaryOutput.SendSnapshot(SavedSnapshot saved, SnapshotMember member) =>
        throw new NotSupportedException("Saved snapshots are not simulated yet.");

    void IPrimaryOutput.BeginSnapshot(SnapshotPlan plan)
    {
        _oracle.OnSnapshot(this, plan, plan.Members.All(member => _attached[(member.Silo, member.Attach)].HasFlag(ReplicaCapabilities.Lz4)));
        _job = new SnapshotJob(_world, this, plan, [.. plan.Members.Select(member => SnapshotPipe(member.Silo))]);
        _job.Begin();
    }

    void IPrimaryOutput.CancelSnapshot(long snapshotId)
    {
        if (_job is { } job && job.Plan.SnapshotId == snapshotId)
            _world.After(10, Silo, job.Cancel);
    }

    void IPrimaryOutput.StartReplica(string silo, long endedAttach)
    {
        if (_world.Find(silo) is { } there)
            _world.Tell(Silo, there, () => there.Slot(_slot.Shard).Follow(Core.Epoch, endedAttach));
    }

    void IPrimaryOutput.AbandonLink(string silo)
    {
        CommandPipe(silo).Clear();
        SnapshotPipe(silo).Clear();
        _job?.Forget(silo);
    }

    void IPrimaryOutput.StepDown(string reason)
    {
        _world.Count("StepDown");
        _world.Note($"{Silo.Name} shard {_slot.Shard} epoch {Core.Epoch} steps down: {reason}");
        _oracle.OnReignEnds(this);
        _world.After(1, Silo, () =>
        {
            _job?.Cancel();
            if (_slot.Primary != this)
                return;
            _slot.Primary = null;
            if (_slot.Copy == Copy && _slot.Coming is null)
                _slot.StartReplica();
        });
    }

    void IPrimaryOutput.Report(PrimaryEvent what, string silo, string details)
    {
        _oracle.OnReport(what);
        _world.Count(what.ToString());
        _world.Note($"{Silo.Name} shard {_slot.Shard} epoch {Core.Epoch}: {what} {silo} {details}");
    }

    private void Grant(SimSilo there, LeaseRequest request, CopyName name)
    {
        if (there.Slot(_slot.Shard).Copy is { } copy && copy.Name == name && copy.TryGrant(request.Epoch, request.LeaseMs, _world.Now(there).MonotonicMs))
            _world.Tell(there, Silo, () => Turn(() => Core.OnGranted(name, request.Number, Now)));
    }

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

    private Pipe CommandPipe(string silo) => Of(_commands, silo, isSnapshot: false);

    private Pipe SnapshotPipe(string silo) => Of(_snapshots, silo, isSnapshot: true);

    private Pipe Of(Dictionary<string, Pipe> pipes, string silo, bool isSnapshot)
    {
        if (!pipes.TryGetValue(silo, out Pipe? pipe))
            pipes.Add(silo, pipe = new Pipe(_world, this, _slot.Shard, silo, isSnapshot));
        return pipe;
    }
}
