using System.Diagnostics;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Chaos.Load;
using Grid.Server.Chaos.Network;
using Grid.Server.Chaos.Processes;
using Grid.Silo.Grains;

namespace Grid.Server.Chaos.Measure;

/// <summary>Does one thing after the other to a cluster under a light load of writes, and reckons what the writers saw of it.</summary>
internal sealed class MeasureRun(ChaosNetwork network, ChaosOptions options, Action<string> progress)
{
    private static readonly TimeSpan WholeTime = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan AfterTime = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan FreezeTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WritePause = TimeSpan.FromMilliseconds(20);

    /// <summary>Measures.</summary>
    public async Task<IReadOnlyList<FailoverTimes>> RunAsync(IReadOnlyList<string> what, int warmUp, int runs, CancellationToken cancellation)
    {
        await using ChaosCluster cluster = await ChaosCluster.StartAsync(network, options, cancellation);
        await using StreamWriter log = new(Path.Combine(options.Folder, "clients.log"));
        List<ChaosClient> clients = [];
        try
        {
            for (int i = 0; i < options.Clients; i++)
                clients.Add(await ChaosClient.ConnectAsync(log, cancellation));
            await using ChaosClient observing = await ChaosClient.ConnectAsync(log, cancellation);
            ClusterObserver observer = new(observing);
            await ExpectWholeAsync(cluster, observer, cancellation);
            List<FailoverTimes> all = [];
            foreach (string kind in what)
            {
                for (int run = 0; run < warmUp + runs; run++)
                {
                    FailoverTimes times = await MeasureAsync(cluster, observer, clients, kind, run, cancellation);
                    progress(run < warmUp ? $"not counted: {times}" : times.ToString());
                    if (run >= warmUp)
                        all.Add(times);
                }
            }

            return all;
        }
        finally
        {
            foreach (ChaosClient client in clients)
                await client.DisposeAsync();
        }
    }

    private Task<FailoverTimes> MeasureAsync(ChaosCluster cluster, ClusterObserver observer, List<ChaosClient> clients, string kind, int run, CancellationToken cancellation) => kind switch
    {
        "rolling" => RollAsync(cluster, observer, clients, cancellation),
        "handover" => HandOverAsync(cluster, observer, clients, run, cancellation),
        _ => FailAsync(cluster, observer, clients, kind, 1 + (run % (cluster.Count - 1)), cancellation),
    };

    /// <summary>One silo is killed, frozen or stopped.</summary>
    private async Task<FailoverTimes> FailAsync(ChaosCluster cluster, ClusterObserver observer, List<ChaosClient> clients, string kind, int silo, CancellationToken cancellation)
    {
        HistoryClock clock = new();
        await using WriteProbe probe = new(clients, options.Shards, WritePause, clock);
        await Task.Delay(QuietTime, cancellation);
        ClusterStatus before = await StatusAsync(observer);
        string address = before.Silos.Single(known => known.Name == ChaosCluster.NameOf(silo) && known.State == "Active").Address;
        ChaosProcess process = cluster.Silo(silo)!;
        await observer.NoteGoneAsync(ChaosCluster.NameOf(silo));
        cluster.Mark(string.Create(CultureInfo.InvariantCulture, $"{kind} silo-{silo} {address}"));
        long fault = clock.NowUs;
        Do(kind, process);
        await Task.Delay(AfterTime, cancellation);
        IReadOnlyList<ProbedWrite> writes = await probe.StopAsync();
        if (kind == "freeze")
        {
            process.Thaw();
            await process.EndsWithinAsync(FreezeTime);
        }

        await process.EndsWithinAsync(WholeTime);
        cluster.StartSilo(silo);
        await ExpectWholeAsync(cluster, observer, cancellation);
        return FailoverTimes.Of($"{kind} silo-{silo}", writes, fault, before, address) with { Lost = await probe.CountLostAsync(clients[0]) };
    }

    private static void Do(string kind, ChaosProcess process)
    {
        switch (kind)
        {
            case "kill":
                process.Kill();
                break;
            case "freeze":
                process.Freeze();
                break;
            default:
                process.Terminate();
                break;
        }
    }

