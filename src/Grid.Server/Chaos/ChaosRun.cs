using Grid.Server.Chaos.Load;
using Grid.Server.Chaos.Network;
using Grid.Server.Chaos.Processes;

namespace Grid.Server.Chaos;

/// <summary>A cluster of its own, and rounds of chaos on it until their number is done.</summary>
internal sealed class ChaosRun(ChaosNetwork network, ChaosOptions options, Action<string> progress)
{
    /// <summary>Runs; stops at the first round that is not good.</summary>
    public async Task<IReadOnlyList<ChaosReport>> RunAsync(CancellationToken cancellation)
    {
        List<ChaosReport> reports = [];
        while (reports.Count < options.Rounds.Count && (reports.Count == 0 || reports[^1].IsGood))
        {
            cancellation.ThrowIfCancellationRequested();
            await RunOnOneClusterAsync(reports, cancellation);
        }

        return reports;
    }

    private async Task RunOnOneClusterAsync(List<ChaosReport> reports, CancellationToken cancellation)
    {
        await using StreamWriter log = new(Path.Combine(options.Folder, "clients.log"), append: true);
        await using ChaosCluster cluster = await ChaosCluster.StartAsync(network, options, cancellation);
        List<ChaosClient> clients = [];
        try
        {
            for (int i = 0; i < options.Clients; i++)
                clients.Add(await ChaosClient.ConnectAsync(log, cancellation));
            await using ChaosClient observing = await ChaosClient.ConnectAsync(log, cancellation);
            do
            {
                ChaosReport report = await new ChaosRound(network, cluster, new ClusterObserver(observing), clients, options, options.Rounds[reports.Count], reports.Count, progress).RunAsync(cancellation);
                reports.Add(report);
            }
            while (reports.Count < options.Rounds.Count && reports[^1] is { IsGood: true, Unavailable: 0 } && !cancellation.IsCancellationRequested);
        }
        finally
        {
            foreach (ChaosClient client in clients)
                await client.DisposeAsync();
        }
    }
}
