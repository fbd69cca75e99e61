using Grid.Client.Contracts;
using Grid.Client.Contracts.Operator;
using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Records;
using Grid.Replication.Takeover;
using Grid.Silo.Elastic;
using Grid.Silo.Grains;
using Orleans.Services;

namespace Grid.Silo.Services;

/// <summary>What silos ask each other about their copies, without any grain in between.</summary>
[Alias("Grid.IGridSiloService")]
internal interface IGridSiloService : IGrainService
{
    /// <summary>Answers, with the version of the membership as the silo knows it: whoever asks knows that the two hear each other.</summary>
    [Alias("Greet")]
    ValueTask<MembershipVersion> GreetAsync();

    /// <summary>The silo's copy of a shard.</summary>
    [Alias("Poll")]
    ValueTask<CopyPoll> PollAsync(int shard);

    /// <summary>Asks copies of the silo for leases; tells of each whether it grants.</summary>
    [Alias("Grant")]
    ValueTask<bool[]> GrantAsync(LeaseCall[] requests);

    /// <summary>The shards whose primaries are on the silo.</summary>
    [Alias("GetReigns")]
    ValueTask<int[]> GetReignsAsync();

    /// <summary>As <see cref="IFrontGrain.ExecuteAsync"/>, for other silos.</summary>
    [Alias("Execute")]
    ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle);

    /// <summary>As <see cref="IFrontGrain.CollectAsync"/>, for other silos.</summary>
    [Alias("Collect")]
    ValueTask<BatchBundle> CollectAsync(long ticket);

    /// <summary>Acknowledgements of replicas on the calling silo for primaries on this one.</summary>
    [Alias("Acknowledge")]
    [ResponseTimeout("00:00:01")]
    ValueTask AcknowledgeAsync(AcknowledgeCall[] acknowledgements);

    /// <summary>Whether the port of another silo refuses connections, as this silo finds.</summary>
    [Alias("IsGone")]
    ValueTask<bool> IsGoneAsync(SiloAddress silo);

    /// <summary>All copies of the silo.</summary>
    [Alias("GetCopies")]
    ValueTask<SiloCopies> GetCopiesAsync();

    /// <summary>What happened at the silo, as far as it keeps it.</summary>
    [Alias("GetEvents")]
    ValueTask<IReadOnlyList<ClusterEvent>> GetEventsAsync(EventQuery query);

    /// <summary>What the silo did second by second.</summary>
    [Alias("GetSamples")]
    ValueTask<SiloSamples> GetSamplesAsync(DateTimeOffset? after);

    /// <summary>What the silo's copies have of one keyspace, or of all.</summary>
    [Alias("GetKeyspaces")]
    ValueTask<IReadOnlyList<KeyspaceReport>> GetKeyspacesAsync(string? name);

    /// <summary>What the silo says of its process, its machine and its settings.</summary>
    [Alias("Examine")]
    ValueTask<SiloExamination> ExamineAsync();

    /// <summary>The content digest of the silo's copy of a shard.</summary>
    [Alias("Digest")]
    ValueTask<CopyDigest?> DigestAsync(int shard);

    /// <summary>Drops the silo's copy of a shard, unless it is the primary's.</summary>
    [Alias("DropReplica")]
    ValueTask<string?> DropReplicaAsync(int shard);

    /// <summary>What the silo says of itself.</summary>
    [Alias("GetFacts")]
    ValueTask<SiloFacts> GetFactsAsync();

    /// <summary>Another silo tells of itself, because something has changed.</summary>
    [Alias("NoteFacts")]
    ValueTask NoteFactsAsync(SiloFacts facts);

    /// <summary>Where the shards are whose primaries are on the silo.</summary>
    [Alias("GetPlaces")]
    ValueTask<SiloPlaces> GetPlacesAsync();

    /// <summary>Has the silo hold nothing, or takes that back.</summary>
    [Alias("SetDraining")]
    ValueTask<string?> SetDrainingAsync(bool draining);

    /// <summary>Makes an empty copy that counts as whole, for a shard of which no copy has survived.</summary>
    [Alias("MakeEmptyCopy")]
    ValueTask<CopyPoll> MakeEmptyCopyAsync(int shard, long epochSeen);

    /// <summary>Reads a value of the development storage, which lives in the memory of the cluster's first silo.</summary>
    [Alias("ReadDevelopment")]
    ValueTask<DevelopmentValue> ReadDevelopmentAsync(string key);

    /// <summary>Writes a value of the development storage if its tag is still <paramref name="tag"/>.</summary>
    /// <returns>The new tag; 0 when the tag was another one.</returns>
    [Alias("WriteDevelopment")]
    ValueTask<long> WriteDevelopmentAsync(string key, byte[]? value, long tag);
}

