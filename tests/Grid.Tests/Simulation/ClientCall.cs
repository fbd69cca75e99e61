using System.Text;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Tests.Simulation;

/// <summary>One operation as a client means it.</summary>
internal sealed record SimOperation(
    OperationKind Kind, string Keyspace, string Key, string Value, WriteCondition Condition, OperationFlags Flags, long TimeToLiveMs, ulong Version)
{
    /// <summary>True when the answer depends on what is there.</summary>
    public bool Looks => Kind != OperationKind.Set || Condition != WriteCondition.None || Flags != OperationFlags.None;

    /// <summary>True when the answer depends on every entry of the keyspace.</summary>
    public bool LooksAtAll => Kind is OperationKind.Scan or OperationKind.Statistics or OperationKind.Clear;
}

/// <summary>A batch of a client, through all its tries.</summary>
internal sealed class ClientCall(SimClient client, int shard, IReadOnlyList<SimOperation> operations, WriteDurability durability)
{
    /// <summary>The most operations in one call.</summary>
    public const int OperationsMax = 5;

    private readonly bool[] _onlyLookUp = new bool[operations.Count];
    private byte[]? _body;

    public SimClient Client { get; } = client;

    public int Shard { get; } = shard;

    public IReadOnlyList<SimOperation> Operations { get; } = operations;

    public WriteDurability Durability { get; } = durability;

    public long Number { get; set; }

    public long Epoch { get; set; }

    public long AcknowledgedBelow { get; set; }

    /// <summary>Number of the first operation, for ever; 0 for operations without numbers.</summary>
    public long FirstOperation { get; init; }

    public long SettledBelow { get; set; }

    /// <summary>Sent before: it may have been applied.</summary>
    public bool Repeats { get; set; }

    /// <summary>Answered, or given up.</summary>
    public bool Done { get; set; }

    /// <summary>Refused under its number, or past it: to be sent again.</summary>
    public bool Rejected { get; set; }

    public long SentAtMs { get; set; }

    /// <summary>When the client wanted it.</summary>
    public long BegunUs { get; init; }

    /// <summary>True for reads that need no lease: they may be stale, and prove nothing.</summary>
    public bool Committed { get; init; }

    public int Sends { get; set; }

    /// <summary>A later call of the client was answered: what is on the same keys here must not be done behind it.</summary>
    public void OnlyLookUp(ClientCall later)
    {
        for (int i = 0; i < Operations.Count; i++)
            _onlyLookUp[i] |= later.Operations.Any(other => Meet(Operations[i], other));
        _body = null;
    }

    /// <summary>The request blob as it is now.</summary>
    public byte[] Render()
    {
        PooledBuffer request = PooledBuffer.Rent(1024);
        request.Write(_body ??= Build());
        RequestHeader.PatchOrder(request, Number, Epoch, AcknowledgedBelow, 1000);
        RequestHeader.PatchSession(request, SettledBelow, Repeats);
        byte[] rendered = request.Span.ToArray();
        request.Release();
        return rendered;
    }

    /// <summary>The results of a reply that is <see cref="BatchStatus.Ok"/>.</summary>
    public List<SimResult> ReadResults(ReadOnlySpan<byte> reply)
    {
        ReplyHeader header = ReplyHeader.Read(reply);
        SpanReader reader = new(reply[ReplyHeader.Length..]);
        List<SimResult> results = [];
        for (int i = 0; i < header.Count; i++)
        {
            OperationResult result = OperationResult.Read(ref reader);
            bool isPacked = i < Operations.Count && Operations[i].LooksAtAll;
            results.Add(new SimResult(
                result.Status,
                result.Version,
                result.HasValue && !isPacked ? Encoding.UTF8.GetString(result.Value) : null,
                result.HasValue && isPacked ? result.Value.ToArray() : null,
                result.Number,
                result.ExpiryUnixMs));
        }

        return results;
    }

    public override string ToString() =>
        $"client {Client.Id} shard {Shard} batch {Epoch}/{Number} [{string.Join(' ', Operations.Select(operation => $"{operation.Kind}:{operation.Key}"))}]";

    private static bool Meet(SimOperation one, SimOperation other) =>
        one.Keyspace == other.Keyspace
        && (one.Key == other.Key || one.Kind == OperationKind.Clear || other.Kind == OperationKind.Clear)
        && one.Kind is not (OperationKind.Scan or OperationKind.Statistics)
        && other.Kind is not (OperationKind.Scan or OperationKind.Statistics);

    private byte[] Build()
    {
        PooledBuffer buffer = PooledBuffer.Rent(1024);
        new RequestHeader(Shard, Client.Id, 0, 0, 0, 1000, Durability, Committed).Write(buffer);
        OperationWriter writer = new(buffer);
        for (int i = 0; i < Operations.Count; i++)
        {
            SimOperation operation = Operations[i];
            writer.Write(operation.Keyspace, new Operation
            {
                Number = FirstOperation == 0 ? 0 : FirstOperation + i,
                Kind = operation.Kind,
                Condition = operation.Condition,
                Flags = operation.Flags | (_onlyLookUp[i] ? OperationFlags.OnlyLookUp : OperationFlags.None),
                Key = Encoding.UTF8.GetBytes(operation.Key),
                Value = Encoding.UTF8.GetBytes(operation.Value),
                TimeToLiveMs = operation.TimeToLiveMs,
                Version = operation.Version,
                Delta = 1,
                EntriesMax = 20,
                BytesMax = 4000,
            });
        }

        RequestHeader.PatchCount(buffer, writer.Count);
        byte[] bytes = buffer.Span.ToArray();
        buffer.Release();
        return bytes;
    }
}

/// <summary>One try of a call: its answer counts while the call has that number.</summary>
internal sealed record ClientTry(ClientCall Call, long Number, long Epoch)
{
    public bool IsCurrent => !Call.Done && Call.Number == Number && Call.Epoch == Epoch;
}

/// <summary>One result as a client sees it.</summary>
internal sealed record SimResult(OperationStatus Status, ulong Version, string? Value, byte[]? Packed, long Number, long ExpiryUnixMs);
