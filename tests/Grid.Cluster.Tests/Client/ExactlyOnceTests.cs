using System.Collections.Concurrent;
using System.Text;
using Grid.Client;
using Grid.Cluster.Tests.Replication;
using Grid.Silo;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Client;

/// <summary>Counters are incremented while silos are killed: each increment that is answered counts once, and no caller is left in doubt.</summary>
public sealed class ExactlyOnceTests(ITestOutputHelper output)
{
    private const int Shards = 8;
    private const int Counters = 16;
    private const int AtATime = 4;
    private const int Kills = 2;

    private static readonly CallOptions Patient = new() { Timeout = TimeSpan.FromSeconds(60) };

    private static void Configure(GridOptions options)
    {
        options.ShardCount = Shards;
        options.Replicas = 2;
        options.MinInSync = 1;
        options.SyncWindowMs = 20;
        options.ReplicaTimeoutMs = 1000;
    }

    [Fact]
    public async Task Every_increment_that_was_answered_counts_once_though_silos_are_killed_under_them()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, Configure);
        await cluster.UntilWholeAsync(copies: 3);
        IKeyspace keyspace = cluster.ServicesOf(cluster.Silos[0]).GetRequiredService<IGrid>().GetKeyspace("counters");
        using CancellationTokenSource stop = new();
        ConcurrentQueue<long>[] answers = [.. Enumerable.Range(0, Counters).Select(_ => new ConcurrentQueue<long>())];
        ConcurrentQueue<Exception> refused = [];
        Task[] callers = [.. Enumerable.Range(0, Counters * AtATime).Select(caller => IncrementAsync(keyspace, Key(caller % Counters), answers[caller % Counters], refused, stop.Token))];
        for (int kill = 0; kill < Kills; kill++)
        {
            int[] before = [.. answers.Select(answered => answered.Count)];
            await Until.TrueAsync(() => Moved(before, answers), () => "some counter does not move");
            InProcessSiloHandle victim = cluster.Silos.Where(silo => silo != cluster.Silos[0]).ElementAt(kill % 2);
            await cluster.KillAsync(victim);
            before = [.. answers.Select(answered => answered.Count)];
            await Until.TrueAsync(() => Moved(before, answers), () => $"some counter does not move since {victim.SiloAddress} was killed\n{cluster.Counters}");
            await cluster.StartSiloAsync();
            await cluster.UntilWholeAsync(copies: 3);
        }

        await stop.CancelAsync();
        await Task.WhenAll(callers);
        output.WriteLine($"{answers.Sum(answered => answered.Count)} increments, {refused.Count} refused: {string.Join(", ", refused.Select(e => e.GetType().Name).Distinct())}");

        // What was refused is known not to have been done.
        Assert.All(refused, error => Assert.True(error is GridNotEnoughReplicasException or GridUnavailableException, error.ToString()));
        for (int counter = 0; counter < Counters; counter++)
        {
            long[] told = [.. answers[counter].Order()];
            long value = await keyspace.IncrementAsync(Key(counter), 0, options: Patient, cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal(told.LongLength, value);
            Assert.Equal(Enumerable.Range(1, told.Length).Select(number => (long)number), told);
        }

        await cluster.UntilDigestsAreEqualAsync(copies: 3);
    }

    private static async Task IncrementAsync(IKeyspace keyspace, byte[] key, ConcurrentQueue<long> answers, ConcurrentQueue<Exception> refused, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                answers.Enqueue(await keyspace.IncrementAsync(key, 1, options: Patient, cancellationToken: CancellationToken.None));
            }
            catch (GridException error)
            {
                refused.Enqueue(error);
            }
        }
    }

    private static bool Moved(int[] before, ConcurrentQueue<long>[] answers) => answers.Zip(before, (answered, count) => answered.Count > count + 20).All(moved => moved);

    private static byte[] Key(int counter) => Encoding.UTF8.GetBytes($"counter-{counter}");
}
