using Grid.Silo.Copies;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Services;

/// <summary>
/// Whether this silo gets anything done: asks its own service something every second, by a call that goes through the silo's messages, scheduler and
/// thread pool, and nowhere else. A silo that hangs answers nobody, itself included.
/// </summary>
/// <remarks>Thread-safe. One call is under way at a time.</remarks>
internal sealed class SiloPulse(IGridSiloServiceClient silos, CopyHost host, FirstFill fill, TimeProvider time, ILogger<SiloPulse> logger) : SiloLoop
{
    /// <summary>A silo without a beat for so long hangs; a collection or a starved machine ends sooner.</summary>
    public static readonly TimeSpan StallMax = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(5);

    private long _last;

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    /// <summary>How long nothing has been done; zero while there is nothing to do, before the silo is active and once it stops.</summary>
    public TimeSpan Stall => Volatile.Read(ref _last) is var last && last != 0 && !Stopping.IsCancellationRequested ? time.GetElapsedTime(last) : TimeSpan.Zero;

    protected override Task PrepareAsync()
    {
        Beat();
        return Task.CompletedTask;
    }

    protected override async Task RunAsync(CancellationToken stopping)
    {
        IGridSiloService own = silos.At(SiloAddress.FromParsableString(host.Silo));
        using PeriodicTimer timer = new(Period, time);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            try
            {
                await own.GetFactsAsync().AsTask().WaitAsync(AnswerTime, time, stopping);
                Beat();
                fill.Look();
            }
            catch (Exception failure) when (failure is TimeoutException or OrleansException)
            {
                // No beat: the stall grows, and whoever watches over the silo is told of it.
            }
        }
    }

    private void Beat() => Volatile.Write(ref _last, Math.Max(1, time.GetTimestamp()));
}
