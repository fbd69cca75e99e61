namespace Grid.Client.Hosting;

/// <summary>Tells when the connection to a gateway broke: what was under way through it is lost, and nothing else would say so.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class GatewayAlarm
{
    private TaskCompletionSource _next = Make();

    /// <summary>Ends with the next loss.</summary>
    public Task NextLoss => Volatile.Read(ref _next).Task;

    /// <summary>From Orleans: the number of connected gateways changed.</summary>
    public void OnCountChanged(object? sender, GatewayCountChangedEventArgs change)
    {
        if (change.NumberOfConnectedGateways < change.PreviousNumberOfConnectedGateways)
            Interlocked.Exchange(ref _next, Make()).TrySetResult();
    }

    private static TaskCompletionSource Make() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
