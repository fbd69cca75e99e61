using Grid.Client.Contracts;

namespace Grid.Client.Bundles;

/// <summary>Carries bundles to the front of one silo.</summary>
internal interface IBundleCarrier
{
    /// <summary>As <see cref="IFrontGrain.ExecuteAsync"/>.</summary>
    ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle);

    /// <summary>As <see cref="IFrontGrain.CollectAsync"/>.</summary>
    ValueTask<BatchBundle> CollectAsync(long ticket);
}

/// <summary>What bundles are made by.</summary>
/// <param name="UnderWayMax">Bundles that a route carries at a time; 0 for none at all: every batch is a call of its own.</param>
internal sealed record BundleSettings(int UnderWayMax)
{
    /// <summary>The part of the client's options.</summary>
    public static BundleSettings From(GridClientOptions options) => new(options.BundlesInFlightMax);

    /// <summary>Bytes from which a batch is a call of its own, so that it holds up nobody else's transfer.</summary>
    public const int LargeBatchBytes = 128 * 1024;

    /// <summary>Bytes of batches in one bundle; the last one may go beyond.</summary>
    public const int BundleBytesMax = 512 * 1024;

    /// <summary>Batches in one bundle.</summary>
    public const int BundleBatchesMax = 1024;

    /// <summary>
    /// A front answers a call within half a second, be it with no reply at all; one that has been silent for this long, with calls
    /// under way, is not trusted any more. Below <see cref="GridClientOptions.ResendAfter"/>, so that what is sent again goes another way.
    /// </summary>
    public const int SilenceMs = 900;

    /// <summary>How long replies are collected before those that are missing are given up, in milliseconds.</summary>
    public const int CollectMs = 60_000;
}
