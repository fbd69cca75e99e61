using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Grid.Client;
using Grid.Silo.Grains;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>A primary is handed over under writes: nobody gets an error, nothing is lost.</summary>
public sealed class HandOverTests(ITestOutputHelper output)
{
    private const int Shards = 4;
    private const int Writers = 32;
    private const int Moves = 20;

    [Fact]
    public async Task Clients_write_and_read_on_without_an_error_while_primaries_move_to_and_fro()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, GridCluster.Small(Shards));
        await cluster.UntilWholeAsync(copies: 2);
        IGrid grid = cluster.ServicesOf(cluster.Silos[0]).GetRequiredService<IGrid>();
        IKeyspace<string, string> keyspace = grid.GetKeyspace<string, string>("numbers");
        using CancellationTokenSource stop = new();
        ConcurrentBag<string> wrong = [];
        long[] written = new long[Writers];
        long slowestMs = 0;
        int slow = 0;
        Task[] writers = [.. Enumerable.Range(0, Writers).Select(async writer =>
        {
            for (long number = 1; !stop.IsCancellationRequested; number++)
            {
                long start = Stopwatch.GetTimestamp();
                try
                {
                    await keyspace.SetAsync($"key-{writer}", number.ToString(CultureInfo.InvariantCulture));
                    Volatile.Write(ref written[writer], number);
                    var found = await keyspace.GetAsync($"key-{writer}");
                    if (found.Value != number.ToString(CultureInfo.InvariantCulture))
                        wrong.Add($"key-{writer}: {number} was written, {found.Value} was read");
                }
                catch (GridException failure)
                {
                    wrong.Add(failure.Message);
                }

                long took = (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                InterlockedMax(ref slowestMs, took);
                if (took >= 40)
                    Interlocked.Increment(ref slow);
            }
        })];

        int moved = 0;
        for (int move = 0; move < Moves; move++)
        {
            int shard = move % Shards;
            InProcessSiloHandle receiver = Assert.Single(cluster.ReplicasOf(shard));
            IGrainFactory grains = cluster.ServicesOf(cluster.Silos[move % 3]).GetRequiredService<IGrainFactory>();
            long start = Stopwatch.GetTimestamp();
            string? problem = await grains.GetGrain<IShardReplicationGrain>(shard).HandOverAsync(receiver.SiloAddress.ToParsableString());
            TimeSpan surrendered = Stopwatch.GetElapsedTime(start);
            Assert.Null(problem);
            await Until.TrueAsync(() => cluster.IsWhole(2, out _), () => $"shard {shard} is not whole after its hand-over");
            Assert.Equal(receiver.SiloAddress, cluster.PrimaryOf(shard).SiloAddress);
            moved++;
            output.WriteLine($"{surrendered.TotalMilliseconds:F1} ms to surrender, {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F1} ms to whole");
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
        output.WriteLine($"slowest write and read: {slowestMs} ms, {slow} over 40 ms, {written.Sum()} writes");
        Assert.Equal(Moves, moved);
        foreach (string line in wrong.Take(20))
            output.WriteLine(line);
        Assert.Empty(wrong);
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    /// <summary>An activation does not end before its calls have; a hand-over that waits for a replica must not keep a silo from stopping.</summary>
    [Fact]
    public async Task A_silo_stops_at_once_while_hand_overs_and_writes_wait_for_a_replica()
    {
        StreamWire wire = new();
        await using GridCluster cluster = await GridCluster.StartAsync(
            2,
            options =>
            {
                GridCluster.Small(Shards)(options);
                options.ReplicaTimeoutMs = 20_000;
            },
            wire);
        await cluster.UntilWholeAsync(copies: 2);
        InProcessSiloHandle stopping = cluster.PrimaryOf(shard: 0);
        string receiver = cluster.ReplicasOf(0).Single().SiloAddress.ToParsableString();
        IKeyspace<string, string> keyspace = cluster.ServicesOf(stopping).GetRequiredService<IGrid>().GetKeyspace<string, string>("unheard");
        IShardReplicationGrain shard = cluster.ServicesOf(stopping).GetRequiredService<IGrainFactory>().GetGrain<IShardReplicationGrain>(0);
        long applied = cluster.CopyOn(0, stopping).Applied;
        wire.IsCut = true;
        Task[] unheard = [.. Enumerable.Range(0, 100).Select(number => keyspace.SetAsync($"key-{number}", "value").AsTask())];
        await Until.TrueAsync("the primary has the writes", () => cluster.CopyOn(0, stopping).Applied > applied);
        string? problem = await shard.HandOverAsync(receiver);
        Assert.Contains("does not have the last mutations", problem, StringComparison.Ordinal);

        using CancellationTokenSource stopped = new();
        Task asking = Task.Run(
            async () =>
            {
                while (!stopped.IsCancellationRequested)
                    await shard.HandOverAsync(receiver);
            },
            TestContext.Current.CancellationToken);
        await Until.OverAsync("the silo stops", cluster.StopAsync(stopping), TimeSpan.FromSeconds(15));
        await stopped.CancelAsync();
        await Until.OverAsync("the hand-overs have an outcome", asking.ContinueWith(static _ => { }, TaskScheduler.Default));
        await Until.OverAsync("the writes have an outcome", Task.WhenAll(unheard).ContinueWith(static _ => { }, TaskScheduler.Default));
    }

    private static void InterlockedMax(ref long most, long value)
    {
        long seen = Volatile.Read(ref most);
        while (value > seen && Interlocked.CompareExchange(ref most, value, seen) is var before && before != seen)
            seen = before;
    }
}
