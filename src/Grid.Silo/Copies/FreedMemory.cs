using Grid.Silo.Services;
using Grid.Storage;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Copies;

/// <summary>
/// Gives the memory of copies that are gone back to the system, unless another copy needs it first: a replica that is dropped is mostly loaded anew, and a
/// load pays for memory that is new to the process with a good part of its time.
/// </summary>
internal sealed class FreedMemory(PagePool pages, TimeProvider time, ILogger<FreedMemory> logger) : SiloLoop
{
    /// <summary>For how long freed memory is kept: longer than a replica waits before it attaches anew and gets its turn.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromSeconds(10);

    /// <summary>The collector, which sees no reason of its own to look at large memory soon, is asked to from here on.</summary>
    private const long CollectFromBytes = 128 << 20;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    protected override async Task RunAsync(CancellationToken stopping)
    {
        using PeriodicTimer timer = new(Period, time);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            if (pages.GiveBack() >= CollectFromBytes)
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }
    }
}
