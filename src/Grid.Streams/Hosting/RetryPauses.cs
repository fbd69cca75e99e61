using Orleans.Runtime.Providers;

namespace Grid.Streams.Hosting;

/// <summary>Pauses between attempts: doubling from the least to the longest, each somewhere in its upper half.</summary>
internal sealed class RetryPauses(TimeSpan least, TimeSpan longest) : IMessageDeliveryBackoffProvider, IQueueReaderBackoffProvider
{
    /// <inheritdoc/>
    public TimeSpan Next(int attempt)
    {
        double full = Math.Min(least.TotalMilliseconds * Math.Pow(2, Math.Clamp(attempt, 0, 30)), longest.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(full * (0.5 + Random.Shared.NextDouble() / 2));
    }
}
