using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Silo.Elastic;
using Grid.Silo.Events;
using Grid.Silo.Placement;
using Grid.Silo.Records;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;

namespace Grid.Silo.Grains;

/// <summary>
/// What an operator sees and does: asks every silo about its copies and lays the answers side by side. Knows nothing by
/// itself, so any silo's activation is as good as another's.
/// </summary>
[StatelessWorker, Reentrant, GrainType("grid-operator")]
internal sealed partial class OperatorGrain(
    IGridSiloServiceClient silos,
    SiloMembership membership,
    ShardPolls polls,
    ShardRecordStore records,
    SiloBook book,
    HandOvers handOvers,
    GridSettings settings,
    RecordPromise promise,
    EventRing events,
    IOptions<GridOptions> options,
    ILogger<OperatorGrain> logger) : Grain, IGridOperatorGrain
{
    private const int DigestAttempts = 4;
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DigestTime = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan DigestPause = TimeSpan.FromMilliseconds(300);

    /// <inheritdoc/>
    public async Task<ClusterStatus> GetStatusAsync()
    {
        SiloMembership.View view = membership.Current;
        SiloAnswer[] answers = await AskAllAsync(view);
        List<ShardStatus> shards = StatusReport.MergeShards(answers, options.Value.ShardCount);
        await ExplainAsync(shards);
        return new ClusterStatus
        {
            Silos = StatusReport.Silos(view.Members, answers),
            Shards = shards,
            Replicas = settings.Current.Replicas,
            Rebalance = answers.Select(answer => answer.Copies?.Rebalance).FirstOrDefault(rebalance => rebalance is not null),
            Warnings = StatusReport.Warnings(settings.Current, await promise.WarningsAsync(), answers, shards),
        };
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<CopyDigest>> DigestAsync(int shard)
    {
        CheckShard(shard);
        for (int attempt = 1; ; attempt++)
        {
            CopyDigest[] digests = await DigestOnceAsync(shard);
            if (attempt == DigestAttempts || digests.Select(copy => copy.Offset).Distinct().Count() <= 1)
                return digests;

            // The followers apply what is committed with the next item of their stream, a heartbeat if nothing is written.
            await Task.Delay(DigestPause);
        }
    }

    /// <inheritdoc/>
    public async Task<string?> DropReplicaAsync(int shard, string silo)
    {
        CheckShard(shard);
        ArgumentNullException.ThrowIfNull(silo);
        if (!membership.Current.Alive.Contains(silo))
            return $"there is no silo {silo}; the silos are {string.Join(", ", membership.Current.Alive)}";
        return await silos.At(SiloAddress.FromParsableString(silo)).DropReplicaAsync(shard);
    }

    /// <inheritdoc/>
    public async Task<IExportGrain> OpenExportAsync(int shard)
    {
        CheckShard(shard);
        SiloAnswer[] answers = await AskAllAsync(membership.Current);
        string source = StatusReport.BestToRead(StatusReport.MergeShards(answers, options.Value.ShardCount)[shard])
            ?? throw new InvalidOperationException($"Shard {shard} has no complete copy that can be exported now. Look at the status, and export when the shard has a primary.");
        string name = string.Create(CultureInfo.InvariantCulture, $"{ExportGrain.KeyPrefix}{Guid.NewGuid():N}-{shard}");
        return GrainFactory.GetGrain<IExportGrain>(SiloBoundKey.For(name, source));
    }

    private void CheckShard(int shard)
    {
        if (shard < 0 || shard >= options.Value.ShardCount)
            throw new ArgumentOutOfRangeException(nameof(shard), shard, $"The cluster has the shards 0 to {options.Value.ShardCount - 1}.");
    }

    private Task<SiloAnswer[]> AskAllAsync(SiloMembership.View view) => Task.WhenAll(view.Alive.Select(AskAsync));

    private async Task<SiloAnswer> AskAsync(string silo)
    {
        try
        {
            return new SiloAnswer(silo, await silos.At(SiloAddress.FromParsableString(silo)).GetCopiesAsync().AsTask().WaitAsync(AnswerTime));
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNoAnswer(silo, failure.Message);
            return new SiloAnswer(silo, null);
        }
    }

    private async Task<CopyDigest[]> DigestOnceAsync(int shard)
    {
        CopyDigest?[] digests = await Task.WhenAll(membership.Current.Alive.Select(silo => DigestAsync(shard, silo)));
        return [.. digests.OfType<CopyDigest>().OrderByDescending(copy => copy.IsPrimary).ThenBy(copy => copy.Silo, StringComparer.Ordinal)];
    }

    private async Task<CopyDigest?> DigestAsync(int shard, string silo)
    {
        try
        {
            return await silos.At(SiloAddress.FromParsableString(silo)).DigestAsync(shard).AsTask().WaitAsync(DigestTime);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNoAnswer(silo, failure.Message);
            return new CopyDigest { Shard = shard, Silo = silo, Problem = $"the silo does not answer: {failure.Message}" };
        }
    }

    /// <summary>Says of each shard without a primary why that is so.</summary>
    private async Task ExplainAsync(List<ShardStatus> shards)
    {
        ShardStatus[] silent = [.. shards.Where(shard => shard.Primary is null)];
        string[] reasons = await Task.WhenAll(silent.Select(shard => WhyAsync(shard.Shard)));
        for (int i = 0; i < silent.Length; i++)
            shards[silent[i].Shard] = silent[i] with { Problem = reasons[i] };
    }

    private async Task<string> WhyAsync(int shard)
    {
        try
        {
            return (await polls.DecideAsync(shard).WaitAsync(AnswerTime)).Plan.Reason;
        }
        catch (GridRecordMissingException missing)
        {
            return missing.Message;
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            return $"its record cannot be read: {failure.Message}";
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Silo {Silo} does not answer the operator's question: {Reason}")]
    private partial void LogNoAnswer(string silo, string reason);
}

/// <summary>What a silo said of its copies; null when it did not answer in time.</summary>
internal sealed record SiloAnswer(string Silo, SiloCopies? Copies);
