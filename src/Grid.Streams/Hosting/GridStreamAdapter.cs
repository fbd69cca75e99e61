using Grid.Streams.Lanes;
using Grid.Streams.Queues;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace Grid.Streams.Hosting;

/// <summary>The provider as Orleans' persistent-stream machinery sees it, and its owner of all that lives on this silo.</summary>
internal sealed partial class GridStreamAdapter :
    IQueueAdapterFactory, IQueueAdapter, IQueueAdapterCache, IStreamFailureHandler, IGridStreamControl,
    ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private readonly StreamTable _streams;
    private readonly StreamInstruments _instruments;
    private readonly ITimer _sweeper;
    private readonly ILogger _logger;

    public GridStreamAdapter(
        string name,
        GridStreamOptions options,
        TimeProvider time,
        IGridStreamFaults? faults,
        ILogger<GridStreamAdapter> logger)
    {
        Name = name;
        _logger = logger;
        _instruments = new StreamInstruments(name, GetStatistics);
        Balancer = new LaneBalancer(logger);
        _streams = new StreamTable(
            name,
            new StreamSetting(options, time, _instruments, faults, OnFailed),
            Balancer.OnLanesAdded);
        _streams.AddLanesAhead();

        TimeSpan least = options.IdleTimeMax < options.DeliveryTimeMax ? options.IdleTimeMax : options.DeliveryTimeMax;
        TimeSpan period = least / 8;
        period = TimeSpan.FromMilliseconds(Math.Clamp(period.TotalMilliseconds, 10, 250));
        _sweeper = time.CreateTimer(static s => ((StreamTable)s!).Sweep(), _streams, period, period);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Serves this silo's lanes on this silo.</summary>
    public LaneBalancer Balancer { get; }

    /// <inheritdoc/>
    /// <remarks>What is acknowledged is gone: consumers cannot go back.</remarks>
    public bool IsRewindable => false;

    /// <inheritdoc/>
    public StreamProviderDirection Direction => StreamProviderDirection.ReadWrite;

    /// <inheritdoc/>
    /// <remarks>Implicit subscriptions never end; the failed stream itself refuses items.</remarks>
    public bool ShouldFaultSubsriptionOnError => false;

    /// <inheritdoc/>
    public Task QueueMessageBatchAsync<T>(
        StreamId streamId,
        IEnumerable<T> events,
        StreamSequenceToken? token,
        Dictionary<string, object>? requestContext)
    {
        // The request context stays behind: what is merged into one delivery has no single context.
        if (events is T[] array)
            return _streams.Enqueue<T>(streamId, array);
        return events is List<T> list
            ? _streams.Enqueue<T>(streamId, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(list))
            : _streams.Enqueue<T>(streamId, events.ToArray());
    }

    /// <inheritdoc/>
    public int Abandon(StreamId streamId) => _streams.Find(streamId)?.Abandon() ?? 0;

    /// <inheritdoc/>
    public Task WhenHeldAtMostAsync(StreamId streamId, long bytes) => _streams.Find(streamId)?.WhenAtMost(bytes) ?? Task.CompletedTask;

    /// <inheritdoc/>
    public GridStreamStatistics? FindStatistics(StreamId streamId) => _streams.Find(streamId)?.GetStatistics();

    /// <inheritdoc/>
    public IReadOnlyList<GridStreamStatistics> GetStatistics() => _streams.GetStatistics();

    /// <inheritdoc/>
    [Obsolete("Orleans calls the overload with a cancellation token.")]
    public Task<IQueueAdapter> CreateAdapter() => Task.FromResult<IQueueAdapter>(this);

    /// <inheritdoc/>
    public Task<IQueueAdapter> CreateAdapter(CancellationToken cancellationToken) => Task.FromResult<IQueueAdapter>(this);

    /// <inheritdoc/>
    public IQueueAdapterCache GetQueueAdapterCache() => this;

    /// <inheritdoc/>
    public IStreamQueueMapper GetStreamQueueMapper() => _streams;

    /// <inheritdoc/>
    public Task<IStreamFailureHandler> GetDeliveryFailureHandler(QueueId queueId) =>
        Task.FromResult<IStreamFailureHandler>(this);

    /// <inheritdoc/>
    public IQueueAdapterReceiver CreateReceiver(QueueId queueId) => _streams.GetLane(queueId);

    /// <inheritdoc/>
    public IQueueCache CreateQueueCache(QueueId queueId) => _streams.GetLane(queueId);

    /// <inheritdoc/>
    /// <remarks>The cursor has been told already, see <see cref="StreamCursor.RecordDeliveryFailure"/>.</remarks>
    public Task OnDeliveryFailure(
        GuidId subscriptionId,
        string streamProviderName,
        StreamId streamIdentity,
        StreamSequenceToken? sequenceToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task OnSubscriptionFailure(
        GuidId subscriptionId,
        string streamProviderName,
        StreamId streamIdentity,
        StreamSequenceToken? sequenceToken)
    {
        _streams.Find(streamIdentity)?.Fail(GridStreamFailureReason.DeliveryFailed);
        return Task.CompletedTask;
    }

    /// <summary>
    /// Ends all streams at the stage at which Orleans stops their agents. It need not get as far as that: the agents' manager is
    /// called like a grain, and a silo that is stopping does not always answer.
    /// </summary>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        $"{nameof(GridStreamAdapter)}-{Name}",
        ServiceLifecycleStage.Active,
        static _ => Task.CompletedTask,
        _ =>
        {
            _streams.Stop();
            return Task.CompletedTask;
        });

    /// <inheritdoc/>
    public void Dispose()
    {
        _sweeper.Dispose();
        _instruments.Dispose();
    }

    private void OnFailed(StreamId streamId, GridStreamFailureReason reason)
    {
        _instruments.OnFailed(reason);
        LogStreamFailed(streamId, Name, reason);
    }

    [LoggerMessage(LogLevel.Warning, "Stream {StreamId} of provider {Provider} failed ({Reason}); what was queued is dropped.")]
    private partial void LogStreamFailed(StreamId streamId, string provider, GridStreamFailureReason reason);
}
