using Grid.Client.Contracts;
using Grid.Client.Contracts.Operator;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Time;
using Grid.Silo.Copies;
using Grid.Silo.Elastic;
using Grid.Silo.Events;
using Grid.Silo.Fronts;
using Grid.Silo.Placement;
using Grid.Silo.Records;
using Grid.Silo.Services;
using Grid.Silo.Snapshots;
using Grid.Silo.Telemetry;
using Grid.Streams;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Streams;

namespace Grid.Silo.Grains;

/// <summary>
/// The primary of a shard: the shell around <see cref="ShardPrimary"/>, which brings it calls and time and carries its
/// effects out.
/// </summary>
/// <remarks>
/// Every call of the state machine runs on the grain's turn, under the copy's gate; what a call caused is carried out
/// behind it. The single activation of a grain is no safety argument: the owner token of the copy and the epoch are.
/// </remarks>
[GrainType("grid-shard"), ShardPlacement, Reentrant, KeepAlive, Immovable]
internal sealed partial class ShardGrain(
    CopyHost host,
    CopyClock clock,
    LocalShards shards,
    ShardRecordStore records,
    ShardPolls polls,
    SiloMembership membership,
    SiloGreeter greeter,
    SyncServices syncs,
    LeaseRenewals leases,
    ShardKeeper keeper,
    SiloBook book,
    SiloRole role,
    OperationMeter operations,
    ReplicationInstruments instruments,
    TakeoverInstruments takeovers,
    EventRing events,
    [FromKeyedServices(GridConstants.StreamProvider)] IGridStreamControl streamControl,
    GridSettings settings,
    ILogger<ShardGrain> logger) : Grain, IShardGrain, IShardReplicationGrain, IDisposable
{
    private TaskScheduler _turns = TaskScheduler.Default;
    private CancellationTokenRegistration _siloEnds;
    private IDisposable? _wakes;
    private int _shard;
    private HostedCopy? _hosted;
    private ShardPrimary? _primary;
    private IStreamProvider? _streams;
    private MembershipVersion _membershipSeen;

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        long shard = this.GetPrimaryKeyLong();
        if (shard < 0 || shard >= settings.Current.ShardCount)
            throw new InvalidOperationException($"There is no shard {shard}: the cluster has the shards 0 to {settings.Current.ShardCount - 1}.");
        _shard = (int)shard;
        _syncTraces = new SyncTraces(_shard);
        _turns = TaskScheduler.Current;
        _streams = this.GetStreamProvider(GridConstants.StreamProvider);
        _wakes = clock.Wake(_turns, OnTick);
        settings.Changed += OnSettingsChanged;

        // At once, not at the next tick: the activation's end waits for calls that wait for the reign.
        _siloEnds = role.Ended.Register(() => Post(() => StepDown("the silo stops")));
        await BeginReignOrMoveOnAsync();
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _wakes?.Dispose();
        settings.Changed -= OnSettingsChanged;
        _siloEnds.Dispose();
        StepDown($"the activation ends: {reason.Description}");
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _wakes?.Dispose();
        _job?.Dispose();
    }

    /// <inheritdoc/>
    public ValueTask<PooledBuffer> ExecuteAsync(PooledBuffer request)
    {
        if (_primary is null)
            return ExecuteOnceReigningAsync(request);
        PendingRequest pending = new(elsewhere: false);
        Run(static (primary, call, now) => call.Grain.Execute(primary, call.Pending, call.Request, now), (Grain: this, Pending: pending, Request: request), flush: true);
        request.ReleaseReceived();
        AnswerIfReignEnded(pending);
        return pending.Task;
    }

    /// <inheritdoc/>
    public async ValueTask<AttachAnswer> AttachAsync(AttachCall call)
    {
        if (await WaitForReignAsync() is not null)
            return AttachAnswer.NotPrimary;
        AttachAnswer answer = AttachAnswer.NotPrimary;
        _syncTraces.OnAttach(call.Silo, call.TraceParent);
        Run((primary, request, now) => answer = primary.OnAttach(request, now), call.ToRequest());
        return answer;
    }

    /// <inheritdoc/>
    public Task AcknowledgeAsync(AcknowledgeCall call)
    {
        Run(static (primary, told, now) => told.Grain.TakeAcknowledgement(primary, told.Call, now), (Grain: this, Call: call));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<string?> EnsureAsync() => WaitForReignAsync();

    private async ValueTask<PooledBuffer> ExecuteOnceReigningAsync(PooledBuffer request)
    {
        string? problem = await WaitForReignAsync();
        if (problem is null)
            return await ExecuteAsync(request);
        request.ReleaseReceived();
        BatchStatus status = _unavailable ? BatchStatus.Unavailable : BatchStatus.NotPrimary;
        return ReplyHeader.Refusal(status, 0, problem).HandOver();
    }

    /// <summary>
    /// The end of the reign answered all that waited; a request that it ended in the middle of is answered here. A call that never ended would keep the
    /// activation, and with it the shard, from everybody.
    /// </summary>
    private void AnswerIfReignEnded(ReplyToken token)
    {
        if (_primary is null)
            token.Complete(ReplyHeader.Refusal(BatchStatus.Indeterminate, 0, $"The reign over shard {_shard} ended during the request."), operations, _shard);
    }

    private void OnSettingsChanged(GridOptions changed) => Post(() =>
        Run(static (primary, options, now) => primary.Reconfigure(options, now), changed.ToPrimaryOptions()));

    private void OnTick()
    {
        if (_primary is null)
        {
            BeginReignAgainWhenDue();
            return;
        }

        // It has stepped down in a turn that did not come to its end.
        if (_primary.IsDown)
        {
            _downReason ??= "a defect ended it";
            AfterTurn();
            return;
        }

        // A silo that leaves must not judge its replicas by links that its own end cuts: it would take the shard with it.
        if (!membership.Current.Active.Contains(membership.Local))
        {
            StepDown("the silo leaves the cluster");
            return;
        }

        if (_membershipSeen != membership.Current.Version)
        {
            _membershipSeen = membership.Current.Version;
            Run(static (primary, alive, now) => primary.OnSilosChanged(alive, now), membership.Current.Active);
        }

        AvoidDrainingSilos();
        Run(
            static (primary, greeter, now) =>
            {
                primary.OnMajorityAnswered(greeter.MajorityAtMs(now.MonotonicMs), now);
                primary.Tick(now);
            },
            greeter);
    }

    private void StepDown(string reason) => Run(static (primary, why, _) => primary.StepDown(why), reason);

    /// <summary>One event for the state machine, then everything that it caused.</summary>
    private void Run<T>(Action<ShardPrimary, T, Instant> step, T argument, bool flush = false)
    {
        if (_primary is not { } primary || _hosted is not { } hosted)
            return;
        Instant now = SiloClock.Now;
        lock (hosted.Copy.Gate)
        {
            try
            {
                step(primary, argument, now);
                if (flush)
                    primary.Flush(now);
                ReportSent(primary, now);
            }
            catch (Exception defect)
            {
                LogDefect(defect, _shard, primary.Epoch);
                events.Add(EventKind.Failure, EventSeverity.Error, _shard, primary.Epoch, $"a defect in the primary, it steps down: {defect.Message}");
                primary.StepDown($"an internal error ended the reign: {defect.Message}");
            }
        }

        AfterTurn();
    }

    /// <summary>A state machine that threw may have left a step half done: it must not go on.</summary>
    [LoggerMessage(Level = LogLevel.Critical, Message = "Shard {Shard}: a defect in the primary of epoch {Epoch}; it steps down")]
    private partial void LogDefect(Exception defect, int shard, long epoch);
}
