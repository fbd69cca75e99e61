using Grid.Formats.Binary;
using Grid.Formats.Links;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Records;
using Grid.Replication.Replica;
using Grid.Replication.Time;
using Grid.Storage;

namespace Grid.Tests.Simulation;

/// <summary>The shell around a replica: carries its wishes out, as the grain of a real silo does.</summary>
internal sealed class SimReplica : IReplicaOutput
{
    /// <summary>Another attach may follow one that is so long under way.</summary>
    private const int LateMs = 100;

    private readonly Slot _slot;
    private readonly World _world;
    private bool _gone;
    private bool _told;
    private int _attachesInRow;
    private long _attachedAtMs;
    private Guid _coming;

    public SimReplica(Slot slot, ShardCopy copy, long token)
    {
        _slot = slot;
        _world = slot.Silo.World;
        Options = slot.Silo.ReplicaOptions;
        Core = new ShardReplica(copy, token, slot.LastAttach, Options, _world.Random, this);
    }

    public ShardReplica Core { get; }

    public ReplicaOptions Options { get; private set; }

    /// <summary>True when the newest attach asked for plaintext because of damage.</summary>
    public bool AttachedFaulted { get; private set; }

    public SimSilo Silo => _slot.Silo;

    private Instant Now => _world.Now(Silo);

    public void Follow(long epoch, long endedAttach) => Turn(() =>
    {
        _told = true;

        // It attaches anew, though the reign may have answered already an attach that was on its way before the word came.
        if (epoch > Core.Copy.EpochSeen)
            _world.Oracles[_slot.Shard].NoteCause(Silo.Name, $"told of epoch {epoch}");
        Core.OnNewEpoch(epoch, Now);
        Core.Follow(endedAttach, Now);
        _told = false;
    });

    /// <summary>Settings are changed while it follows.</summary>
    public void Reconfigure(ReplicaOptions options) => Turn(() =>
    {
        Options = options;
        _told = true;
        LinkTraits traits = Core.Traits;
        bool would = traits.HasFlag(LinkTraits.OffersPacking) && options.Capabilities.HasFlag(ReplicaCapabilities.Lz4) && !Core.IsFaulted;
        bool stays = Core.Phase == ReplicaPhase.Following && would == traits.HasFlag(LinkTraits.PackedCommands);
        long attach = Core.AttachNumber;
        Core.Reconfigure(options, Now);
        _world.Oracles[_slot.Shard].AfterChange(this, stays, attach);
        _told = false;
    });

    public void Tick() => Turn(() =>
    {
        bool isLinked = Core.Phase != ReplicaPhase.Detached;
        Core.Tick(Now);
        if (isLinked && Core.Phase == ReplicaPhase.Detached)
            _world.Oracles[_slot.Shard].NoteCause(Silo.Name, "it has heard nothing");
        if (_world.Plan.Broken.HasFlag(RuntimeBug.ExpiresAtReplicas))
            Core.Copy.Store.FindExpired(Now.UnixMs, 64, new Expirer());
    });

    public void OnItem(ReadOnlySpan<byte> item, bool isSnapshot)
    {
        if (_gone)
            return;
        _world.Touch(_slot.Shard);
        bool isStrange = IsStrange(item);
        State before = Shown;
        if (isSnapshot)
            Core.OnSnapshot(item, Now);
        else
            Core.OnCommand(item, Now);
        _slot.LastAttach = Core.AttachNumber;
        if (isStrange)
            _world.Oracles[_slot.Shard].OnStrangeItem(Silo, before == Shown, $"{before} became {Shown}");
    }

    private State Shown => new(Core.Phase, Core.Copy.Log.EndOffset, Core.Copy.CommittedSeen, Core.Load?.WireBytes ?? 0, Core.AttachNumber);

    /// <summary>True for an item of another attach, or of another snapshot than the one that is loaded.</summary>
    private bool IsStrange(ReadOnlySpan<byte> bytes)
    {
        try
        {
            LinkItem item = LinkItem.Read(bytes, out _);
            return item.Kind is LinkItemKind.SnapshotChunk or LinkItemKind.SnapshotEnd ? Core.Load?.SnapshotId != item.A || (item.Attach != 0 && item.Attach != Core.AttachNumber) : item.Attach != Core.AttachNumber;
        }
        catch (MalformedException)
        {
            return false;
        }
    }

