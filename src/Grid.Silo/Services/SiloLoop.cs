using Microsoft.Extensions.Logging;

namespace Grid.Silo.Services;

/// <summary>What a silo does in the background from when it is active until it stops.</summary>
internal abstract partial class SiloLoop : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    /// <summary>Where it is told that the work ended before its time.</summary>
    protected abstract ILogger Logger { get; }

    /// <summary>Cancelled when the silo stops.</summary>
    protected CancellationToken Stopping => _stopping.Token;

    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(GetType().Name, ServiceLifecycleStage.Active, StartAsync, StopAsync);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>What the silo's start waits for, and fails with.</summary>
    protected virtual Task PrepareAsync() => Task.CompletedTask;

    /// <summary>The work; ends by cancellation.</summary>
    protected abstract Task RunAsync(CancellationToken stopping);

    protected virtual void Dispose(bool disposing) => _stopping.Dispose();

    private async Task StartAsync(CancellationToken cancellation)
    {
        await PrepareAsync();
        CancellationToken stopping = Stopping;
        _running = Task.Run(() => WatchOverAsync(stopping), CancellationToken.None);
    }

    private async Task StopAsync(CancellationToken cancellation)
    {
        await _stopping.CancelAsync();
        await _running.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task WatchOverAsync(CancellationToken stopping)
    {
        try
        {
            await RunAsync(stopping);
        }
        catch (Exception failure)
        {
            if (!stopping.IsCancellationRequested)
                LogEnded(Logger, failure, GetType().Name);
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "{What} has ended before its time: a defect; restart the silo")]
    private static partial void LogEnded(ILogger logger, Exception failure, string what);
}
