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
public sealed class StorageBench(StorageBenchOptions options)
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
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < options.Entries; i++)
        {
            MakeKey(key, i);
            ulong hash = KeyHash.Compute(key);
            For(hash).Set(key, hash, _value.AsSpan(0, options.ValueBytes), Expiry(i), ++_version);
            pauses.Tick();
        }

        Rate(report, "set, new keys (growth included)", options.Entries, [Stopwatch.GetElapsedTime(start)]);
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

    private void MeasureRates(Action<StorageBenchResult> report)
    {
        Repeat(report, "get, random", () =>
        {
            Span<byte> key = stackalloc byte[options.KeyBytes];
            ulong random = 88172645463325252;
            long sum = 0;
            for (int i = 0; i < options.Operations; i++)
            {
                MakeKey(key, NextIndex(ref random));
                ulong hash = KeyHash.Compute(key);
                if (For(hash).TryGet(key, hash, 1, out EntryView entry))
                    sum += entry.Value[0];
            }

            if (sum == 0)
                throw new InvalidOperationException("Nothing was found.");
        });
        Repeat(report, "set, random overwrite", () =>
        {
            Span<byte> key = stackalloc byte[options.KeyBytes];
            ulong random = 88172645463325252;
            for (int i = 0; i < options.Operations; i++)
            {
                MakeKey(key, NextIndex(ref random));
                ulong hash = KeyHash.Compute(key);
                For(hash).Set(key, hash, _value.AsSpan(0, options.ValueBytes), Expiry(i), ++_version);
            }
        });
        Repeat(report, "get, key that is not there", () =>
        {
            Span<byte> key = stackalloc byte[options.KeyBytes];
            ulong random = 88172645463325252;
            for (int i = 0; i < options.Operations; i++)
            {
                MakeKey(key, options.Entries + NextIndex(ref random));
                ulong hash = KeyHash.Compute(key);
                if (For(hash).TryGet(key, hash, 1, out _))
                    throw new InvalidOperationException("Found what is not there.");
            }
        });
        Repeat(report, $"get, random, batches of {Batch}", () => Batches((keyspace, key, hash) =>
        {
            if (!keyspace.TryGet(key, hash, 1, out _))
                throw new InvalidOperationException("Not found.");
        }));
        Repeat(report, $"set, random overwrite, batches of {Batch}", () => Batches((keyspace, key, hash) =>
            keyspace.Set(key, hash, _value.AsSpan(0, options.ValueBytes), Expiry(0), ++_version)));
        var writer = new FixedWriter(options.ValueBytes);
        Repeat(report, "get by another thread's way, random", () =>
        {
            Span<byte> key = stackalloc byte[options.KeyBytes];
            ulong random = 88172645463325252;
            for (int i = 0; i < options.Operations; i++)
            {
                MakeKey(key, NextIndex(ref random));
                ulong hash = KeyHash.Compute(key);
                if (For(hash).TryReadShared(key, hash, 1, writer, out _, out _) != SharedReadStatus.Found)
                    throw new InvalidOperationException("Not found.");
            }
        });
    }

    // As a shard executes what a client sent together: the waits for memory overlap.
    private void Batches(Operation operation)
    {
        Span<byte> keys = stackalloc byte[options.KeyBytes * Batch];
        Span<ulong> hashes = stackalloc ulong[Batch];
        ulong random = 88172645463325252;
        for (int i = 0; i < options.Operations; i += Batch)
        {
            for (int j = 0; j < Batch; j++)
            {
                Span<byte> key = keys.Slice(j * options.KeyBytes, options.KeyBytes);
                MakeKey(key, NextIndex(ref random));
                hashes[j] = KeyHash.Compute(key);
                For(hashes[j]).PrefetchSlot(hashes[j]);
            }

            foreach (ulong hash in hashes)
                For(hash).PrefetchRecord(hash);
            for (int j = 0; j < Batch; j++)
                operation(For(hashes[j]), keys.Slice(j * options.KeyBytes, options.KeyBytes), hashes[j]);
        }
    }

    private void MeasureSnapshot(Action<StorageBenchResult> report)
    {
        Span<byte> key = stackalloc byte[options.KeyBytes];
        var digest = new CountingSink();
        var pauses = new PauseMeter();
        var slices = new PauseMeter();
        ulong random = 1234567;
        long kept = 0;
        long sliceTicks = 0;
        long writeTicks = 0;
        long writes = 0;
        foreach (ShardStore store in _stores)
        {
            using ShardSnapshot snapshot = store.BeginSnapshot(_version);
            bool more = true;
            while (more)
            {
                long start = Stopwatch.GetTimestamp();
                slices.Reset();
                more = snapshot.Next(digest, 2000, 256 * 1024);
                slices.Tick();
                long middle = Stopwatch.GetTimestamp();
                sliceTicks += middle - start;
                pauses.Reset();
                for (int i = 0; i < 400; i++)
                {
                    MakeKey(key, NextIndex(ref random));
                    ulong hash = KeyHash.Compute(key);
                    For(hash).Set(key, hash, _value.AsSpan(0, options.ValueBytes), Expiry(i), ++_version);
                    pauses.Tick();
                }

                writes += 400;
                writeTicks += Stopwatch.GetTimestamp() - middle;
                kept = Math.Max(kept, snapshot.KeptBytes);
            }
        }

        Rate(report, "snapshot scan, beside writes", digest.Entries, [Stopwatch.GetElapsedTime(0, sliceTicks)]);
        Rate(report, "set, beside a snapshot", writes, [Stopwatch.GetElapsedTime(0, writeTicks)]);
        Single(report, "kept for the snapshot", "MB", kept / 1e6);
        slices.Report(report, "snapshot slice of 2,000 entries");
        pauses.Report(report, "set beside a snapshot");
    }

    private void MeasureWalk(Action<StorageBenchResult> report)
    {
        if (!options.Ttl)
            return;
        var sink = new NoExpired();
        Repeat(report, "expiry walk, nothing can have expired", () => Walk(sink, 1), 1, "ms a round");
        // One entry of each page has expired, in the worst place: every slot is looked at.
        Repeat(report, "expiry walk, all pages touched", () => Walk(sink, 4_000_000_000_001), 1, "ms a round");
    }

    private void Walk(IExpiredSink sink, long now)
    {
        foreach (ShardStore store in _stores)
        {
            while (!store.FindExpired(now, 10_000, sink))
            {
            }
        }
    }

    private void MeasureChurn(Action<StorageBenchResult> report, long before)
    {
        // Sizes from 1 to twice the value's: each overwrite goes to another slot, nearly always of another class.
        Span<byte> key = stackalloc byte[options.KeyBytes];
        var pauses = new PauseMeter();
        ulong random = 987654321;
        long start = Stopwatch.GetTimestamp();
        long operations = 2L * options.Entries;
        for (long i = 0; i < operations; i++)
        {
            MakeKey(key, NextIndex(ref random));
            ulong hash = KeyHash.Compute(key);
            For(hash).Set(key, hash, _value.AsSpan(0, 1 + (int)((random >> 40) % (uint)(2 * options.ValueBytes))), Expiry(i), ++_version);
            pauses.Tick();
        }

        Rate(report, "set, sizes changing at random", operations, [Stopwatch.GetElapsedTime(start)]);
        pauses.Report(report, "set, sizes changing");
        MeasureMemory(report, before, "overhead per entry after that");
        Single(report, "records moved by compaction", "", _keyspaces.Sum(k => k.Statistics.Moved));

        // The hard case: the sizes of all values drift from one to another, one by one.
        foreach ((string name, int size) in new[] { ("half", options.ValueBytes / 2), ("one and a half times", options.ValueBytes * 3 / 2) })
        {
            double worst = 0;
            long changed = 0;
            start = Stopwatch.GetTimestamp();
            for (int i = 0; i < options.Entries; i++)
            {
                MakeKey(key, i);
                ulong hash = KeyHash.Compute(key);
                For(hash).Set(key, hash, _value.AsSpan(0, size), Expiry(i), ++_version);
                if (++changed % (options.Entries / 50) == 0)
                    worst = Math.Max(worst, Fill());
            }

            Rate(report, $"set, all values going to {name} the size", options.Entries, [Stopwatch.GetElapsedTime(start)]);
            Single(report, $"pages over used slots at worst, going to {name}", "", worst);
            MeasureMemory(report, before, $"overhead per entry at {name}");
        }
    }

    private double Fill() => _keyspaces.Sum(k => k.Statistics.PageBytes) / (double)_keyspaces.Sum(k => k.Statistics.UsedSlotBytes);

    private void MeasureLoad(Action<StorageBenchResult> report)
    {
        // In hash order, as a snapshot delivers, versions after each group of 1,000.
        var keys = new (ulong Hash, int Index)[options.Entries];
        byte[] key = new byte[options.KeyBytes];
        for (int i = 0; i < keys.Length; i++)
        {
            MakeKey(key, i);
            keys[i] = (KeyHash.Compute(key), i);
        }

        Array.Sort(keys);
        var handles = new EntryHandle[1000];
        var times = new List<TimeSpan>();
        for (int round = 0; round < options.Rounds; round++)
        {
            using var store = new ShardStore(_pool);
            Keyspace keyspace = store.GetOrCreate(0, "load");
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < keys.Length; i++)
            {
                MakeKey(key, keys[i].Index);
                handles[i % 1000] = keyspace.Load(key, KeyHash.Compute(key), _value.AsSpan(0, options.ValueBytes), Expiry(i));
                if (i % 1000 == 999)
                {
                    for (int j = 0; j < 1000; j++)
                        keyspace.SetVersion(handles[j], ++_version);
                }
            }

            times.Add(Stopwatch.GetElapsedTime(start));
        }

        Rate(report, "load in hash order", options.Entries, times);
    }

    private void Repeat(Action<StorageBenchResult> report, string name, Action action, int operations = 0, string? unit = null)
    {
        var times = new List<TimeSpan>();
        for (int i = 0; i < options.Rounds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetElapsedTime(start));
        }

        times.Sort();
        if (unit is not null)
            report(new StorageBenchResult(name, unit, times[times.Count / 2].TotalMilliseconds, times[0].TotalMilliseconds));
        else
            Rate(report, name, operations == 0 ? options.Operations : operations, times);
    }

    private static void Rate(Action<StorageBenchResult> report, string name, long operations, List<TimeSpan> times)
    {
        times.Sort();
        double Millions(TimeSpan time) => operations / time.TotalSeconds / 1e6;
        report(new StorageBenchResult(name, "M/s", Millions(times[times.Count / 2]), Millions(times[0])));
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

    private delegate void Operation(Keyspace keyspace, ReadOnlySpan<byte> key, ulong hash);

    private sealed class CountingSink : ISnapshotSink
    {
        public long Entries { get; private set; }

        public long Bytes { get; private set; }

        public void OnKeyspace(int id, string name)
        {
        }

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version)
        {
            Entries++;
            Bytes += key.Length + value.Length;
        }
    }

    private sealed class NoExpired : IExpiredSink
    {
        public bool OnExpired(Keyspace keyspace, ReadOnlySpan<byte> key, ulong version) => true;
    }

    private sealed class FixedWriter(int bytes) : System.Buffers.IBufferWriter<byte>
    {
        private readonly byte[] _bytes = new byte[Math.Max(bytes, 1)];

        public void Advance(int count)
        {
        }

        public Memory<byte> GetMemory(int sizeHint = 0) => _bytes;

        public Span<byte> GetSpan(int sizeHint = 0) => _bytes;
    }

    /// <summary>The longest time between two ticks, without the time in which the collector stopped the thread.</summary>
    private sealed class PauseMeter
    {
        private readonly long _started = Stopwatch.GetTimestamp();
        private readonly TimeSpan _gcPauses = GC.GetTotalPauseDuration();
        private readonly List<long> _longest = [];
        private long _last = Stopwatch.GetTimestamp();
        private long _floor;

        public void Reset() => _last = Stopwatch.GetTimestamp();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Tick()
        {
            long now = Stopwatch.GetTimestamp();
            long gap = now - _last;
            _last = now;
            if (gap > _floor)
                Note(gap);
        }

        public void Report(Action<StorageBenchResult> report, string name)
        {
            TimeSpan ran = Stopwatch.GetElapsedTime(_started);
            double gc = (GC.GetTotalPauseDuration() - _gcPauses).TotalMilliseconds;
            var idle = new PauseMeter();
            while (Stopwatch.GetElapsedTime(idle._started) < ran)
                idle.Tick();
            Single(report, $"longest: {name}", "ms", Milliseconds(0));
            Single(report, $"10th longest: {name}", "ms", Milliseconds(9));
            Single(report, $"over 1 ms: {name}", "times", _longest.Count(t => t * 1e3 / Stopwatch.Frequency > 1));
            Single(report, "of which stopped by the collector, in all", "ms", gc);
            Single(report, "longest gap of an idle loop of the same length", "ms", idle.Milliseconds(0));
            Single(report, "10th longest gap of an idle loop", "ms", idle.Milliseconds(9));
            Single(report, "over 1 ms: idle loop", "times", idle._longest.Count(t => t * 1e3 / Stopwatch.Frequency > 1));
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private void Note(long gap)
        {
            const int Kept = 64;
            _longest.Add(gap);
            _longest.Sort((a, b) => b.CompareTo(a));
            if (_longest.Count > Kept)
            {
                _longest.RemoveAt(Kept);
                _floor = _longest[Kept - 1];
            }

            _last = Stopwatch.GetTimestamp();
        }

        private double Milliseconds(int rank) => rank < _longest.Count ? _longest[rank] * 1e3 / Stopwatch.Frequency : 0;
    }
}
