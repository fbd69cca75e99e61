using Orleans.Concurrency;

namespace Grid.Client.Contracts;

/// <summary>
/// The front of a silo: takes batches of many shards in one call. Every silo answers for itself (a stateless worker), so a client
/// reaches the silo of the gateway to which Orleans sends the grain's key; different keys may go to different gateways.
/// </summary>
[Alias("Grid.IFrontGrain")]
public interface IFrontGrain : IGrainWithIntegerKey
{
    /// <summary>Tells whose front this is, and where the primaries are as far as the silo knows.</summary>
    [Alias("Describe")]
    [AlwaysInterleave]
    ValueTask<FrontInfo> DescribeAsync();

    /// <summary>
    /// Hands each batch to the primary of its shard, as <see cref="IShardGrain.ExecuteAsync"/> would; batches of shards that are
    /// elsewhere are passed on.
    /// </summary>
    /// <param name="bundle">The batches: at most <see cref="BatchBundle.CountMax"/>.</param>
    /// <returns>
    /// The replies that are there once all are, or once others have waited for the rest for some milliseconds; then
    /// <see cref="BatchBundle.Ticket"/> is not 0, and the rest is to be collected. A reply may hold none.
    /// </returns>
    [Alias("Execute")]
    [AlwaysInterleave]
    ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle);

    /// <summary>Gives more replies of an earlier call, in the same way.</summary>
    /// <param name="ticket">What the last reply to that call said; each ticket is good for one call.</param>
    /// <exception cref="InvalidOperationException">The silo does not know the ticket: it is not that silo, or nobody came for a minute.</exception>
    [Alias("Collect")]
    [AlwaysInterleave]
    ValueTask<BatchBundle> CollectAsync(long ticket);
}

/// <summary>What a front knows of the cluster.</summary>
/// <param name="Silo">The silo that answers.</param>
/// <param name="Silos">The silos that take work, by name.</param>
/// <param name="SiloOfShard">For each shard the index of its primary's silo in <paramref name="Silos"/>; -1 if it is not known.</param>
[GenerateSerializer]
[Immutable]
[Alias("Grid.FrontInfo")]
public sealed record FrontInfo(
    [property: Id(0)] string Silo,
    [property: Id(1)] string[] Silos,
    [property: Id(2)] int[] SiloOfShard);
