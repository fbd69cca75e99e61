using Orleans.Concurrency;

namespace Grid.Client.Contracts.Operator;

/// <summary>What an operator sees and does; the grain's key is 0. Behind the <c>grid</c> command-line tool.</summary>
[Alias("Grid.IGridOperatorGrain")]
public interface IGridOperatorGrain : IGrainWithIntegerKey
{
    /// <summary>The cluster as it is now: silos, shards, and every copy of each shard.</summary>
    /// <remarks>Asks every silo; one that does not answer within a second is listed without copies.</remarks>
    [Alias("GetStatus")]
    [AlwaysInterleave]
    Task<ClusterStatus> GetStatusAsync();

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
