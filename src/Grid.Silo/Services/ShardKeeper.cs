using System.Collections.Concurrent;
using Grid.Replication.Primary;
using Grid.Silo.Grains;
using Grid.Silo.Records;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grid.Silo.Services;

/// <summary>
/// Sees to it that every shard has a primary: bootstraps the cluster once, then wakes the shards that have none when the
/// cluster changes, and looks after them from time to time. Every silo keeps a like share of the shards.
/// </summary>
internal sealed partial class ShardKeeper(
    ClusterBootstrap bootstrap,
    RecordPromise promise,
    SiloMembership membership,
    IGrainFactory grains,
    IOptions<GridOptions> options,
    ILogger<ShardKeeper> logger) : SiloLoop
{
    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<int, string> _problems = new();

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    /// <summary>Why shards that this silo looks after are not served.</summary>
    public IReadOnlyDictionary<int, string> Problems => _problems;

    /// <summary>Has a shard taken over now whose primary has surrendered; what fails is looked after like any shard without a primary.</summary>
    public void Wake(int shard) => _ = Task.Run(() => EnsureAsync(shard, Stopping).AsTask(), CancellationToken.None);

    protected override async Task PrepareAsync()
    {
        await bootstrap.CheckAsync();
        await promise.TellAsync();
    }

    protected override async Task RunAsync(CancellationToken stopping)
    {
        await bootstrap.RunAsync(stopping);
        await SideBySideAsync(stopping, KeepAsync, WatchAsync);
    }

    private async Task WatchAsync(CancellationToken stopping)
    {
        await foreach (ClusterMembershipSnapshot _ in membership.Updates.WithCancellation(stopping))
            await EnsureMineAsync(stopping);
    }

    private async Task KeepAsync(CancellationToken stopping)
    {
        using PeriodicTimer timer = new(LookPeriod);
        while (await timer.WaitForNextTickAsync(stopping))
            await EnsureMineAsync(stopping);
    }

    private Task EnsureMineAsync(CancellationToken stopping)
    {
        IReadOnlyList<string> active = membership.Current.Active;
        int[] mine = [.. Enumerable.Range(0, options.Value.ShardCount)
            .Where(shard => ReplicaPlacement.Rank(shard, active).FirstOrDefault() == membership.Local)];
        foreach (int others in _problems.Keys.Except(mine))
            _problems.TryRemove(others, out _);
        return Parallel.ForEachAsync(mine, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = stopping }, EnsureAsync);
    }

    private async ValueTask EnsureAsync(int shard, CancellationToken stopping)
    {
        try
        {
            string? problem = await grains.GetGrain<IShardReplicationGrain>(shard).EnsureAsync();
            if (problem is null)
            {
                _problems.TryRemove(shard, out _);
                return;
            }

            _problems[shard] = problem;
            LogProblem(problem);
        }
        catch (Exception failure) when (!stopping.IsCancellationRequested)
        {
            _problems[shard] = $"its primary cannot be reached: {failure.Message}";
            LogUnreachable(failure, shard);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Problem}")]
    private partial void LogProblem(string problem);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Shard {Shard}: the primary could not be reached; it is looked after again")]
    private partial void LogUnreachable(Exception failure, int shard);
}
