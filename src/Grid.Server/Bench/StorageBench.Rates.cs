using Grid.Storage;

namespace Grid.Server.Bench;

/// <summary>Rates of single operations, batches, snapshot, walk and load.</summary>
public sealed partial class StorageBench
{
    private delegate void Operation(Keyspace keyspace, ReadOnlySpan<byte> key, ulong hash);

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
        Span slicing = default;
        Span writing = default;
        long writes = 0;
        foreach (ShardStore store in _stores)
        {
            using ShardSnapshot snapshot = store.BeginSnapshot(_version);
            bool more = true;
            while (more)
            {
                var clock = Span.Start();
                slices.Reset();
                more = snapshot.Next(digest, 2000, 256 * 1024);
                slices.Tick();
                slicing += clock.Stop();
                clock = Span.Start();
                pauses.Reset();
                for (int i = 0; i < 400; i++)
                {
                    MakeKey(key, NextIndex(ref random));
                    ulong hash = KeyHash.Compute(key);
                    For(hash).Set(key, hash, _value.AsSpan(0, options.ValueBytes), Expiry(i), ++_version);
                    pauses.Tick();
                }

                writes += 400;
                writing += clock.Stop();
                kept = Math.Max(kept, snapshot.KeptBytes);
            }
        }

        Rate(report, "snapshot scan, beside writes", digest.Entries, [slicing]);
        Rate(report, "set, beside a snapshot", writes, [writing]);
        Single(report, "kept for the snapshot", "MB", kept / 1e6);
        slices.Report(report, "snapshot slice of 2,000 entries");
        pauses.Report(report, "set beside a snapshot");
    }

    private void MeasureWalk(Action<StorageBenchResult> report)
    {
        if (!options.Ttl)
            return;
        var sink = new NoExpired();
        Round("nothing can have expired", 1);
        // One entry has expired, so that one page is looked at.
        Round("one entry has expired", 4_000_000_000_000);
        // Every page has one that has expired, and every slot is looked at.
        Round("every page touched", 4_000_000_000_000 + (options.Entries / 2));

        void Round(string what, long now) =>
            Single(report, $"expiry walk, {what}", "ms a round", Span.Of(() => Walk(sink, now)).Wall.TotalMilliseconds);
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
        var times = new List<Span>();
        for (int round = 0; round < options.Rounds; round++)
        {
            using var store = new ShardStore(_pool);
            Keyspace keyspace = store.GetOrCreate(0, "load");
            var clock = Span.Start();
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

            times.Add(clock.Stop());
        }

        Rate(report, "load in hash order", options.Entries, times);
    }

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
}
