using System.Buffers;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Storage;

/// <summary>Lookups by other threads while the writer does everything that it can do.</summary>
public sealed class SharedReadTests
{
    private const int Keys = 4000;
    private const int Writes = 400_000;

    [Fact]
    public async Task Readers_see_whole_values_and_no_key_goes_back_in_time()
    {
        var pool = new PagePool();
        using var store = new ShardStore(pool, new StorageOptions { FreeSlotsDivisor = 32 });
        Keyspace keyspace = store.GetOrCreate(0, "s");
        using var done = new CancellationTokenSource();
        for (int i = 0; i < Keys; i++)
            Write(keyspace, i, 10, (ulong)i + 1);

        Task<long>[] readers = [.. Enumerable.Range(0, 2).Select(seed => Task.Run(() => Read(keyspace, seed, done.Token), TestContext.Current.CancellationToken))];
        Task writer = Task.Run(() =>
        {
            var random = new Random(99);
            ulong version = Keys;
            ShardSnapshot? snapshot = null;
            for (int i = 0; i < Writes; i++)
            {
                int key = random.Next(Keys);
                byte[] bytes = Key(key);
                // Every fourth key is never deleted: readers must always find it.
                if (random.Next(4) == 0 && key % 4 != 0)
                    keyspace.Delete(bytes, KeyHash.Compute(bytes), ++version);
                else if (random.Next(5) == 0)
                    keyspace.SetExpiry(bytes, KeyHash.Compute(bytes), random.Next(2) * long.MaxValue, ++version);
                else
                    Write(keyspace, key, random.Next(50) == 0 ? 20_000 : random.Next(300), ++version);
                if (i % 5000 == 0)
                    Churn(store, pool, ref snapshot, version);
            }

            snapshot?.Dispose();
        }, TestContext.Current.CancellationToken);
        try
        {
            await writer;
        }
        finally
        {
            await done.CancelAsync();
        }

        long reads = 0;
        foreach (Task<long> reader in readers)
            reads += await reader;
        Assert.True(reads > 1000, $"Only {reads} reads were made.");
        KeyspaceStatistics statistics = keyspace.Statistics;
        Assert.InRange(statistics.Hits + statistics.Misses, reads, long.MaxValue);
    }

    [Fact]
    public async Task Readers_survive_clears_and_pages_going_back_to_the_pool()
    {
        var pool = new PagePool();
        using var store = new ShardStore(pool);
        Keyspace keyspace = store.GetOrCreate(0, "s");
        using var done = new CancellationTokenSource();
        Task<long>[] readers = [.. Enumerable.Range(0, 2).Select(seed => Task.Run(() => Read(keyspace, seed, done.Token, mayMiss: true), TestContext.Current.CancellationToken))];
        try
        {
            ulong version = 0;
            for (int round = 0; round < 60; round++)
            {
                for (int i = 0; i < Keys; i++)
                    Write(keyspace, i, i % 1000 == 0 ? 30_000 : i % 200, ++version);
                keyspace.Clear(++version);
                while (store.Maintain(100))
                {
                }

                pool.Trim();
                // Pages and slab numbers come back filled with something else.
                var garbage = Enumerable.Range(0, 40).Select(_ => pool.Rent(PagePool.SmallestPageLog2)).ToList();
                unsafe
                {
                    foreach (ulong page in garbage)
                        new Random(round).NextBytes(new Span<byte>(pool.At(page), 4096));
                }

                garbage.ForEach(pool.Return);
            }
        }
        finally
        {
            await done.CancelAsync();
        }

        foreach (Task<long> reader in readers)
            Assert.True(await reader > 0);
    }

    [Fact]
    public void A_reader_that_finds_the_writer_at_work_every_time_says_busy()
    {
        using var store = new ShardStore(new PagePool(), new StorageOptions { SharedReadAttemptsMax = 3 });
        Keyspace keyspace = store.GetOrCreate(0, "s");
        Write(keyspace, 1, 100, 1);
        byte[] key = Key(1);
        var interfering = new InterferingWriter(() => Write(keyspace, 1, 100, store.LastVersion + 1));
        Assert.Equal(SharedReadStatus.Busy, keyspace.TryReadShared(key, KeyHash.Compute(key), 0, interfering, out _, out _));
        Assert.Equal(3, interfering.Asked);
        Assert.Equal(0, interfering.Advanced);
    }

