using System.Text;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Tests.Replication.Rigs;

/// <summary>One operation of a test's batch; the keyspace is "ks" unless said otherwise.</summary>
internal sealed record Op(
    OperationKind Kind,
    string Key = "",
    string Value = "",
    WriteCondition Condition = WriteCondition.None,
    OperationFlags Flags = OperationFlags.None,
    ulong Version = 0,
    long TimeToLiveMs = 0,
    long Delta = 0,
    ulong Cursor = 0,
    int EntriesMax = 100,
    string Keyspace = "ks")
{
    public static Op Set(string key, string value = "v") => new(OperationKind.Set, key, value);

    public static Op Get(string key) => new(OperationKind.Get, key);

    public static Op Delete(string key) => new(OperationKind.Delete, key);

    public static Op Add(string key, long delta) => new(OperationKind.Increment, key, Delta: delta);

    public static Op Clear() => new(OperationKind.Clear);

    public static Op Scan(string prefix = "") => new(OperationKind.Scan, prefix);

    public static Op Count() => new(OperationKind.Statistics);

    public static Op Expire(string key, long ms) => new(OperationKind.Expire, key, TimeToLiveMs: ms);
}

/// <summary>Builds request blobs.</summary>
internal static class Requests
{
    public static PooledBuffer Build(
        IEnumerable<Op> operations, WriteDurability durability = WriteDurability.Replicated, ulong client = 7, long number = 0, long epoch = 1, long acknowledgedBelow = 0, int shard = 0,
        long firstOperation = 0, long settledBelow = 0, bool repeats = false, bool committed = true)
    {
        PooledBuffer buffer = PooledBuffer.Rent(256);
        new RequestHeader(shard, client, number, epoch, acknowledgedBelow, 1000, durability, Committed: committed) { SettledBelow = settledBelow, Repeats = repeats }.Write(buffer);
        OperationWriter writer = new(buffer);
        foreach (Op op in operations)
        {
            writer.Write(op.Keyspace, new Operation
            {
                Number = firstOperation == 0 ? 0 : firstOperation++,
                Kind = op.Kind,
                Key = Encoding.UTF8.GetBytes(op.Key),
                Value = Encoding.UTF8.GetBytes(op.Value),
                Condition = op.Condition,
                Flags = op.Flags,
                Version = op.Version,
                TimeToLiveMs = op.TimeToLiveMs,
                Delta = op.Delta,
                Cursor = op.Cursor,
                EntriesMax = op.EntriesMax,
                BytesMax = 1 << 16,
            });
        }

        RequestHeader.PatchCount(buffer, writer.Count);
        return buffer;
    }
}

/// <summary>One result as a test looks at it.</summary>
internal sealed record Result(OperationStatus Status, string? Value, ulong Version, long ExpiryUnixMs, long Number, byte[] Bytes);

/// <summary>A reply as a test looks at it.</summary>
internal sealed record Answer(BatchStatus Status, long Epoch, long Argument, string Message, IReadOnlyList<Result> Results)
{
    /// <summary>The only result.</summary>
    public Result Only => Results.Single();

    public static Answer Read(ReadOnlySpan<byte> reply)
    {
        ReplyHeader header = ReplyHeader.Read(reply);
        List<Result> results = [];
        SpanReader reader = new(reply[ReplyHeader.Length..]);
        for (int i = 0; i < header.Count; i++)
        {
            OperationResult result = OperationResult.Read(ref reader);
            results.Add(new Result(result.Status, result.HasValue ? Encoding.UTF8.GetString(result.Value) : null, result.Version, result.ExpiryUnixMs, result.Number, result.Value.ToArray()));
        }

        string message = header.Status == BatchStatus.Ok ? "" : ReplyHeader.ReadMessage(reply);
        return new Answer(header.Status, header.Epoch, header.Argument, message, results);
    }
}
