using System.Diagnostics;
using System.Text.Json;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;

namespace Grid.Server.Bench.Sync;

/// <summary>Has replicas brought up by full sync, in one way or the other, and measures it.</summary>
internal sealed class SyncBenchRound(SyncBenchOptions options, ClusterConnection cluster, BenchProcess primary, SyncForeground foreground, Action<string> progress)
{
    private const int FewShards = 8;
    private static readonly TimeSpan SeldomPause = TimeSpan.FromMilliseconds(50);

    private ForegroundLatency? _before;
    private long _began;

    /// <summary>Starts the replica's silo. The time runs from the moment at which the primary's silo knows it as a member.</summary>
    public async Task<BenchProcess> StartReplicaAsync(Func<Task<BenchProcess>> start, CancellationToken cancellation)
    {
        await MeasureBeforeAsync(cancellation);
        Task<BenchProcess> starting = start();

        // What the start of a process costs the others is not the sync's.
        Task joined = SyncBench.UntilAsync(cluster, static status => status.Silos.Count(static silo => silo.State == "Active") == 2, "the replica's silo is a member", cancellation);
        await Task.WhenAny(starting, joined);
        SyncSiloReport report = await AskAsync(primary, SyncBenchSilo.BeginQuestion, cancellation);
        foreground.Take();
        BenchProcess replica = await starting;
        _began = report.JoinedAt > 0 ? report.JoinedAt : Stopwatch.GetTimestamp();
        return replica;
    }

    /// <summary>Drops all replicas at once. The time runs from before the first word.</summary>
    public async Task DropReplicasAsync(BenchProcess replica, CancellationToken cancellation)
    {
        await MeasureBeforeAsync(cancellation);
        ClusterStatus status = await cluster.Operator.GetStatusAsync();
        (int Shard, string Silo)[] replicas = [.. status.Shards.SelectMany(static shard => shard.Copies).Where(static copy => !copy.IsPrimary).Select(static copy => (copy.Shard, copy.Silo))];
        await AskAsync(primary, SyncBenchSilo.BeginQuestion, cancellation);
        await AskAsync(replica, SyncBenchSilo.BeginQuestion, cancellation);
        foreground.Take();
        _began = Stopwatch.GetTimestamp();
        string?[] problems = await Task.WhenAll(replicas.Select(dropped => cluster.Operator.DropReplicaAsync(dropped.Shard, dropped.Silo)));
        if (problems.FirstOrDefault(static problem => problem is not null) is { } problem)
            throw new CommandException(ExitCode.Failed, $"a replica could not be dropped: {problem}.");
    }

    /// <summary>Waits until every shard has its replica in sync, with all the entries that its primary has.</summary>
    public async Task<SyncRound> WaitAsync(BenchProcess replica, CancellationToken cancellation)
    {
        // The question itself costs both silos something: it is asked seldom until the end is near.
        while ((await cluster.Operator.GetStatusAsync().WaitAsync(cancellation)).Shards.Count(static shard => !IsInSync(shard)) is var left and > 0)
        {
            if (Stopwatch.GetElapsedTime(_began) > SyncBench.SyncLimit)
                throw new CommandException(ExitCode.Failed, $"after {SyncBench.SyncLimit.TotalMinutes} minutes {left} shards still do not have their replica in sync.");
            await Task.Delay(left > FewShards ? SeldomPause : SyncBench.StatusPause, cancellation);
        }

        double seconds = Stopwatch.GetElapsedTime(_began).TotalSeconds;
        ForegroundLatency during = foreground.Take();
        SyncRound round = new(seconds, _before!, during, await AskAsync(primary, SyncBenchSilo.ReportQuestion, cancellation), await AskAsync(replica, SyncBenchSilo.ReportQuestion, cancellation));
        progress($"grid: synced in {round.Seconds:0.00} s; foreground p99 {round.Before.P99Ms:0.00} ms before, {round.During.P99Ms:0.00} ms meanwhile, longest {round.During.MaxMs:0.0} ms");
        return round;
    }

    /// <summary>In the set of record, and whole: the record alone may still name a copy that was dropped just now.</summary>
    private static bool IsInSync(ShardStatus shard) =>
        shard.InSync.Count == 2 && shard.Copies.Count == 2 && shard.Copies.All(static copy => copy.State == "Complete" && (copy.IsPrimary || copy.Phase == "Following"));

    private static async Task<SyncSiloReport> AskAsync(BenchProcess silo, string question, CancellationToken cancellation) =>
        JsonSerializer.Deserialize<SyncSiloReport>(await silo.AskAsync(question, cancellation))!;

    /// <summary>Lets the foreground settle, then measures it alone.</summary>
    private async Task MeasureBeforeAsync(CancellationToken cancellation)
    {
        await Task.Delay(options.Before / 2, cancellation);
        foreground.Take();
        await Task.Delay(options.Before, cancellation);
        _before = foreground.Take();
    }
}
