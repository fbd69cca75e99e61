using Grid.Silo.Grains;

namespace Grid.Silo.Elastic;

/// <summary>
/// Has primaries handed over, few at a time: a shard stands still from its surrender until the receiver reigns, and shards that all surrender at once
/// wait for each other there.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class HandOvers(IGrainFactory grains) : IDisposable
{
    private const int AtOnce = 2;
    private static readonly TimeSpan SurrenderTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ReignTime = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _places = new(AtOnce);

    /// <summary>Hands a shard over to the in-sync replica on a silo, and waits until it has a primary again.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="receiver">The silo.</param>
    /// <param name="obstacle">Asked when its turn has come: why the shard is not to be moved any more, null if it is.</param>
    /// <returns>Why it has not been; null when it has.</returns>
    public async Task<string?> MoveAsync(int shard, string receiver, Func<string?>? obstacle = null)
    {
        IShardReplicationGrain grain = grains.GetGrain<IShardReplicationGrain>(shard);
        await _places.WaitAsync();
        try
        {
            return obstacle?.Invoke() ?? await grain.HandOverAsync(receiver).AsTask().WaitAsync(SurrenderTime) ?? await grain.EnsureAsync().AsTask().WaitAsync(ReignTime);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            return failure.Message;
        }
        finally
        {
            _places.Release();
        }
    }

    public void Dispose() => _places.Dispose();
}
