using Microsoft.Extensions.Options;

namespace Grid.Silo.Snapshots;

/// <summary>
/// Bounds the snapshots that a silo sends at the same time; the others wait for their turn, and say so. The work is done on threads of its
/// own, behind everything else: a full sync must not cost the clients their latency.
/// </summary>
internal sealed class SnapshotGate(IOptions<GridOptions> options) : IDisposable
{
    private readonly SemaphoreSlim _places = new(options.Value.SnapshotsPerSiloMax);
    private readonly BackgroundThreads _threads = new("grid snapshots", Math.Min(Environment.ProcessorCount, options.Value.SnapshotsPerSiloMax));
    private readonly TimeSpan _signEvery = TimeSpan.FromMilliseconds(options.Value.ReplicaTimeoutMs / 4.0);

    /// <summary>Sends a snapshot once there is a place.</summary>
    public Task<SnapshotOutcome> SendAsync(SnapshotSender sender, CancellationToken cancellation) => _threads.RunAsync(async () =>
    {
        await sender.AnnounceAsync(cancellation);
        while (!await _places.WaitAsync(_signEvery, cancellation))
            await sender.SignOfLifeAsync(cancellation);
        try
        {
            return await sender.RunAsync(cancellation);
        }
        finally
        {
            _places.Release();
        }
    });

    public void Dispose()
    {
        _places.Dispose();
        _threads.Dispose();
    }
}
