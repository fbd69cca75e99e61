using System.Globalization;
using System.Text;
using CsCheck;
using Grid.Client;
using Grid.Client.Pipelines;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>
/// Whatever befalls the calls: operations on a key take effect in the order in which they were started, each at most
/// once, and what a caller is told of an operation is true.
/// </summary>
public sealed class PipelineSimulationTests
{
    private const int Keys = 5;
    private const int Operations = 300;
    private const int TwinSeeds = 300;

    /// <summary>Seeds of one run; more by the environment variable, for a long one.</summary>
    private static readonly int Seeds = int.Parse(Environment.GetEnvironmentVariable("GRID_CLIENT_SEEDS") ?? "400", CultureInfo.InvariantCulture);

    [Fact]
    public void Order_and_at_most_once_hold_whatever_befalls_the_calls() =>
        Gen.Int[0, 1_000_000].Sample(
            seed =>
            {
                if ((Simulate(seed) ?? Simulate(seed, bundles: true)) is { } violation)
                    Assert.Fail(violation);
            },
            iter: Seeds,
            threads: 2);

    [Fact]
    public void Bundles_carry_many_batches_and_come_back_in_parts()
    {
        (int Bundles, int Batches) sent = default;
        int parts = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            Assert.Null(Simulate(seed, bundles: true, look: cluster =>
            {
                sent = (sent.Bundles + cluster.Fronts!.Sent.Bundles, sent.Batches + cluster.Fronts.Sent.Batches);
                parts += cluster.Fronts.PartialReplies;
            }));
        }

