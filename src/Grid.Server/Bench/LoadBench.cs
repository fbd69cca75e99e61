using System.Collections.Concurrent;
using System.Diagnostics;
using Grid.Client;

namespace Grid.Server.Bench;

/// <summary>
/// Makes load through <see cref="IGrid"/> and measures it: a fixed number of callers, each of which starts its next call
/// when its last one is over.
/// </summary>
/// <remarks>
/// Since a caller that waits starts nothing, a stall shows in few slow calls instead of many: read p99.9 and the maximum
/// together with the rate. One run per instance.
/// </remarks>
public sealed class LoadBench
{
    private const int LanesMax = 64;
    private const int PreloadChunkBytes = 64 * 1024;
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(1);

    private readonly LoadBenchOptions _options;
    private readonly Action<LoadProgress>? _progress;
    private readonly IKeyspace _keyspace;
    private readonly byte[] _values;
    private readonly ConcurrentDictionary<string, long> _errors = new();
    private LoadLane[] _lanes = [];
    private volatile bool _stopping;

    /// <summary>Prepares a run.</summary>
    /// <param name="grid">The grid.</param>
    /// <param name="options">What load to make; validated here.</param>
    /// <param name="progress">Told once a second, from a thread of the pool.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public LoadBench(IGrid grid, LoadBenchOptions options, Action<LoadProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(grid);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _progress = progress;
        _keyspace = grid.GetKeyspace(options.Keyspace, new KeyspaceOptions { Durability = options.Durability, ReadMode = options.ReadMode });
        _values = new byte[options.ValueBytesMax + 4096];
        new Random(options.Seed).NextBytes(_values);
    }

    /// <summary>Preloads, warms up and measures.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<LoadResult> RunAsync(CancellationToken cancellationToken = default)
    {
        double preloadSeconds = _options.Preload ? await PreloadAsync(cancellationToken) : 0;
        if (_options.WarmUp > TimeSpan.Zero)
            await MeasureAsync("warm-up", _options.WarmUp, cancellationToken);
        long allocated = GC.GetTotalAllocatedBytes();
        double seconds = await MeasureAsync("measure", _options.Duration, cancellationToken);
        allocated = GC.GetTotalAllocatedBytes() - allocated;

        LatencyHistogram all = new();
        foreach (LoadLane lane in _lanes)
            all.Add(lane.Latencies);
        long operations = _lanes.Sum(static lane => lane.Operations);
        return new LoadResult(
            seconds,
            all.Count,
            operations,
            operations / seconds,
            Us(all.Percentile(50)),
            Us(all.Percentile(99)),
            Us(all.Percentile(99.9)),
            Us(all.Max),
            _lanes.Sum(static lane => lane.Misses),
            _lanes.Sum(static lane => lane.ConditionsFailed),
            new SortedDictionary<string, long>(_errors),
            preloadSeconds,
            operations == 0 ? 0 : (double)allocated / operations);
    }

    private static double Us(long nanoseconds) => Math.Round(nanoseconds / 1000.0, 1);

    private async Task<double> PreloadAsync(CancellationToken token)
    {
        Stopwatch watch = Stopwatch.StartNew();
        int chunk = Math.Clamp(PreloadChunkBytes / Math.Max(1, (_options.ValueBytesMin + _options.ValueBytesMax) / 2), 1, 256);
        int next = 0;
        int written = 0;
        Task[] callers = new Task[Math.Min(_options.Outstanding, 64)];
        for (int i = 0; i < callers.Length; i++)
            callers[i] = Task.Run(() => PreloadSomeAsync(new LoadCaller(_options, _values, i), chunk, () => Interlocked.Add(ref next, chunk) - chunk, n => Interlocked.Add(ref written, n), token), token);
        await ReportAsync("preload", Task.WhenAll(callers), () => (double)Volatile.Read(ref written) / _options.Keys, () => Volatile.Read(ref written));
        return watch.Elapsed.TotalSeconds;
    }

    private async Task PreloadSomeAsync(LoadCaller caller, int chunk, Func<int> take, Action<int> done, CancellationToken token)
    {
        int first;
        while ((first = take()) < _options.Keys && first >= 0)
        {
            token.ThrowIfCancellationRequested();
            int count = Math.Min(chunk, _options.Keys - first);
            await _keyspace.SetManyAsync(caller.Entries(first, count), cancellationToken: token);
            done(count);
        }
    }

    private async Task<double> MeasureAsync(string phase, TimeSpan duration, CancellationToken token)
    {
        _lanes = new LoadLane[Math.Min(_options.Outstanding, LanesMax)];
        for (int i = 0; i < _lanes.Length; i++)
            _lanes[i] = new LoadLane();
        _errors.Clear();
        _stopping = false;
        Stopwatch watch = Stopwatch.StartNew();
        Task[] callers = new Task[_options.Outstanding];
        for (int i = 0; i < callers.Length; i++)
        {
            LoadCaller caller = new(_options, _values, i + (phase.Length * 100_003));
            LoadLane lane = _lanes[i % _lanes.Length];
            callers[i] = Task.Run(() => CallAsync(caller, lane, token), token);
        }

        Task all = Task.WhenAll(callers);
        using Timer stop = new(_ => _stopping = true, null, duration, Timeout.InfiniteTimeSpan);
        await ReportAsync(phase, all, () => Math.Min(1, watch.Elapsed / duration), () => _lanes.Sum(static lane => lane.Operations));
        return watch.Elapsed.TotalSeconds;
    }

    private async Task CallAsync(LoadCaller caller, LoadLane lane, CancellationToken token)
    {
        while (!_stopping)
        {
            token.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            try
            {
                LoadOutcome outcome = await caller.CallOnceAsync(_keyspace);
                lane.Record(Stopwatch.GetElapsedTime(start).Ticks * 100, outcome);
            }
            catch (GridException e)
            {
                _errors.AddOrUpdate(e.GetType().Name, 1, static (_, count) => count + 1);
            }
        }
    }

    private async Task ReportAsync(string phase, Task work, Func<double> share, Func<long> operations)
    {
        long before = 0;
        long then = Stopwatch.GetTimestamp();
        while (await Task.WhenAny(work, Task.Delay(ReportEvery)) != work)
        {
            long now = operations();
            _progress?.Invoke(new LoadProgress(
                phase, share(), (now - before) / Stopwatch.GetElapsedTime(then).TotalSeconds, _errors.Values.Sum()));
            (before, then) = (now, Stopwatch.GetTimestamp());
        }

        await work;
    }
}
