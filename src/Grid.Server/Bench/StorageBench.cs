using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Grid.Storage;

namespace Grid.Server.Bench;

/// <summary>What <see cref="StorageBench"/> is to measure.</summary>
public sealed record StorageBenchOptions
{
    /// <summary>Entries of the large store. Default 10 million.</summary>
    public int Entries { get; init; } = 10_000_000;

    /// <summary>Bytes of a key, at least 8. Default 16.</summary>
    public int KeyBytes { get; init; } = 16;

    /// <summary>Bytes of a value. Default 32.</summary>
    public int ValueBytes { get; init; } = 32;

    /// <summary>Whether the entries have a TTL.</summary>
    public bool Ttl { get; init; }

    /// <summary>Random operations per measurement of a rate. Default 10 million.</summary>
    public int Operations { get; init; } = 10_000_000;

    /// <summary>How often each rate is measured; the median and the best are reported. Default 3.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>Shards over which the entries are spread, each a store of its own. Default 1.</summary>
    public int Shards { get; init; } = 1;
}

/// <summary>One measured quantity.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Median">The median of the rounds.</param>
/// <param name="Best">The best round.</param>
public sealed record StorageBenchResult(string Name, string Unit, double Median, double Best);

/// <summary>
/// Measures the storage engine by itself, on one thread: memory per entry, rates, the longest operation, garbage collection.
/// </summary>
/// <remarks>
/// The longest operation is reported beside the longest gap of a loop that does nothing but read the clock for as long: what the second
/// shows as well is the machine's doing, or the collector's.
/// </remarks>
public sealed partial class StorageBench(StorageBenchOptions options)
{
    private const int Batch = 32;
    private readonly PagePool _pool = new();
    private readonly byte[] _value = new byte[Math.Max(options.ValueBytes, 4096)];
    private ShardStore[] _stores = [];
    private Keyspace[] _keyspaces = [];
    private ulong _version;

    /// <summary>Runs everything, reporting each result as it comes.</summary>
    public void Run(Action<StorageBenchResult> report)
    {
        ArgumentNullException.ThrowIfNull(report);
        Random.Shared.NextBytes(_value);
        using var end = new CancellationTokenSource();
        var preparing = new Thread(() => Prepare(end.Token)) { IsBackground = true };
        preparing.Start();
        Warm();
        long before = SettledBytes();
        MeasureFill(report);
        MeasureMemory(report, before, "overhead per entry");
        MeasureCollection(report);
        MeasureRates(report);
        MeasureSnapshot(report);
        MeasureWalk(report);
        MeasureChurn(report, before);
        MeasureCollection(report);
        foreach (ShardStore store in _stores)
            store.Dispose();
        _pool.Trim();
        MeasureLoad(report);
        end.Cancel();
        preparing.Join();
    }

    // What the host of a silo does: slabs are made where no writer waits.
    private void Prepare(CancellationToken end)
    {
        while (!end.WaitHandle.WaitOne(10))
            _pool.Prepare();
    }

    private long Expiry(long i) => options.Ttl ? 4_000_000_000_000 + i : 0;

    private void Warm()
    {
        using var store = new ShardStore(_pool);
        Keyspace keyspace = store.GetOrCreate(0, "warm");
        Span<byte> key = stackalloc byte[options.KeyBytes];
        for (int round = 0; round < 5; round++)
        {
            for (int i = 0; i < 200_000; i++)
            {
                MakeKey(key, i);
                ulong hash = KeyHash.Compute(key);
                keyspace.Set(key, hash, _value.AsSpan(0, options.ValueBytes), Expiry(i), ++_version);
                keyspace.TryGet(key, hash, 1, out _);
            }

            Thread.Sleep(150);
        }
    }

