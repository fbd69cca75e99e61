using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Orleans.Concurrency;

namespace Grid.Client.Contracts;

/// <summary>
/// The primary of one shard; the grain's key is the shard's number. This is what <see cref="IGrid"/> talks to.
/// </summary>
[Alias("Grid.IShardGrain")]
public interface IShardGrain : IGrainWithIntegerKey
{
    /// <summary>
    /// Executes a batch of operations (<see cref="RequestHeader"/>, then <see cref="OperationWriter"/>) in its order and
    /// answers when all that it promises holds.
    /// </summary>
    /// <param name="request">
    /// The request blob. The caller keeps its reference and may release it once the answer has come; without an answer
    /// it must not, because the bytes may still be on their way out.
    /// </param>
    /// <returns>The reply blob (<see cref="ReplyHeader"/>, then results); the caller ends it with <see cref="PooledBuffer.ReleaseReceived"/>.</returns>
    /// <remarks>
    /// Batches of one client may overtake each other on the way; their <see cref="RequestHeader.Number"/> puts them
    /// back in order, and a batch outside of any order has number 0.
    /// </remarks>
    [Alias("Execute")]
    [AlwaysInterleave]
    ValueTask<PooledBuffer> ExecuteAsync(PooledBuffer request);
}
