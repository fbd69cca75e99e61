using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Chaos.Load;
using Grid.Server.Chaos.Network;
using Grid.Server.Chaos.Processes;

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
    public async Task<IReadOnlyList<FailoverTimes>> RunAsync(IReadOnlyList<string> what, int runs, CancellationToken cancellation)
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
            await ExpectWholeAsync(observer, cancellation);
            List<FailoverTimes> all = [];
            foreach (string kind in what)
            {
                for (int run = 0; run < runs; run++)
                    all.Add(await MeasureAsync(cluster, observer, clients, kind, 1 + (run % (cluster.Count - 1)), cancellation));
            }

            return all;
        }
        finally
        {
            foreach (ChaosClient client in clients)
                await client.DisposeAsync();
        }
    }

    private async Task<FailoverTimes> MeasureAsync(ChaosCluster cluster, ClusterObserver observer, List<ChaosClient> clients, string kind, int silo, CancellationToken cancellation)
    {
        HistoryClock clock = new();
        await using WriteProbe probe = new(clients, options.Shards, WritePause, clock);
        await Task.Delay(QuietTime, cancellation);
        ClusterStatus before = await observer.TryGetStatusAsync() ?? throw new CommandException(ExitCode.Failed, "nobody answers with a status");
        string address = before.Silos.Single(known => known.Name == ChaosCluster.NameOf(silo) && known.State == "Active").Address;
        ChaosProcess process = cluster.Silo(silo)!;
        await observer.NoteGoneAsync(ChaosCluster.NameOf(silo));
        cluster.Mark(string.Create(CultureInfo.InvariantCulture, $"{kind} silo-{silo} {address}"));
        long fault = clock.NowUs;
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

        await Task.Delay(AfterTime, cancellation);
        IReadOnlyList<ProbedWrite> writes = await probe.StopAsync();
        if (kind == "freeze")
        {
            process.Thaw();
            await process.EndsWithinAsync(FreezeTime);
        }

        FailoverTimes times = FailoverTimes.Of(kind, writes, fault, before, address);
        await process.EndsWithinAsync(WholeTime);
        cluster.StartSilo(silo);
        await ExpectWholeAsync(observer, cancellation);
        times = times with { Lost = await probe.CountLostAsync(clients[0]) };
        progress(string.Create(CultureInfo.InvariantCulture, $"{kind} silo-{silo}: every key writable after {times.EveryKeyWritableMs:0} ms"));
        return times;
    }

    private async Task ExpectWholeAsync(ClusterObserver observer, CancellationToken cancellation)
    {
        if (await observer.UntilWholeAsync(network.Silos, WholeTime, cancellation) is { } missing)
            throw new CommandException(ExitCode.Failed, $"the cluster is not whole after {WholeTime.TotalSeconds} s: {missing}; logs are in {options.Folder}.");
    }
}
