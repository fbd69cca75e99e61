using System.Collections.Concurrent;
using System.Text;
using Grid.Client;
using Grid.Client.Contracts;
using Grid.Client.Keyspaces;
using Grid.Client.Pipelines;
using Grid.Cluster.Tests.Replication;
using Grid.Formats.Buffers;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Client;

/// <summary>Counters are incremented while silos are killed and answers are lost: each increment that is answered counts once, and no caller is left in doubt.</summary>
public sealed class ExactlyOnceTests(ITestOutputHelper output)
{
    private const int Shards = 8;
    private const int Counters = 16;
    private const int AtATime = 4;
    private const int Kills = 2;
    private const int OneAnswerLostIn = 20;

    private static readonly CallOptions Patient = new() { Timeout = TimeSpan.FromSeconds(60) };

    [Fact]
    public async Task Every_increment_that_was_answered_counts_once_though_silos_are_killed_under_them()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, GridCluster.Small(Shards, replicas: 2));
        await cluster.UntilWholeAsync(copies: 3);
        LosesAnswers transport = new(cluster.ServicesOf(cluster.Silos[0]).GetRequiredService<IGridTransport>());
        OperationDispatcher dispatcher = new(new GridClientOptions(), transport, transport, TimeProvider.System, ThreadPoolWorkQueue.Instance, new Random(1));
        await using GridClient grid = new(dispatcher, new NoSerializer(), transport);
        IKeyspace keyspace = grid.GetKeyspace("counters");
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
        Assert.True(transport.Lost > 0, "no answer was lost");
        output.WriteLine($"{transport.Lost} answers lost; {answers.Sum(answered => answered.Count)} increments, {refused.Count} refused: {string.Join(", ", refused.Select(e => e.GetType().Name).Distinct())}");

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

    /// <summary>
    /// A kill in this process seldom takes an answer with it: so some are lost on purpose, behind calls that were carried out. Whoever executed the
    /// repetition of one would count twice.
    /// </summary>
    private sealed class LosesAnswers(IGridTransport inner) : IGridTransport
    {
        private int _calls;
        private int _lost;

        public int Lost => Volatile.Read(ref _lost);

        public async ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request)
        {
            PooledBuffer reply = await inner.ExecuteAsync(shard, request);
            if (Interlocked.Increment(ref _calls) % OneAnswerLostIn != 0)
                return reply;
            reply.ReleaseReceived();
            Interlocked.Increment(ref _lost);
            throw new TimeoutException("the answer was lost on its way");
        }

        public ValueTask<ClusterInfo> GetAsync() => inner.GetAsync();

        public void Dispose()
        {
            // The transport is the silo's.
        }
    }

    private static byte[] Key(int counter) => Encoding.UTF8.GetBytes($"counter-{counter}");
}
