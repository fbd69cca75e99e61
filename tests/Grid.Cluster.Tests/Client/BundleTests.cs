using System.Globalization;
using System.Text;
using Grid.Client;
using Grid.Client.Bundles;
using Grid.Client.Contracts;
using Grid.Client.Hosting;
using Grid.Client.Keyspaces;
using Grid.Client.Pipelines;
using Grid.Cluster.Tests.Replication;
using Grid.Silo.Fronts;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Client;

/// <summary>Clients whose batches travel in bundles, through the fronts of the silos.</summary>
public sealed class BundleTests
{
    private const int Shards = 16;
    private const int Keys = 200;

    [Fact]
    public async Task Batches_of_many_shards_share_calls_from_outside_and_between_silos()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(2, GridCluster.Small(Shards));
        await cluster.UntilWholeAsync(copies: 2);
        await using GridClient outside = Connect(cluster);
        await WriteAndReadAsync(outside, "outside");
        (long bundles, long batches) = Received(cluster);
        await WriteAndReadAsync(outside, "outside, with fronts known");
        (bundles, batches) = (Received(cluster).Bundles - bundles, Received(cluster).Batches - batches);
        Assert.True(bundles > 0 && batches > bundles, $"{batches} batches came in {bundles} bundles");

        await Until.TrueAsync(
            "every silo knows where every primary is",
            () => cluster.Silos.All(silo => Enumerable.Range(0, Shards).All(shard => cluster.ServicesOf(silo).GetRequiredService<ReignMap>().SiloOf(shard) is not null)));
        (bundles, batches) = Received(cluster);
        foreach (InProcessSiloHandle silo in cluster.Silos)
            await WriteAndReadAsync(cluster.ServicesOf(silo).GetRequiredService<IGrid>(), silo.Name);
        (bundles, batches) = (Received(cluster).Bundles - bundles, Received(cluster).Batches - batches);
        Assert.True(bundles > 0 && batches > bundles, $"{batches} batches came in {bundles} bundles between the silos");
    }

    [Fact]
    public async Task A_front_tells_where_the_primaries_are()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(2, GridCluster.Small(Shards));
        await cluster.UntilWholeAsync(copies: 2);
        FrontInfo info = await cluster.Client.GetGrain<IFrontGrain>(0).DescribeAsync();
        long start = Environment.TickCount64;
        while (info.SiloOfShard.Contains(-1) && Environment.TickCount64 - start < 20_000)
            info = await cluster.Client.GetGrain<IFrontGrain>(0).DescribeAsync();
        Assert.Equal(Shards, info.SiloOfShard.Length);
        for (int shard = 0; shard < Shards; shard++)
        {
            string primary = cluster.CopiesOf(shard).Single(static copy => copy.Primary is { IsDown: false }).Copy.Name.Silo;
            Assert.Equal(primary, info.Silos[info.SiloOfShard[shard]]);
        }
    }

    [Fact]
    public async Task Acknowledged_writes_of_bundles_survive_the_death_of_a_silo_and_the_client_goes_on()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, GridCluster.Small(Shards));
        await cluster.UntilWholeAsync(copies: 2);
        await using GridClient outside = Connect(cluster);
        IGrid inside = cluster.ServicesOf(cluster.Silos[0]).GetRequiredService<IGrid>();
        using CancellationTokenSource stop = new();
        long[] acknowledged = new long[Keys];
        Task[] writers = [.. Enumerable.Range(0, Keys).Select(key => WriteAsync(key % 2 == 0 ? outside : inside, key, acknowledged, stop.Token))];
        try
        {
            await UntilAllWrittenAsync(writers, acknowledged);
            await cluster.KillAsync(cluster.Silos[2]);
            await UntilAllWrittenAsync(writers, acknowledged);
        }
        finally
        {
            // Writers that go on when the test has failed would take the machine from all the others.
            await stop.CancelAsync();
            await Task.WhenAll(writers);
        }

        IKeyspace keyspace = inside.GetKeyspace("churn");
        for (int key = 0; key < Keys; key++)
        {
            long found = long.Parse(Encoding.ASCII.GetString((await keyspace.GetAsync(Key(key), cancellationToken: TestContext.Current.CancellationToken))!), CultureInfo.InvariantCulture);
            Assert.True(found >= acknowledged[key], $"key {key}: {acknowledged[key]} was acknowledged, {found} is there");
        }
    }

    /// <summary>Waits until each key was written anew.</summary>
    private static async Task UntilAllWrittenAsync(Task[] writers, long[] acknowledged)
    {
        long[] before = [.. acknowledged];
        int[] Unwritten() => [.. Enumerable.Range(0, Keys).Where(key => Volatile.Read(ref acknowledged[key]) == before[key])];
        await Until.TrueAsync(() => writers.Any(static writer => writer.IsFaulted) || Unwritten().Length == 0, () => $"keys {string.Join(", ", Unwritten())} were not written again");
        await Task.WhenAll(writers.Where(static writer => writer.IsFaulted));
    }

    /// <summary>Writes growing numbers to one key; a number counts only once it was acknowledged.</summary>
    private static async Task WriteAsync(IGrid grid, int key, long[] acknowledged, CancellationToken stop)
    {
        IKeyspace keyspace = grid.GetKeyspace("churn");
        for (long number = 1; !stop.IsCancellationRequested; number++)
        {
            try
            {
                await keyspace.SetAsync(Key(key), Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)), cancellationToken: CancellationToken.None);
                Volatile.Write(ref acknowledged[key], number);
            }
            catch (GridException)
            {
                // Not acknowledged: it counts for nothing, whatever became of it.
                await Task.Delay(10, CancellationToken.None);
            }
        }
    }

    private static async Task WriteAndReadAsync(IGrid grid, string who)
    {
        IKeyspace keyspace = grid.GetKeyspace("k");
        for (int round = 0; round < 20; round++)
        {
            byte[] value = Encoding.UTF8.GetBytes($"{who} {round}");
            await Task.WhenAll(Enumerable.Range(0, Keys).Select(key => keyspace.SetAsync(Key(key), value).AsTask()));
            byte[]?[] values = await keyspace.GetManyAsync([.. Enumerable.Range(0, Keys).Select(static key => (ReadOnlyMemory<byte>)Key(key))]);
            Assert.All(values, found => Assert.Equal(value, found));
        }
    }

    private static byte[] Key(int key) => Encoding.ASCII.GetBytes($"key:{key}");

    private static (long Bundles, long Batches) Received(GridCluster cluster)
    {
        (long bundles, long batches) = (0, 0);
        foreach (InProcessSiloHandle silo in cluster.Silos)
        {
            (long more, long moreBatches) = cluster.ServicesOf(silo).GetRequiredService<FrontCalls>().Received;
            (bundles, batches) = (bundles + more, batches + moreBatches);
        }

        return (bundles, batches);
    }

    private static GridClient Connect(GridCluster cluster)
    {
        GridClientOptions options = new() { Timeout = TimeSpan.FromSeconds(20) };
        FrontTransport transport = new(cluster.Client, BundleSettings.From(options), ThreadPoolWorkQueue.Instance, TimeProvider.System);
        OperationDispatcher dispatcher = new(options, transport, transport, TimeProvider.System, ThreadPoolWorkQueue.Instance, new Random());
        return new GridClient(dispatcher, new NoSerializer(), transport);
    }
}
