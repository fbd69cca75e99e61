using Grid.Formats.Mutations;
using Grid.Replication.Links;
using Grid.Replication.Records;
using Orleans.Concurrency;

namespace Grid.Silo.Grains;

/// <summary>What replicas and survivors say to the primary of a shard; the grain's key is the shard's number.</summary>
[Alias("Grid.IShardReplicationGrain")]
internal interface IShardReplicationGrain : IGrainWithIntegerKey
{
    /// <summary>A replica wants to follow.</summary>
    [Alias("Attach")]
    [AlwaysInterleave]
    ValueTask<AttachAnswer> AttachAsync(AttachCall call);

    /// <summary>A replica tells what its log holds. Lost ones are made good by the next.</summary>
    [Alias("Acknowledge")]
    [AlwaysInterleave, OneWay]
    Task AcknowledgeAsync(AcknowledgeCall call);

    /// <summary>Sees to it that the shard has a primary; returns why it does not serve, null if it does.</summary>
    [Alias("Ensure")]
    [AlwaysInterleave]
    ValueTask<string?> EnsureAsync();

    /// <summary>Tells the primary on which silos the shard's replicas are to be. It grows first, and drops what is elsewhere when enough are in sync.</summary>
    /// <param name="silos">The silos.</param>
    /// <param name="byOperator">True for an operator's word, which holds against the rebalance for half a minute.</param>
    /// <returns>Why it is not so; null when it is.</returns>
    [Alias("Want")]
    [AlwaysInterleave]
    ValueTask<string?> WantAsync(string[] silos, bool byOperator);

    /// <summary>An operator wants the primary to stay on the silo where it is, or lets the rebalance have it again. Holds for this reign.</summary>
    /// <param name="silo">The silo; null to let it go.</param>
    /// <returns>Why it is not so; null when it is.</returns>
    [Alias("Pin")]
    [AlwaysInterleave]
    ValueTask<string?> PinAsync(string? silo);

    /// <summary>Hands the shard over to the in-sync replica on a silo: in tens of milliseconds, without an error at any client.</summary>
    /// <returns>
    /// Why the shard stays where it is; null once the primary has surrendered, or when it is on that silo already. The new one begins to reign
    /// a moment later (<see cref="EnsureAsync"/>).
    /// </returns>
    [Alias("HandOver")]
    [AlwaysInterleave]
    ValueTask<string?> HandOverAsync(string silo);
}

/// <summary>The replica of one shard on one silo; the key is <c>SHARD/SILO</c>.</summary>
[Alias("Grid.IReplicaGrain")]
internal interface IReplicaGrain : IGrainWithStringKey
{
    /// <summary>The primary of <paramref name="epoch"/> asks the replica to attach, also if it still believes in the link <paramref name="endedAttach"/>.</summary>
    [Alias("Follow")]
    [AlwaysInterleave]
    Task FollowAsync(long epoch, long endedAttach);
}

/// <summary><see cref="AttachRequest"/> on the wire.</summary>
[GenerateSerializer, Immutable, Alias("Grid.AttachCall")]
internal sealed record AttachCall
{
    [Id(0)] public int Shard { get; init; }
    [Id(1)] public string Silo { get; init; } = "";
    [Id(2)] public Guid CopyId { get; init; }
    [Id(3)] public Guid NextCopyId { get; init; }
    [Id(4)] public long Attach { get; init; }
    [Id(5)] public int Capabilities { get; init; }
    [Id(6)] public bool Complete { get; init; }
    [Id(7)] public long LogEnd { get; init; }
    [Id(8)] public long Applied { get; init; }
    [Id(9)] public long[] History { get; init; } = [];
    [Id(10)] public Guid Lineage { get; init; }
    [Id(11)] public long EpochSeen { get; init; }

    /// <summary>The replica's span, as a traceparent of W3C Trace Context; null when it is not recorded.</summary>
    [Id(12)] public string? TraceParent { get; init; }

    /// <summary>0 from a silo of a version that pushed back by itself.</summary>
    [Id(13)] public long KeptBytesMax { get; init; }

    [Id(14)] public long FailedSnapshot { get; init; }

    public static AttachCall From(AttachRequest request, string? traceParent) => new()
    {
        TraceParent = traceParent,
        Shard = request.Shard,
        Silo = request.Copy.Silo,
        CopyId = request.Copy.CopyId,
        NextCopyId = request.NextCopyId,
        Attach = request.Attach,
        Capabilities = (int)request.Capabilities,
        Complete = request.Complete,
        LogEnd = request.LogEnd,
        Applied = request.Applied,
        History = [.. request.History.SelectMany(start => new[] { start.Epoch, start.FirstOffset })],
        Lineage = request.Lineage,
        EpochSeen = request.EpochSeen,
        KeptBytesMax = request.KeptBytesMax,
        FailedSnapshot = request.FailedSnapshot,
    };

    public AttachRequest ToRequest() => new()
    {
        Shard = Shard,
        Copy = new CopyName(Silo, CopyId),
        NextCopyId = NextCopyId,
        Attach = Attach,
        Capabilities = (ReplicaCapabilities)Capabilities,
        Complete = Complete,
        LogEnd = LogEnd,
        Applied = Applied,
        History = [.. History.Chunk(2).Select(pair => new EpochStart(pair[0], pair[1]))],
        Lineage = Lineage,
        EpochSeen = EpochSeen,
        KeptBytesMax = KeptBytesMax,
        FailedSnapshot = FailedSnapshot,
    };
}

/// <summary><see cref="Acknowledgement"/> on the wire.</summary>
[GenerateSerializer, Immutable, Alias("Grid.AcknowledgeCall")]
internal readonly record struct AcknowledgeCall(
    [property: Id(0)] int Shard,
    [property: Id(1)] string Silo,
    [property: Id(2)] Guid CopyId,
    [property: Id(3)] long Epoch,
    [property: Id(4)] long Attach,
    [property: Id(5)] long Offset,
    [property: Id(6)] long Applied,
    [property: Id(7)] long Kept,
    [property: Id(8)] long SentAtMs)
{
    public static AcknowledgeCall From(in Acknowledgement a) => new(a.Shard, a.Copy.Silo, a.Copy.CopyId, a.Epoch, a.Attach, a.Offset, a.Applied, a.Kept, a.SentAtMs);

    public Acknowledgement ToAcknowledgement() => new(Shard, new CopyName(Silo, CopyId), Epoch, Attach, Offset, Applied, Kept, SentAtMs);
}
