using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace Grid.Streams.Lanes;

/// <summary>
/// Tells Orleans which queues this silo serves: its own lanes, always and alone. When a lane is added it has an agent
/// started for it.
/// </summary>
internal sealed partial class LaneBalancer(ILogger logger) : IStreamQueueBalancer
{
    private readonly Lock _gate = new();
    private readonly List<IStreamQueueBalanceListener> _listeners = [];
    private IStreamQueueMapper? _lanes;

    /// <inheritdoc/>
    public Task Initialize(IStreamQueueMapper queueMapper)
    {
        _lanes = queueMapper;
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task Shutdown() => Task.CompletedTask;

    /// <inheritdoc/>
    public IEnumerable<QueueId> GetMyQueues() => _lanes?.GetAllQueues() ?? [];

    /// <inheritdoc/>
    public bool SubscribeToQueueDistributionChangeEvents(IStreamQueueBalanceListener observer)
    {
        lock (_gate)
        {
            _listeners.Add(observer);
            return true;
        }
    }

    /// <inheritdoc/>
    public bool UnSubscribeFromQueueDistributionChangeEvents(IStreamQueueBalanceListener observer)
    {
        lock (_gate)
        {
            return _listeners.Remove(observer);
        }
    }

    /// <summary>Lanes were added.</summary>
    public void OnLanesAdded()
    {
        IStreamQueueBalanceListener[] listeners;
        lock (_gate)
        {
            listeners = [.. _listeners];
        }

        foreach (IStreamQueueBalanceListener listener in listeners)
            _ = NotifyAsync(listener);
    }

    private async Task NotifyAsync(IStreamQueueBalanceListener listener)
    {
        try
        {
            await listener.QueueDistributionChangeNotification();
        }
        catch (Exception exception)
        {
            LogAgentsNotStarted(exception);
        }
    }

    [LoggerMessage(LogLevel.Error, "Pulling agents for new stream lanes could not be started; their streams will fail by time-out.")]
    private partial void LogAgentsNotStarted(Exception exception);
}
