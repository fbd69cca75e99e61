using Grid.Formats.Buffers;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Replica;
using Grid.Replication.Time;
using Grid.Silo.Copies;
using Grid.Silo.Events;
using Grid.Silo.Fronts;
using Grid.Silo.Placement;
using Grid.Silo.Services;
using Grid.Silo.Snapshots;
using Grid.Silo.Telemetry;
using Grid.Storage;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace Grid.Silo.Grains;

/// <summary>
/// The replica of a shard on one silo: the shell around <see cref="ShardReplica"/>, which brings it the items of its two
/// streams and time and carries its effects out.
/// </summary>
/// <remarks>
/// The copy lives in the silo's copy host. When a primary takes it over in place, this grain finds its token void and
/// goes; when the shard wants a replica here again, it is told to follow and takes the copy anew.
/// </remarks>
[GrainType("grid-replica"), SiloBoundPlacement, Reentrant, KeepAlive, Immovable]
[ImplicitStreamSubscription(GridConstants.CommandStreams)]
[ImplicitStreamSubscription(GridConstants.SnapshotStreams)]
internal sealed partial class ReplicaGrain(
    CopyHost host,
    CopyClock clock,
    AcknowledgementSender acknowledgements,
    ReplicationInstruments instruments,
    SyncInstruments syncs,
    EventRing events,
    GridSettings settings,
    BackgroundThreads background,
    PagePool pages,
    ILogger<ReplicaGrain> logger)
    : Grain, IReplicaGrain, IReplicaOutput, IStreamSubscriptionObserver
{
    private TaskScheduler _turns = TaskScheduler.Default;
    private IDisposable? _wakes;
    private int _shard;
    private HostedCopy? _hosted;
    private ShardReplica? _replica;
    private IShardReplicationGrain? _primary;
    private Acknowledgement? _acknowledgement;
    private ReplicaSync? _sync;
    private bool _dismissed;
    private long _loadSince;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _shard = SiloBoundKey.ShardOf(this.GetPrimaryKeyString());
        _primary = GrainFactory.GetGrain<IShardReplicationGrain>(_shard);
        _turns = TaskScheduler.Current;
        _sync = new ReplicaSync(_shard, host.Silo, syncs);
        settings.Changed += OnSettingsChanged;

        // An activation that ended left a copy with nobody at it, whose primary would wait for the replica's time-out.
        if (host.Find(_shard) is { Primary: null, Copy.State: CopyState.Complete })
            Take(epoch: 0);
        _wakes = clock.Wake(_turns, OnTick);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _wakes?.Dispose();
        settings.Changed -= OnSettingsChanged;
        LetGo();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory)
    {
        bool commands = handleFactory.StreamId.GetNamespace() == GridConstants.CommandStreams;
        await handleFactory.Create<PooledBuffer>().ResumeAsync(new ItemObserver(this, commands));
    }

    /// <inheritdoc/>
    public Task FollowAsync(long epoch, long endedAttach)
    {
        Take(epoch);
        Run((replica, now) =>
        {
            replica.OnNewEpoch(epoch, now);
            replica.Follow(endedAttach, now);
        });
        return Task.CompletedTask;
    }

    private void OnSettingsChanged(GridOptions changed) => _ = Task.Factory.StartNew(
        () => Run((replica, now) => replica.Reconfigure(changed.ToReplicaOptions(), now)),
        CancellationToken.None,
        TaskCreationOptions.DenyChildAttach,
        _turns);

    private void OnTick() => Run(static (replica, now) => replica.Tick(now));

    /// <summary>Takes the silo's copy of the shard, unless a primary reigns on it or this grain has it already.</summary>
    private void Take(long epoch)
    {
        HostedCopy hosted = host.GetOrCreate(_shard);
        if (_replica is { } replica && _hosted == hosted && !hosted.IsFreed && hosted.Use(copy => copy == replica.Copy && copy.IsOwnedBy(replica.OwnerToken)))
            return;
        LetGo();
        hosted.Use(copy =>
        {
            if (hosted.IsFreed)
                return false;
            if (hosted.Primary is { IsDown: false })
            {
                // A deposed primary that does not know it yet: it steps down at its next turn, and the copy is free to follow.
                copy.Observe(epoch, 0);
                return false;
            }

            hosted.Replica?.Dispose();
            _replica = hosted.Replica = new ShardReplica(copy, copy.TakeOwnership(), host.NextAttachBase(), settings.Current.ToReplicaOptions(), SiloEntropy.Instance, this);
            _hosted = hosted;
            return true;
        });
    }

    /// <summary>One event for the state machine under the gate of the copy in place, then what it caused.</summary>
    private void Run(Action<ShardReplica, Instant> step)
    {
        if (_replica is not { } replica || _hosted is not { } hosted)
            return;
        Instant now = SiloClock.Now;
        bool owns = hosted.Use(copy =>
        {
            if (hosted.IsFreed || copy != replica.Copy || !copy.IsOwnedBy(replica.OwnerToken))
                return false;
            try
            {
                step(replica, now);
            }
            catch (Exception defect)
            {
                LogDefect(defect, _shard);
                return false;
            }

            return true;
        });
        if (owns)
            AfterTurn(hosted);
        else
            LetGo();
    }

    private void AfterTurn(HostedCopy hosted)
    {
        if (_acknowledgement is { } acknowledgement)
        {
            _acknowledgement = null;
            acknowledgements.Send(AcknowledgeCall.From(acknowledgement));
        }

        if (!_dismissed)
            return;
        LetGo();
        host.Drop(hosted);
        _wakes?.Dispose();
        DeactivateOnIdle();
    }

    /// <summary>A state machine that threw may have left a step half done: a new one starts from the copy.</summary>
    [LoggerMessage(Level = LogLevel.Critical, Message = "Shard {Shard}: a defect in the replica; it starts anew")]
    private partial void LogDefect(Exception defect, int shard);

    private void LetGo()
    {
        if (_replica is { } replica && _hosted is { } hosted)
        {
            hosted.Use(_ =>
            {
                replica.Dispose();
                if (hosted.Replica == replica)
                    hosted.Replica = null;
                return true;
            });
        }

        _sync?.Drop();
        _replica = null;
        _hosted = null;
        _dismissed = false;
        _acknowledgement = null;
    }

    /// <summary>Takes an item of the snapshot stream; what takes long is done behind everything else that the silo does.</summary>
    private async Task TakeSnapshotItemAsync(PooledBuffer item)
    {
        SnapshotPiece? piece = null;
        Run((replica, now) => piece = replica.BeginSnapshotItem(item.Span, now));
        if (piece is null)
            return;
        await background.RunAsync(() =>
        {
            // A load takes new memory all the time: large pages of it, ahead of need, cost the least.
            pages.Prepare();
            piece.Load(item.Span);
        });
        Run((replica, now) => replica.EndPiece(piece, now));

        // Where another replica has taken this one's place, or none has.
        piece.Dispose();
    }

    private sealed class ItemObserver(ReplicaGrain grain, bool commands) : IAsyncBatchObserver<PooledBuffer>
    {
        public async Task OnNextAsync(IList<SequentialItem<PooledBuffer>> items)
        {
            if (commands)
            {
                grain.Run((replica, now) =>
                {
                    foreach (SequentialItem<PooledBuffer> item in items)
                        replica.OnCommand(item.Item.Span, now);
                });
            }
            else
            {
                foreach (SequentialItem<PooledBuffer> item in items)
                    await grain.TakeSnapshotItemAsync(item.Item);
            }

            foreach (SequentialItem<PooledBuffer> item in items)
                item.Item.ReleaseReceived();
        }

        public Task OnErrorAsync(Exception ex)
        {
            grain.LogStreamFailed(ex, grain._shard);
            return Task.CompletedTask;
        }
    }
}
