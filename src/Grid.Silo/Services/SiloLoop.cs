using Microsoft.Extensions.Logging;

namespace Grid.Silo.Services;

/// <summary>What a silo does in the background from when it is active until it stops.</summary>
internal abstract partial class SiloLoop : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;
    private string? _defect;

    /// <summary>Where it is told that the work ended before its time.</summary>
    protected abstract ILogger Logger { get; }

    /// <summary>Why the work ended before the silo's: a defect, for which there is nothing but a new process. Null while it goes on.</summary>
    public string? Defect => Volatile.Read(ref _defect);

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

    /// <summary>Work that goes on side by side. When one part fails the others are ended, and its failure is that of the whole.</summary>
    protected static async Task SideBySideAsync(CancellationToken stopping, params Func<CancellationToken, Task>[] parts)
    {
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        Task[] running = [.. parts.Select(async part => await part(ending.Token))];
        Task first = await Task.WhenAny(running);
        await ending.CancelAsync();
        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first;
    }

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
            if (stopping.IsCancellationRequested)
                return;
            Volatile.Write(ref _defect, $"{GetType().Name} has ended before its time: {failure.Message}");
            LogEnded(Logger, failure, GetType().Name);
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "{What} has ended before its time: a defect; restart the silo")]
    private static partial void LogEnded(ILogger logger, Exception failure, string what);
}