/// <summary>A value of the development storage.</summary>
[GenerateSerializer, Immutable, Alias("Grid.DevelopmentValue")]
internal readonly record struct DevelopmentValue([property: Id(0)] byte[]? Value, [property: Id(1)] long Tag);

/// <summary>A primary's request for a lease, to one copy.</summary>
[GenerateSerializer, Immutable, Alias("Grid.LeaseCall")]
internal readonly record struct LeaseCall(
    [property: Id(0)] int Shard,
    [property: Id(1)] Guid CopyId,
    [property: Id(2)] long Epoch,
    [property: Id(3)] int LeaseMs,
    [property: Id(4)] long RecordVersion);

/// <summary>A silo's word about its copy of a shard.</summary>
[GenerateSerializer, Immutable, Alias("Grid.CopyPoll")]
internal readonly record struct CopyPoll(
    [property: Id(0)] bool Exists,
    [property: Id(1)] string Silo,
    [property: Id(2)] Guid CopyId,
    [property: Id(3)] int State,
    [property: Id(4)] long PositionEpoch,
    [property: Id(5)] long PositionOffset,
    [property: Id(6)] long EpochSeen,
    [property: Id(7)] bool Reigns,
    [property: Id(8)] long SurrenderedEpoch,
    [property: Id(9)] string ReceiverSilo,
    [property: Id(10)] Guid ReceiverCopyId,
    [property: Id(11)] long Entries,
    [property: Id(12)] long Unapplied,
    [property: Id(13)] long RecordVersionSeen)
{
    /// <summary>The answer of a silo that has no copy.</summary>
    public static CopyPoll None(string silo) => new(false, silo, Guid.Empty, (int)CopyState.Empty, 0, 0, 0, false, 0, "", Guid.Empty, 0, 0, 0);

    public PolledCopy ToPolled() => new(
        new CopyName(Silo, CopyId),
        (CopyState)State,
        new LogPosition(PositionEpoch, PositionOffset),
        EpochSeen,
        Reigns,
        SurrenderedEpoch > 0 ? new SurrenderedReign(SurrenderedEpoch, new CopyName(ReceiverSilo, ReceiverCopyId)) : null,
        Entries,
        Unapplied,
        RecordVersionSeen);
}

/// <summary>A silo's copies, for the status.</summary>
[GenerateSerializer, Immutable, Alias("Grid.SiloCopies")]
internal sealed record SiloCopies
{
    [Id(0)] public required IReadOnlyList<CopyStatus> Copies { get; init; }

    [Id(1)] public required IReadOnlyList<PrimaryView> Primaries { get; init; }

    [Id(2)] public SiloFacts Facts { get; init; }

    /// <summary>What the rebalance is at; null where it is not led.</summary>
    [Id(3)] public RebalanceStatus? Rebalance { get; init; }
}

/// <summary>What a primary knows of its shard, for the status.</summary>
[GenerateSerializer, Immutable, Alias("Grid.PrimaryView")]
internal sealed record PrimaryView(
    [property: Id(0)] int Shard,
    [property: Id(1)] long Epoch,
    [property: Id(2)] long LogEnd,
    [property: Id(3)] long Committed,
    [property: Id(4)] IReadOnlyList<string> InSync,
    [property: Id(5)] IReadOnlyList<LinkStatus> Links,
    [property: Id(6)] string LastWindow,
    [property: Id(7)] IReadOnlyList<string> Laggards,
    [property: Id(8)] IReadOnlyList<string>? Wanted,
    [property: Id(9)] bool Pinned,
    [property: Id(10)] SyncWindowStatus? Window);
