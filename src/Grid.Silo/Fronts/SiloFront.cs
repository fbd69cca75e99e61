using Grid.Client.Contracts;
using Grid.Client.Pipelines;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Silo.Grains;
using Grid.Silo.Telemetry;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Fronts;

/// <summary>
/// Takes bundles of batches for this silo: each batch goes into the inbox of its shard's primary; those of shards that are elsewhere
/// are passed on.
/// </summary>
internal sealed partial class SiloFront(LocalShards shards, FrontCalls calls, ILogger<SiloFront> logger)
{
    /// <summary>Executes a bundle.</summary>
    /// <param name="bundle">The bundle; its blobs are this method's.</param>
    /// <param name="elsewhere">The way to shards that are not here.</param>
    public ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle, IShardTransport elsewhere)
    {
        if (bundle.Count == 0)
            return new(new BatchBundle(0));
        if (calls.TryOpen(bundle.Count) is not { } call)
            return new(RefuseAll(bundle));
        ValueTask<BatchBundle> task = call.Task;
        for (int i = 0; i < bundle.Count; i++)
        {
            (int place, PooledBuffer blob) = bundle[i];
            ReplyToken token = call.At(place);
            if (!RequestHeader.TryReadShard(blob.Span, out int shard))
            {
                new ShardWork(token, blob, default).Refuse(BatchStatus.Malformed, "A blob in a bundle is too short to be a batch.");
                continue;
            }

            ShardInbox? inbox = shards.Find(shard);
            token.Trace = BatchTrace.AtFront(blob, shard, isHere: inbox is not null);
            if (inbox is not null)
                inbox.Post(new ShardWork(token, blob, default));
            else
                _ = PassOnAsync(token, shard, blob, elsewhere);
        }

        return task;
    }

    /// <summary>Gives more replies, see <see cref="IFrontGrain.CollectAsync"/>.</summary>
    public ValueTask<BatchBundle> CollectAsync(long ticket) => calls.Collect(ticket);

    private async Task PassOnAsync(ReplyToken token, int shard, PooledBuffer blob, IShardTransport elsewhere)
    {
        PooledBuffer reply;
        try
        {
            reply = await elsewhere.ExecuteAsync(shard, blob).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            // An empty blob: nothing is known, and the client asks again under the batch's number.
            LogNotPassedOn(fault, shard);
            reply = PooledBuffer.Rent(1);
        }

        token.Complete(reply);
        token.OnExecuted();
    }

    private static BatchBundle RefuseAll(BatchBundle bundle)
    {
        BatchBundle refusals = new(bundle.Count);
        for (int i = 0; i < bundle.Count; i++)
        {
            (int place, PooledBuffer blob) = bundle[i];
            blob.ReleaseReceived();
            refusals.Add(place, ReplyHeader.Refusal(BatchStatus.Overloaded, 0, $"The silo has {FrontCalls.CallsMax} calls waiting for replies, or is about to end; try again.").HandOver());
        }

        return refusals;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Shard {Shard}: a batch that was passed on got no answer")]
    private partial void LogNotPassedOn(Exception fault, int shard);
}
