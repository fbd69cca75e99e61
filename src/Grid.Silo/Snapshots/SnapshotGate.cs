using Microsoft.Extensions.Options;

namespace Grid.Silo.Snapshots;

/// <summary>Bounds the snapshots that a silo sends at the same time; the others wait for their turn.</summary>
internal sealed class SnapshotGate(IOptions<GridOptions> options) : IDisposable
{
    private readonly SemaphoreSlim _places = new(options.Value.SnapshotsPerSiloMax);

    /// <summary>Runs <paramref name="send"/> off the caller's scheduler once there is a place.</summary>
    public Task<T> RunAsync<T>(Func<Task<T>> send, CancellationToken cancellation) => Task.Run(
        async () =>
        {
            await _places.WaitAsync(cancellation);
            try
            {
                return await send();
            }
            finally
            {
                _places.Release();
            }
        },
        cancellation);

    public void Dispose() => _places.Dispose();
}
