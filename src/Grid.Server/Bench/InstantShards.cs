using Grid.Client.Contracts;
using Grid.Client.Pipelines;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Server.Bench;

/// <summary>
/// Shards that answer everything with the same value as soon as a thread of the pool is free: what is left is the
/// client's own work, and that of reading and writing the blobs.
/// </summary>
internal sealed class InstantShards(int shards, byte[] value) : IShardTransport, IClusterInfoSource
{
    private const long Epoch = 1;

    private long _calls;

    /// <summary>Calls made.</summary>
    public long Calls => Volatile.Read(ref _calls);

    public ValueTask<ClusterInfo> GetAsync() => new(new ClusterInfo(shards, 64 * 1024, 64 * 1024 * 1024, "instant"));

    public async ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request)
    {
        Interlocked.Increment(ref _calls);
        await Task.Yield();
        return Answer(request).HandOver();
    }

    private PooledBuffer Answer(PooledBuffer request)
    {
        RequestHeader header = RequestHeader.Read(request.Span, out int count);
        if (header.Epoch != Epoch)
            return ReplyHeader.Refusal(BatchStatus.EpochChanged, Epoch, "begin");
        PooledBuffer reply = PooledBuffer.Rent(ReplyHeader.Length + (count * (value.Length + 40)));
        new ReplyHeader(BatchStatus.Ok, Epoch, 0, count).Write(reply);
        OperationReader reader = new(request.Span, count);
        while (reader.TryRead(out Operation operation))
        {
            bool read = operation.Kind == OperationKind.Get;
            new OperationResult { HasValue = read, Value = read ? value : default(ReadOnlySpan<byte>), Version = 77 }.Write(reply);
        }

        return reply;
    }
}
