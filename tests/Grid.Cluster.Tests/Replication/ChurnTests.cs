using System.Globalization;
using Grid.Formats.Operations;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>Silos die and join under writes; nothing that was acknowledged may be gone.</summary>
public sealed class ChurnTests
{
    private const int Shards = 8;
    private const int Keys = 64;

    /// <summary>How often a silo is killed; a longer run is asked for by this environment variable.</summary>
    private static int Rounds => int.Parse(Environment.GetEnvironmentVariable("GRID_CHURN_ROUNDS") ?? "2", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Acknowledged_writes_survive_the_death_of_any_silo_once_the_in_sync_sets_are_whole()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, GridCluster.Small(Shards));
        await cluster.UntilWholeAsync(copies: 2);
        using CancellationTokenSource stop = new();
        long[] acknowledged = new long[Keys];
        Task[] writers = [.. Enumerable.Range(0, Keys).Select(key => WriteAsync(cluster, key, acknowledged, stop.Token))];
        Random random = new(7);

        for (int round = 0; round < Rounds; round++)
        {
            long[] before = [.. acknowledged];
            await Until.TrueAsync(
                () => writers.Any(writer => writer.IsCompleted) || Unwritten(before, acknowledged).Length == 0,
                () => $"keys {string.Join(", ", Unwritten(before, acknowledged))} were not written again");
            await Task.WhenAll(writers.Where(writer => writer.IsCompleted));
            InProcessSiloHandle victim = cluster.Silos[random.Next(cluster.Silos.Count)];
            await cluster.KillAsync(victim);
            await cluster.StartSiloAsync();
            await cluster.UntilWholeAsync(copies: 2);
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
        RawClient client = new(cluster.Client, Shards);
        for (int key = 0; key < Keys; key++)
        {
            long found = long.Parse(await client.GetAsync(key) ?? "0", CultureInfo.InvariantCulture);
            Assert.True(found >= acknowledged[key], $"key {key}: {acknowledged[key]} was acknowledged, {found} is there");
        }
    }

    private static int[] Unwritten(long[] before, long[] acknowledged) =>
        [.. Enumerable.Range(0, Keys).Where(key => Volatile.Read(ref acknowledged[key]) == before[key])];

    /// <summary>Writes growing numbers to one key; a number counts only once it was acknowledged.</summary>
    private static async Task WriteAsync(GridCluster cluster, int key, long[] acknowledged, CancellationToken stop)
    {
        RawClient client = new(cluster.Client, Shards, RawClient.ShortPatience);
        for (long number = 1; !stop.IsCancellationRequested; number++)
        {
            try
            {
                (BatchStatus batch, OperationStatus status) = await client.SetAsync(key, number.ToString(CultureInfo.InvariantCulture));
                if ((batch, status) == (BatchStatus.Ok, OperationStatus.Ok))
                    Volatile.Write(ref acknowledged[key], number);
                else
                    await Task.Delay(10, CancellationToken.None);
            }
            catch (Exception failure) when (failure is OrleansException or TimeoutException)
            {
                await Task.Delay(10, CancellationToken.None);
            }
        }
    }
}