    private void MakeStores(PagePool pool)
    {
        _stores = new ShardStore[options.Shards];
        _keyspaces = new Keyspace[options.Shards];
        for (int i = 0; i < options.Shards; i++)
        {
            _stores[i] = new ShardStore(pool);
            _keyspaces[i] = _stores[i].GetOrCreate(0, "bench");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Keyspace For(ulong hash) => _keyspaces.Length == 1 ? _keyspaces[0] : _keyspaces[(int)(hash % (uint)_keyspaces.Length)];

    private void MeasureFill(Action<StorageBenchResult> report)
    {
        MakeStores(_pool);
        Span<byte> key = stackalloc byte[options.KeyBytes];
        var pauses = new PauseMeter();
        var clock = Span.Start();
        for (int i = 0; i < options.Entries; i++)
        {
            MakeKey(key, i);
            ulong hash = KeyHash.Compute(key);
            For(hash).Set(key, hash, _value.AsSpan(0, options.ValueBytes), Expiry(i), ++_version);
            pauses.Tick();
        }

        Rate(report, "set, new keys (growth included)", options.Entries, [clock.Stop()]);
        pauses.Report(report, "growth");
    }

    private void MeasureMemory(Action<StorageBenchResult> report, long before, string name)
    {
        long entries = _stores.Sum(s => s.Entries);
        long payload = _keyspaces.Sum(k => k.Statistics.KeyBytes + k.Statistics.ValueBytes);
        Single(report, $"{name}, process", "B", (SettledBytes() - before - payload) / (double)entries);
        Single(report, $"{name}, accounted", "B", (_stores.Sum(s => s.MemoryBytes) - payload) / (double)entries);
        Single(report, $"{name}, index", "B", _keyspaces.Sum(k => k.Statistics.IndexBytes) / (double)entries);
    }

    private static void MeasureCollection(Action<StorageBenchResult> report)
    {
        var times = new List<double>();
        for (int i = 0; i < 7; i++)
        {
            long start = Stopwatch.GetTimestamp();
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: false);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        times.Sort();
        report(new StorageBenchResult("full garbage collection", "ms", times[times.Count / 2], times[0]));
    }

    private void MeasureChurn(Action<StorageBenchResult> report, long before)
    {
        // Sizes from 1 to twice the value's: each overwrite goes to another slot, nearly always of another class.
        Span<byte> key = stackalloc byte[options.KeyBytes];
        var pauses = new PauseMeter();
        ulong random = 987654321;
        var clock = Span.Start();
        long operations = 2L * options.Entries;
        for (long i = 0; i < operations; i++)
        {
            MakeKey(key, NextIndex(ref random));
            ulong hash = KeyHash.Compute(key);
            For(hash).Set(key, hash, _value.AsSpan(0, 1 + (int)((random >> 40) % (uint)(2 * options.ValueBytes))), Expiry(i), ++_version);
            pauses.Tick();
        }

        Rate(report, "set, sizes changing at random", operations, [clock.Stop()]);
        pauses.Report(report, "set, sizes changing");
        MeasureMemory(report, before, "overhead per entry after that");
        Single(report, "records moved by compaction", "", _keyspaces.Sum(k => k.Statistics.Moved));

        // The hard case: the sizes of all values drift from one to another, one by one.
        foreach ((string name, int size) in new[] { ("half", options.ValueBytes / 2), ("one and a half times", options.ValueBytes * 3 / 2) })
        {
            double worst = 0;
            long changed = 0;
            clock = Span.Start();
            for (int i = 0; i < options.Entries; i++)
            {
                MakeKey(key, i);
                ulong hash = KeyHash.Compute(key);
                For(hash).Set(key, hash, _value.AsSpan(0, size), Expiry(i), ++_version);
                if (++changed % (options.Entries / 50) == 0)
                    worst = Math.Max(worst, Fill());
            }

            Rate(report, $"set, all values going to {name} the size", options.Entries, [clock.Stop()]);
            Single(report, $"pages over used slots at worst, going to {name}", "", worst);
            MeasureMemory(report, before, $"overhead per entry at {name}");
        }
    }

    private double Fill() => _keyspaces.Sum(k => k.Statistics.PageBytes) / (double)_keyspaces.Sum(k => k.Statistics.UsedSlotBytes);

    private void Repeat(Action<StorageBenchResult> report, string name, Action action)
    {
        var times = new List<Span>();
        for (int i = 0; i < options.Rounds; i++)
            times.Add(Span.Of(action));
        Rate(report, name, options.Operations, times);
    }

    private static void Rate(Action<StorageBenchResult> report, string name, long operations, List<Span> spans)
    {
        Report(spans.ConvertAll(s => operations / s.Wall.TotalSeconds / 1e6), name, "M/s");
        // Where others use the machine as well, what a core does in the time that it gives us.
        Report(spans.ConvertAll(s => operations / s.Processor.TotalSeconds / 1e6), "  per second of processor time", "M/s");

        void Report(List<double> rates, string what, string unit)
        {
            rates.Sort();
            report(new StorageBenchResult(what, unit, rates[rates.Count / 2], rates[^1]));
        }
    }

    private static void Single(Action<StorageBenchResult> report, string name, string unit, double value) =>
        report(new StorageBenchResult(name, unit, value, value));

    /// <summary>Bytes of the process that are its own, after a full collection.</summary>
    private static long SettledBytes()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using Process process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    // An index spread by a multiplication that is a bijection, so that neighbours share nothing.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MakeKey(Span<byte> key, long index)
    {
        ulong spread = (ulong)index * 0x9E3779B97F4A7C15;
        key.Clear();
        MemoryMarshal.Write(key, spread);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long NextIndex(ref ulong random)
    {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        return (long)Math.BigMul(random, (ulong)options.Entries, out _);
    }

    /// <summary>How long something took: by the clock, and of the process's processor time.</summary>
    private readonly record struct Span(TimeSpan Wall, TimeSpan Processor)
    {
        public static Span Start() => new(Stopwatch.GetElapsedTime(0), Environment.CpuUsage.TotalTime);

        public static Span Of(Action action)
        {
            Span start = Start();
            action();
            return start.Stop();
        }

        public static Span operator +(Span a, Span b) => new(a.Wall + b.Wall, a.Processor + b.Processor);

        public Span Stop() => new(Stopwatch.GetElapsedTime(0) - Wall, Environment.CpuUsage.TotalTime - Processor);
    }
}
