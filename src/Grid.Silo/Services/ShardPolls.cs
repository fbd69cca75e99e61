using Grid.Replication.Records;
using Grid.Replication.Takeover;
using Grid.Silo.Copies;
using Grid.Silo.Records;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grid.Silo.Services;

/// <summary>Finds out what is to become of a shard: reads its record and asks the silos of its in-sync set.</summary>
internal sealed partial class ShardPolls(
    ShardRecordStore records,
    ClusterBootstrap bootstrap,
    IGridSiloServiceClient silos,
    SiloMembership membership,
    CopyHost host,
    IOptions<GridOptions> options,
    ILogger<ShardPolls> logger)
{
    /// <summary>Decides from the record and the copies that answer in time.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="ignoreLocalReign">True for a grain that is about to take over on this silo: who reigned here before it does not any more.</param>
    /// <returns>What to do, and the record that it follows from; none while the cluster is new and its records are still to be made.</returns>
    /// <exception cref="GridRecordMissingException">There is none, and there should be.</exception>
    public async Task<(TakeoverPlan Plan, StoredRecord? Stored)> DecideAsync(int shard, bool ignoreLocalReign = false)
    {
        StoredRecord? stored = await records.ReadAsync(shard);
        if (stored is null)
        {
            if (await bootstrap.WhyNotYetAsync() is { } notYet)
                return (TakeoverPlan.Unavailable(0, notYet), null);

            // Made since it was looked for, or lost.
            stored = await records.ReadAsync(shard) ?? throw new GridRecordMissingException(shard);
        }

        SiloMembership.View view = membership.Current;
        ShardRecord record = stored.Record;
        List<PolledCopy> polled = await PollAsync(record, view, ignoreLocalReign);
        return (TakeoverPlan.Decide(record, polled, view.Alive, view.Active), stored);
    }

    private async Task<List<PolledCopy>> PollAsync(ShardRecord record, SiloMembership.View view, bool ignoreLocalReign)
    {
        List<Task<CopyPoll?>> polls = [.. record.InSync.Select(copy => copy.Silo).Distinct().Where(view.Alive.Contains).Select(silo => AskAsync(record.Shard, silo, TimeSpan.FromMilliseconds(options.Value.PollTimeoutMs)))];
        List<PolledCopy> polled = [];
        while (polls.Count > 0 && !TakeoverPlan.KnowsEnough(record, polled))
        {
            Task<CopyPoll?> answered = await Task.WhenAny(polls);
            polls.Remove(answered);
            if (await answered is { } answer)
                polled.Add((answer with { Reigns = answer.Reigns && !(ignoreLocalReign && answer.Silo == host.Silo) }).ToPolled());
        }

        return polled;
    }

    /// <summary>A silo's word about its copy of a shard; null when it gives none in time.</summary>
    public async Task<CopyPoll?> AskAsync(int shard, string silo, TimeSpan patience)
    {
        if (silo == host.Silo)
            return GridSiloService.Poll(host, shard);
        try
        {
            return await silos.At(SiloAddress.FromParsableString(silo)).PollAsync(shard).AsTask().WaitAsync(patience);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNoAnswer(shard, silo, failure.Message);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard}: silo {Silo} does not answer about its copy: {Reason}")]
    private partial void LogNoAnswer(int shard, string silo, string reason);
}

/// <summary>A shard whose record should be there and is not: unavailable, never "new".</summary>
public sealed class GridRecordMissingException : Exception
{
    internal GridRecordMissingException(int shard)
        : base($"Shard {shard} has no record in the record storage. It was made when the cluster was bootstrapped; restore the storage.") => Shard = shard;

    /// <summary>The shard.</summary>
    public int Shard { get; }
}
