using System.Text;
using Grid.Client.Contracts;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Cluster.Tests.Replication;

/// <summary>Talks to shard grains as the client's pipelines do, one batch outside of any order at a time.</summary>
internal sealed class RawClient(IGrainFactory grains, int shards, TimeSpan? patience = null)
{
    public const string Keyspace = "test";

    /// <summary>How long a writer waits that tries again, and goes on beside silos that die.</summary>
    public static readonly TimeSpan ShortPatience = TimeSpan.FromSeconds(2);

    private readonly TimeSpan _patience = patience ?? Until.Limit;

    public static int ShardOf(int key, int shards) => key % shards;

    /// <summary>Writes key -> value; returns how the batch and the operation ended.</summary>
    public Task<(BatchStatus Batch, OperationStatus Operation)> SetAsync(int key, string value) =>
        CallAsync(ShardOf(key, shards), (ref OperationWriter writer) => writer.Write(Keyspace, new Operation
        {
            Kind = OperationKind.Set,
            Key = Encoding.UTF8.GetBytes($"key:{key}"),
            Value = Encoding.UTF8.GetBytes(value),
        }), static (in OperationResult result) => result.Status);

    public async Task<string?> GetAsync(int key)
    {
        (BatchStatus batch, string? value) = await TryGetAsync(key);
        return batch == BatchStatus.Ok ? value : throw new InvalidOperationException($"Key {key}: {batch}");
    }

    /// <summary>Reads a key; a value only where the batch is Ok.</summary>
    public Task<(BatchStatus Batch, string? Value)> TryGetAsync(int key) =>
        CallAsync(ShardOf(key, shards), (ref OperationWriter writer) => writer.Write(Keyspace, new Operation
        {
            Kind = OperationKind.Get,
            Key = Encoding.UTF8.GetBytes($"key:{key}"),
        }), static (in OperationResult result) => result.HasValue ? Encoding.UTF8.GetString(result.Value) : null);

    private async Task<(BatchStatus Batch, T? Result)> CallAsync<T>(int shard, WriteOperations write, ReadResult<T> read)
    {
        PooledBuffer request = PooledBuffer.Rent(256);
        new RequestHeader(shard, 1, 0, 0, 0, 5000, WriteDurability.Replicated, false).Write(request);
        OperationWriter writer = new(request);
        write(ref writer);
        RequestHeader.PatchCount(request, writer.Count);

        // A client is not told of the death of a silo behind its gateway: without a bound it would wait for Orleans' 30 s.
        PooledBuffer reply = await grains.GetGrain<IShardGrain>(shard).ExecuteAsync(request).AsTask().WaitAsync(_patience);
        request.Release();
        try
        {
            return Read(reply, read);
        }
        finally
        {
            reply.ReleaseReceived();
        }
    }

    private static (BatchStatus Batch, T? Result) Read<T>(PooledBuffer reply, ReadResult<T> read)
    {
        ReplyHeader header = ReplyHeader.Read(reply.Span);
        if (header.Status != BatchStatus.Ok)
            return (header.Status, default);
        SpanReader reader = new(reply.Span[ReplyHeader.Length..]);
        return (BatchStatus.Ok, read(OperationResult.Read(ref reader)));
    }

    private delegate void WriteOperations(ref OperationWriter writer);

    private delegate T ReadResult<T>(in OperationResult result);
}
