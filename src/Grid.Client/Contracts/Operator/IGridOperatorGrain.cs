using Orleans.Concurrency;

namespace Grid.Client.Contracts.Operator;

/// <summary>What an operator sees and does; the grain's key is 0. Behind the <c>grid</c> command-line tool.</summary>
[Alias("Grid.IGridOperatorGrain")]
public interface IGridOperatorGrain : IGrainWithIntegerKey
{
    /// <summary>The cluster as it is now: silos, shards, and every copy of each shard.</summary>
    /// <remarks>Asks every silo; one that does not answer within a second is listed without copies. A call that gets lost is given up early, to be made again.</remarks>
    [Alias("GetStatus")]
    [AlwaysInterleave]
    [ResponseTimeout("00:00:10")]
    Task<ClusterStatus> GetStatusAsync();

    /// <summary>What happened lately, as far as the silos keep it.</summary>
    /// <remarks>Asks every silo; one that does not answer within a second is named.</remarks>
    [Alias("GetEvents")]
    [AlwaysInterleave]
    Task<EventPage> GetEventsAsync(EventQuery query);

    /// <summary>What every silo did second by second, for the last minutes.</summary>
    /// <param name="after">Only samples after this; null for all that are kept.</param>
    [Alias("GetSamples")]
    [AlwaysInterleave]
    Task<IReadOnlyList<SiloSamples>> GetSamplesAsync(DateTimeOffset? after);

    /// <summary>What the keyspaces hold.</summary>
    /// <param name="name">One keyspace, with its shards; null for all without them.</param>
    [Alias("GetKeyspaces")]
    [AlwaysInterleave]
    Task<KeyspacePage> GetKeyspacesAsync(string? name);

    /// <summary>What every silo says of its process, its machine and its settings; one that does not answer within a second says why.</summary>
    [Alias("Examine")]
    [AlwaysInterleave]
    Task<IReadOnlyList<SiloExamination>> ExamineAsync();

    /// <summary>The content digest of every copy of one shard.</summary>
    /// <remarks>
    /// Copies at the same offset must have the same digest. The digest is taken in slices between writes; a copy that is
    /// written meanwhile is asked again, a bounded number of times.
    /// </remarks>
    [Alias("Digest")]
    [AlwaysInterleave]
    Task<IReadOnlyList<CopyDigest>> DigestAsync(int shard);

    /// <summary>
    /// Drops the copy of a shard on a silo, which is not its primary's: it comes back by full sync. For repairs, and to
    /// see a full sync happen.
    /// </summary>
    /// <returns>Null when done, otherwise why not.</returns>
    [Alias("DropReplica")]
    [AlwaysInterleave]
    Task<string?> DropReplicaAsync(int shard, string silo);

    /// <summary>
    /// Has a silo hold nothing: its primaries are handed over, its copies moved to others, as far as there are others. It goes on in the cluster,
    /// until it is stopped or this is taken back.
    /// </summary>
    /// <param name="silo">The silo's address with its generation.</param>
    /// <param name="draining">False to take it back.</param>
    /// <returns>Null when the silo knows, otherwise why not.</returns>
    [Alias("SetDraining")]
    [AlwaysInterleave]
    Task<string?> SetDrainingAsync(string silo, bool draining);

    /// <summary>
    /// Brings a shard's primary a step nearer to a silo; to be called until it is done, or cannot be. A copy is made there first where there is
    /// none; the primary's old copy makes room for it. It stays there, whatever would be more even, until its reign ends or
    /// <see cref="ReleaseShardAsync"/>.
    /// </summary>
    /// <param name="shard">The shard.</param>
    /// <param name="silo">The silo's address with its generation.</param>
    [Alias("MoveShard")]
    [AlwaysInterleave]
    Task<MoveProgress> MoveShardAsync(int shard, string silo);

    /// <summary>Lets the rebalance have a shard again that was moved by hand.</summary>
    /// <returns>Why it is not so; null when it is.</returns>
    [Alias("ReleaseShard")]
    [AlwaysInterleave]
    Task<string?> ReleaseShardAsync(int shard);

    /// <summary>What accepting the loss of a shard would mean now.</summary>
    [Alias("PlanLoss")]
    [AlwaysInterleave]
    Task<LossReport> PlanLossAsync(int shard);

    /// <summary>
    /// Goes on with a shard of which no in-sync copy can be had: with the best whole copy that has survived, or empty where there is none. A new
    /// line of data begins, which no copy of the old one can join but by a full sync. Waits one lease before it decides.
    /// </summary>
    /// <returns>What was done, or in <see cref="LossReport.Obstacle"/> why nothing was.</returns>
    [Alias("AcceptLoss")]
    [AlwaysInterleave]
    Task<LossReport> AcceptLossAsync(int shard);

    /// <summary>Opens the export of one shard's data as of now, from a replica where there is one.</summary>
    [Alias("OpenExport")]
    [AlwaysInterleave]
    Task<IExportGrain> OpenExportAsync(int shard);
}

/// <summary>An export under way: the exact state of one copy at one offset, page by page.</summary>
[Alias("Grid.IExportGrain")]
public interface IExportGrain : IGrainWithStringKey
{
    /// <summary>Fixes the state that is exported.</summary>
    /// <returns>The silo that the data come from, and how many entries there are.</returns>
    [Alias("Begin")]
    Task<ExportStart> BeginAsync();

    /// <summary>The next page; to be called until <see cref="ExportPage.Done"/>. An export that is left alone for a minute ends.</summary>
    /// <exception cref="InvalidOperationException">The export has ended, or its copy is gone: begin again.</exception>
    [Alias("Next")]
    ValueTask<ExportPage> NextAsync();
}