        Assert.True(sent.Bundles > 100 && sent.Batches > sent.Bundles * 5 / 4, $"{sent.Batches} batches in {sent.Bundles} bundles");
        Assert.True(parts > 50, $"{parts} replies came in parts");
    }

    [Fact]
    public void A_client_that_repeats_what_may_have_been_applied_is_caught() =>
        Assert.True(IsCaught("applied twice", (d, s, n) => new ForgetfulPipeline(d, s, n)));

    [Fact]
    public void A_client_that_puts_what_it_repeats_behind_the_rest_is_caught() =>
        Assert.True(IsCaught("out of order", (d, s, n) => new DisorderlyPipeline(d, s, n)));

    [Fact]
    public void A_shard_that_ignores_the_numbers_is_caught() =>
        Assert.True(IsCaught("out of order", breakShard: shard => shard.IgnoresNumbers = true));

    [Fact]
    public void A_shard_that_does_again_what_is_repeated_is_caught() =>
        Assert.True(IsCaught("applied twice", breakShard: shard => shard.IgnoresRepetition = true));

    [Fact]
    public void What_a_shard_had_to_forget_is_told_as_unknown() =>
        Gen.Int[0, 1_000_000].Sample(seed => Assert.Null(Simulate(seed, breakShard: shard => shard.ForgetsEffects = true)), iter: 60, threads: 2);

    [Fact]
    public void With_time_enough_every_increment_counts_once_and_nobody_is_left_in_doubt()
    {
        (int Repeated, int Found) repetitions = default;
        for (int seed = 0; seed < 40; seed++)
        {
            Random dice = new(seed);
            SimulatedCluster cluster = new(seed, shards: 1, options => Configure(options, dice), bundlesUnderWayMax: seed % 3)
            {
                DelayMaxMs = dice.Next(1, 40),
                Misfortunes = new Misfortunes(0.02, 0.05, 0.1, 0.05, 0.1),
            };
            for (int change = 0; change < 4; change++)
                cluster.After(dice.Next(4000), () => cluster.Shards[0].ChangeReign(1));
            IKeyspace keyspace = cluster.Grid.GetKeyspace("k");
            List<Task<long>> calls = [];
            for (int i = 0; i < 200; i++)
            {
                calls.Add(keyspace.IncrementAsync("counter"u8, 1, options: new() { Timeout = TimeSpan.FromMinutes(5) }).AsTask());
                cluster.Run(dice.Next(40));
            }

            cluster.Misfortunes = Misfortunes.None;
            cluster.Run(120_000);
            Assert.All(calls, call => Assert.True(call.IsCompletedSuccessfully, call.Exception?.ToString() ?? "not over"));
            Assert.Equal(Enumerable.Range(1, calls.Count).Select(number => (long)number), calls.Select(call => call.Result));
            repetitions = (repetitions.Repeated + cluster.Shards[0].Repetitions.Repeated, repetitions.Found + cluster.Shards[0].Repetitions.Found);
        }

        Assert.True(repetitions.Found > 100 && repetitions.Repeated > repetitions.Found, $"{repetitions.Repeated} repeated, {repetitions.Found} had taken effect");
    }

    private static bool IsCaught(
        string violation, Func<OperationDispatcher, PipelineSettings, int, ShardPipeline>? makePipeline = null, Action<FakeShard>? breakShard = null)
    {
        for (int seed = 0; seed < TwinSeeds; seed++)
        {
            if (Simulate(seed, makePipeline, breakShard, bundles: seed % 2 == 1)?.Contains(violation, StringComparison.Ordinal) == true)
                return true;
        }

        return false;
    }

    private static string? Simulate(
        int seed,
        Func<OperationDispatcher, PipelineSettings, int, ShardPipeline>? makePipeline = null,
        Action<FakeShard>? breakShard = null,
        bool bundles = false,
        Action<SimulatedCluster>? look = null)
    {
        Random dice = new(seed);
        SimulatedCluster cluster = new(seed, shards: bundles ? 4 : 2, options => Configure(options, dice), makePipeline, bundles ? dice.Next(1, 4) : 0);
        foreach (FakeShard shard in cluster.Shards)
        {
            breakShard?.Invoke(shard);
            shard.KeepsReplies = dice.Next(2) == 0;
        }

        cluster.DelayMaxMs = dice.Next(1, 40);
        cluster.Misfortunes = new Misfortunes(Some(dice), Some(dice), Some(dice), Some(dice) / 2, Some(dice));
        Trouble(cluster, dice);
        Workload workload = new(cluster, dice);
        for (int i = 0; i < Operations; i++)
        {
            workload.StartOne();
            if (dice.Next(3) == 0)
                cluster.Run(dice.Next(12));
        }

        cluster.Run(8_000);
        cluster.Misfortunes = Misfortunes.None;
        cluster.Run(60_000);
        look?.Invoke(cluster);
        return workload.Judge();
    }

    private static void Configure(GridClientOptions options, Random dice)
    {
        options.BatchesInFlightMax = dice.Next(1, 6);
        options.BatchOperationsMin = dice.Next(1, 6);
        options.BatchOperationsMax = dice.Next(1, 20);
        options.OperationsOutstandingMax = dice.Next(4) == 0 ? dice.Next(1, 30) : 10_000;
        options.LargeOperationBytes = 1024;
        options.ResendAfter = TimeSpan.FromMilliseconds(dice.Next(50, 1500));
    }

    private static double Some(Random dice) => dice.Next(2) == 0 ? 0 : dice.NextDouble() * 0.15;

    /// <summary>New reigns and refusals, now and then, for the first seconds.</summary>
    private static void Trouble(SimulatedCluster cluster, Random dice)
    {
        int changes = dice.Next(8);
        for (int i = 0; i < changes; i++)
        {
            FakeShard shard = cluster.Shards[dice.Next(cluster.Shards.Length)];
            int at = dice.Next(2500);
            Refusing meanwhile = (Refusing)dice.Next(4);
            cluster.After(at, () => shard.Refusing = meanwhile);
            if (dice.Next(3) != 0)
                cluster.After(at + dice.Next(300), () => shard.ChangeReign(1));
            cluster.After(at + 300 + dice.Next(1500), () => shard.Refusing = Refusing.Nothing);
        }
    }

    private sealed class ForgetfulPipeline(OperationDispatcher dispatcher, PipelineSettings settings, int shard)
        : ShardPipeline(dispatcher, settings, shard)
    {
        protected override bool IsRepetition(Batch batch) => false;
    }

    private sealed class DisorderlyPipeline(OperationDispatcher dispatcher, PipelineSettings settings, int shard)
        : ShardPipeline(dispatcher, settings, shard)
    {
        protected override void PutBack(Batch first, Batch last) => PutLast(first, last);
    }

    private enum Outcome
    {
        None,
        Applied,
        NotApplied,
        Unknown,
    }

    private sealed class Started(int id, string key, bool isWrite)
    {
        public int Id { get; } = id;

        public string Key { get; } = key;

        public bool IsWrite { get; } = isWrite;

        public Outcome Outcome { get; set; }

        public string? Read { get; set; }

        public string Error { get; set; } = "";
    }

    /// <summary>One client's operations, what it was told of each, and what the shards' logs say.</summary>
    private sealed class Workload(SimulatedCluster cluster, Random dice)
    {
        private readonly IKeyspace _keyspace = cluster.Grid.GetKeyspace("k");
        private readonly List<Started> _started = [];

        public void StartOne()
        {
            CallOptions options = new() { Timeout = TimeSpan.FromMilliseconds(dice.Next(30, 3000)) };
            CancellationTokenSource? cancel = dice.Next(12) == 0 ? new() : null;
            CancellationToken token = cancel?.Token ?? default;
            if (cancel is not null)
                cluster.After(dice.Next(300), cancel.Cancel);
            switch (dice.Next(10))
            {
                case < 5:
                    Started set = Add(isWrite: true);
                    Watch(set, _keyspace.SetAsync(Bytes(set.Key), Value(set.Id), default, options, token));
                    break;
                case < 8:
                    Started get = Add(isWrite: false);
                    WatchRead(get, _keyspace.GetAsync(Bytes(get.Key), options, token));
                    break;
                case 8:
                    Started[] sets = [Add(true), Add(true), Add(true)];
                    WatchMany(sets, _keyspace.SetManyAsync(
                        sets.Select(s => KeyValuePair.Create<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>(Bytes(s.Key), Value(s.Id))).ToArray(), null, options, token), null);
                    break;
                default:
                    Started[] gets = [Add(false), Add(false)];
                    WatchMany(gets, _keyspace.GetManyAsync(gets.Select(s => new ReadOnlyMemory<byte>(Bytes(s.Key))).ToArray(), options, token),
                        static (s, value) => s.Read = Text(value));
                    break;
            }
        }

        public string? Judge()
        {
            if (_started.Find(static s => s.Outcome == Outcome.None) is { } open)
                return $"operation {open.Id} of {_started.Count} never ended, or in an undocumented way: {open.Error}";
            foreach (IGrouping<string, Started> key in _started.GroupBy(static s => s.Key))
            {
                List<int> applied = [.. cluster.Shards.SelectMany(static s => s.Applied).Where(a => a.Key == "k/" + key.Key).Select(static a => Id(a.Token))];
                if (JudgeKey(key, applied) is { } violation)
                    return violation;
            }

            return null;
        }

        private static string? JudgeKey(IEnumerable<Started> operations, List<int> applied)
        {
            if (applied.Distinct().Count() != applied.Count)
                return "a write was applied twice: " + string.Join(",", applied);
            if (!applied.SequenceEqual(applied.Order()))
                return "writes were applied out of order: " + string.Join(",", applied);
            foreach (Started operation in operations)
            {
                bool there = applied.Contains(operation.Id);
                if (operation.Outcome == Outcome.Applied && operation.IsWrite && !there)
                    return $"write {operation.Id} was acknowledged and not applied";
                if (operation.Outcome == Outcome.NotApplied && there)
                    return $"write {operation.Id} was reported as not applied ({operation.Error}) and was";
                string? expected = applied.LastOrDefault(id => id < operation.Id) is > 0 and int last ? last.ToString(CultureInfo.InvariantCulture) : null;
                if (operation is { IsWrite: false, Outcome: Outcome.Applied } && operation.Read != expected)
                    return $"read {operation.Id} out of order: it saw {operation.Read}, the last write before it was {expected}";
            }

            return null;
        }

        private Started Add(bool isWrite)
        {
            Started started = new(_started.Count + 1, $"key{dice.Next(Keys)}", isWrite);
            _started.Add(started);
            return started;
        }

        private static async void Watch(Started started, ValueTask<SetResult> call)
        {
            try
            {
                SetResult result = await call.ConfigureAwait(false);
                started.Outcome = result.Applied ? Outcome.Applied : Outcome.Unknown;
            }
            catch (Exception e)
            {
                Note(started, e);
            }
        }

        private static async void WatchRead(Started started, ValueTask<byte[]?> call)
        {
            try
            {
                started.Read = Text(await call.ConfigureAwait(false));
                started.Outcome = Outcome.Applied;
            }
            catch (Exception e)
            {
                Note(started, e);
            }
        }

        private static async void WatchMany<T>(Started[] started, ValueTask<T[]> call, Action<Started, T>? read)
        {
            try
            {
                T[] results = await call.ConfigureAwait(false);
                for (int i = 0; i < started.Length; i++)
                {
                    read?.Invoke(started[i], results[i]);
                    started[i].Outcome = Outcome.Applied;
                }
            }
            catch (GridManyException e)
            {
                foreach (Started s in started)
                    s.Outcome = s.IsWrite ? Outcome.Applied : Outcome.Unknown;
                foreach (GridFailure failure in e.Failures)
                    Note(started[failure.Index], failure.Error);
            }
            catch (Exception e)
            {
                foreach (Started s in started)
                    Note(s, e);
            }
        }

        private static void Note(Started started, Exception error)
        {
            started.Error = error.GetType().Name;
            started.Outcome = error is GridTimeoutException or GridUnavailableException or GridOverloadedException
                ? Outcome.NotApplied
                : error is GridIndeterminateException or OperationCanceledException ? Outcome.Unknown : Outcome.None;
            if (started.Outcome == Outcome.None)
                started.Error = error.ToString();
        }

        private static byte[] Bytes(string key) => Encoding.ASCII.GetBytes(key);

        private static byte[] Value(int id) => Encoding.ASCII.GetBytes(id + (id % 17 == 0 ? new string(' ', 2000) : ""));

        private static string? Text(byte[]? value) => value is null ? null : Encoding.ASCII.GetString(value).Trim();

        private static int Id(string token) => int.Parse(token.Trim(), CultureInfo.InvariantCulture);
    }
}