    [Fact]
    public void A_reader_under_whose_hands_the_entry_changes_gives_what_is_there_afterwards()
    {
        (Action<Keyspace> Change, SharedReadStatus Status)[] changes =
        [
            (k => k.Clear(50), SharedReadStatus.NotFound),
            (k => k.Delete(Key(1), KeyHash.Compute(Key(1)), 50), SharedReadStatus.NotFound),
            (k => k.SetExpiry(Key(1), KeyHash.Compute(Key(1)), 77, 50), SharedReadStatus.Found),
            (k => Write(k, 1, 100, 50), SharedReadStatus.Found),
            (k => Write(k, 1, 101, 50), SharedReadStatus.Found),
            (k => Write(k, 1, 30_000, 50), SharedReadStatus.Found),
        ];
        foreach ((Action<Keyspace> change, SharedReadStatus status) in changes)
        {
            foreach (int length in new[] { 100, 20_000 })
            {
                using var store = new ShardStore(new PagePool());
                Keyspace keyspace = store.GetOrCreate(0, "s");
                Write(keyspace, 1, length, 1);
                bool changed = false;
                var writer = new InterferingWriter(() =>
                {
                    if (!changed)
                        change(keyspace);
                    changed = true;
                });
                Assert.Equal(status, keyspace.TryReadShared(Key(1), KeyHash.Compute(Key(1)), 1, writer, out ulong version, out _));
                Assert.Equal(status == SharedReadStatus.Found ? 50UL : 0UL, version);
                Assert.Equal(status == SharedReadStatus.Found, writer.Advanced > 0);
            }
        }
    }

    private static long Read(Keyspace keyspace, int seed, CancellationToken done, bool mayMiss = false)
    {
        var random = new Random(seed);
        var writer = new ArrayBufferWriter<byte>(40_000);
        ulong[] seen = new ulong[Keys];
        long reads = 0;
        while (!done.IsCancellationRequested)
        {
            int i = random.Next(Keys);
            byte[] key = Key(i);
            writer.ResetWrittenCount();
            switch (keyspace.TryReadShared(key, KeyHash.Compute(key), 1, writer, out ulong version, out long expiry))
            {
                case SharedReadStatus.Found:
                    Check(i, writer.WrittenSpan);
                    Assert.True(version >= seen[i], $"Key {i} went back from version {seen[i]} to {version}.");
                    Assert.True(expiry is 0 or long.MaxValue, $"Expiry {expiry} was never set.");
                    seen[i] = version;
                    break;
                case SharedReadStatus.NotFound:
                    Assert.Equal(0, writer.WrittenCount);
                    Assert.True(mayMiss || i % 4 != 0, $"Key {i}, which is always there, was not found.");
                    break;
                default:
                    Assert.Equal(0, writer.WrittenCount);
                    continue;
            }

            reads++;
        }

        return reads;
    }

    private static void Churn(ShardStore store, PagePool pool, ref ShardSnapshot? snapshot, ulong version)
    {
        snapshot?.Dispose();
        snapshot = store.BeginSnapshot(version);
        // Growth and shrinking of the index around the keys that are read.
        Keyspace keyspace = store.Find(0)!;
        byte[] key = new byte[8];
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < 3000; i++)
            {
                MemoryMarshal.Write(key, -1L - i);
                if (round == 0)
                    keyspace.Set(key, KeyHash.Compute(key), [], 0, version);
                else
                    keyspace.Delete(key, KeyHash.Compute(key), version);
            }
        }

        pool.Trim();
    }

    // Value: its own checksum over key and the rest, so that bytes of two writes or two keys never pass for one value.
    private static void Write(Keyspace keyspace, int i, int length, ulong version)
    {
        byte[] key = Key(i);
        byte[] value = new byte[8 + length];
        new Random((int)version).NextBytes(value.AsSpan(8));
        MemoryMarshal.Write(value, XxHash3.HashToUInt64(value.AsSpan(8), i));
        keyspace.Set(key, KeyHash.Compute(key), value, 0, version);
    }

    private static void Check(int i, ReadOnlySpan<byte> value)
    {
        Assert.True(value.Length >= 8);
        Assert.Equal(XxHash3.HashToUInt64(value[8..], i), MemoryMarshal.Read<ulong>(value));
    }

    private static byte[] Key(int i) => BitConverter.GetBytes((long)i);

    private sealed class InterferingWriter(Action interfere) : IBufferWriter<byte>
    {
        private readonly byte[] _bytes = new byte[40_000];

        public int Asked { get; private set; }

        public int Advanced { get; private set; }

        public void Advance(int count) => Advanced += count;

        public Memory<byte> GetMemory(int sizeHint = 0) => _bytes;

        public Span<byte> GetSpan(int sizeHint = 0)
        {
            Asked++;
            interfere();
            return _bytes;
        }
    }
}