    /// <summary>The copy goes to somebody else, or the silo died.</summary>
    public void Vanish()
    {
        if (_gone)
            return;
        Core.Dispose();
        _gone = true;
        _world.Oracles[_slot.Shard].NoteCause(Silo.Name, "another replica works on the copy");
        if (_slot.Coming?.Name.CopyId == _coming)
            _slot.Coming = null;
    }

    void IReplicaOutput.Attach(AttachRequest request)
    {
        AttachedFaulted = Core.IsFaulted;
        if (!_told)
        {
            _world.Oracles[_slot.Shard].OnAttaching(this, request, Now.MonotonicMs - _attachedAtMs, _attachesInRow++);
            _attachedAtMs = Now.MonotonicMs;
        }

        long sentAtMs = _world.NowMs;
        _world.CallShard(
            Silo,
            Silo.Known,
            _slot.Shard,
            timeoutUs: 400_000,
            (there, answered) =>
            {
                AttachAnswer answer = there.OnAttach(request);
                if (_gone || request.Attach < Core.AttachNumber || _world.NowMs - sentAtMs > LateMs)
                    _world.Oracles[_slot.Shard].NoteCause(Silo.Name, "its attach was long under way");
                _world.Tell(there.Silo, Silo, () =>
                {
                    answered();
                    if (answer == AttachAnswer.NotPrimary)
                        Silo.Known[_slot.Shard] = null;
                    Turn(() => Core.OnAttachAnswered(request.Attach, answer, Now));
                });
            },
            () => Turn(() =>
            {
                _world.Oracles[_slot.Shard].NoteCause(Silo.Name, "its attach was not answered");
                Core.OnAttachAnswered(request.Attach, null, Now);
            }));
    }

    void IReplicaOutput.Acknowledge(Acknowledgement acknowledgement)
    {
        SimSilo? there = Silo.Known[_slot.Shard] ?? _world.Directory[_slot.Shard];
        if (there is null)
            return;
        _world.Tell(Silo, there, () => there.Slot(_slot.Shard).Primary?.OnAcknowledged(acknowledgement));
        if (_world.Chaos && _world.Random.Chance(_world.Plan.ItemRepeated))
            _world.Tell(Silo, there, () => there.Slot(_slot.Shard).Primary?.OnAcknowledged(acknowledgement));
    }

    ShardCopy IReplicaOutput.MakeCopy(Guid copyId)
    {
        Guid id = _world.Plan.Broken.HasFlag(RuntimeBug.KeepsNameOfEmptiedCopy) ? new Guid(_slot.Shard, 0, 0, new byte[8]) : copyId;
        _coming = id;
        return _slot.Coming = new ShardCopy(_slot.Shard, new CopyName(Silo.Name, id), _world.Pages);
    }

    void IReplicaOutput.InstallCopy(ShardCopy next, ShardCopy old)
    {
        if (_slot.Coming == next)
            _slot.Coming = null;
        _slot.Copy = next;
        old.Dispose();
    }

    void IReplicaOutput.Dismiss()
    {
        _world.Oracles[_slot.Shard].NoteCause(Silo.Name, "dismissed");
        _world.Count("ReplicaDismissed");
        _world.Note($"{Silo.Name} shard {_slot.Shard}: dismissed");
        _gone = true;
        _slot.Replica = null;
        _slot.Copy?.Dispose();
        _slot.Copy = null;
    }

    void IReplicaOutput.Report(ReplicaEvent what, string details)
    {
        if (what is ReplicaEvent.PartialResync or ReplicaEvent.LoadEnded)
            _attachesInRow = 0;
        if (what == ReplicaEvent.LoadEnded)
            _world.Oracles[_slot.Shard].OnLoaded(Core.Copy);
        if (what == ReplicaEvent.LoadOverrun)
            _world.Oracles[_slot.Shard].OnLoadOverrun(Silo, details);
        _world.Oracles[_slot.Shard].NoteCause(Silo, what, details);
        _world.Count($"Replica{what}");
        _world.Note($"{Silo.Name} shard {_slot.Shard} replica: {what} {details}");
    }

    private sealed class Expirer : IExpiredSink
    {
        public bool OnExpired(Keyspace keyspace, ReadOnlySpan<byte> key, ulong version)
        {
            keyspace.Delete(key, KeyHash.Compute(key), version, expired: true);
            return true;
        }
    }

    /// <summary>What an item may change.</summary>
    private readonly record struct State(ReplicaPhase Phase, long LogEnd, long CommittedSeen, long WireBytes, long Attach);

    private void Turn(Action action)
    {
        if (_gone)
            return;
        _world.Touch(_slot.Shard);
        action();
        _slot.LastAttach = Core.AttachNumber;
    }
}