    /// <summary>One shard's primary is handed over to one of its replicas.</summary>
    private async Task<FailoverTimes> HandOverAsync(ChaosCluster cluster, ClusterObserver observer, List<ChaosClient> clients, int run, CancellationToken cancellation)
    {
        HistoryClock clock = new();
        await using WriteProbe probe = new(clients, options.Shards, WritePause, clock);
        await Task.Delay(QuietTime, cancellation);
        int shard = run % options.Shards;
        long asked = Stopwatch.GetTimestamp();
        while (true)
        {
            ClusterStatus before = await StatusAsync(observer);
            long began = clock.NowUs;
            string? problem = await TryHandOverAsync(clients[0], before.Shards[shard]);
            double took = (clock.NowUs - began) / 1000.0;
            if (problem is null)
            {
                await Task.Delay(QuietTime, cancellation);
                IReadOnlyList<ProbedWrite> writes = [.. (await probe.StopAsync()).Where(write => write.Shard == shard)];
                await ExpectWholeAsync(cluster, observer, cancellation);
                return FailoverTimes.Of(string.Create(CultureInfo.InvariantCulture, $"handover shard {shard}, called for {took:0} ms"), writes, began, before, null) with { Lost = await probe.CountLostAsync(clients[0]) };
            }

            if (Stopwatch.GetElapsedTime(asked) > WholeTime)
                throw new CommandException(ExitCode.Failed, $"shard {shard} could not be handed over for {WholeTime.TotalSeconds} s: {problem}");

            // The cluster moves shards by itself, now and then: one that is under way is waited for.
            await Task.Delay(WritePause, cancellation);
        }
    }

    private static async Task<string?> TryHandOverAsync(ChaosClient client, ShardStatus shard) => shard.InSync.FirstOrDefault(silo => silo != shard.Primary) is { } receiver
        ? await client.Grains.GetGrain<IShardReplicationGrain>(shard.Shard).HandOverAsync(receiver)
        : "no replica is in sync";

    /// <summary>All silos are stopped and started, one after the other, each when the cluster is whole again after the one before.</summary>
    private async Task<FailoverTimes> RollAsync(ChaosCluster cluster, ClusterObserver observer, List<ChaosClient> clients, CancellationToken cancellation)
    {
        HistoryClock clock = new();
        await using WriteProbe probe = new(clients, options.Shards, WritePause, clock);
        await Task.Delay(QuietTime, cancellation);
        ClusterStatus before = await StatusAsync(observer);
        long began = clock.NowUs;
        for (int silo = 0; silo < cluster.Count; silo++)
        {
            await observer.NoteGoneAsync(ChaosCluster.NameOf(silo));
            cluster.Mark(string.Create(CultureInfo.InvariantCulture, $"rolling: stop silo-{silo}"));
            ChaosProcess process = cluster.Silo(silo)!;
            process.Terminate();
            if (!await process.EndsWithinAsync(WholeTime))
                throw new CommandException(ExitCode.Failed, $"silo-{silo} was told to stop and has not ended after {WholeTime.TotalSeconds} s.");
            cluster.StartSilo(silo);
            await ExpectWholeAsync(cluster, observer, cancellation);
        }

        FailoverTimes times = FailoverTimes.Of("rolling restart of all silos", await probe.StopAsync(), began, before, null);
        return times with { EveryKeyWritableMs = 0, Lost = await probe.CountLostAsync(clients[0]) };
    }

    private static async Task<ClusterStatus> StatusAsync(ClusterObserver observer) =>
        await observer.TryGetStatusAsync() ?? throw new CommandException(ExitCode.Failed, "nobody answers with a status");

    private async Task ExpectWholeAsync(ChaosCluster cluster, ClusterObserver observer, CancellationToken cancellation)
    {
        if (await cluster.UntilWholeAsync(observer, WholeTime, cancellation) is { } missing)
            throw new CommandException(ExitCode.Failed, $"the cluster is not whole after {WholeTime.TotalSeconds} s: {missing}; logs are in {options.Folder}.");
    }
}
