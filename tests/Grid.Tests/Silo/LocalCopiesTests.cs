using System.Buffers;
using System.Buffers.Binary;
using Grid.Client.Local;
using Grid.Client.Routing;
using Grid.Formats.Buffers;
using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Replica;
using Grid.Silo;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Grid.Silo.Telemetry;
using Grid.Storage;
using Microsoft.Extensions.Options;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>What a silo's copies answer to local reads, and when they do not.</summary>
public sealed class LocalCopiesTests : IDisposable
{
    private const long ReadsMin = 500;

    private const long BoundMs = 60_000;
    private const int Shards = 4;

    private readonly CopyHost _host = new(new FakeSilo(), new PagePool());
    private readonly LocalReadCounters _counters = new();
    private readonly LocalCopies _copies;
    private long _answered;

    public LocalCopiesTests() =>
        _copies = new LocalCopies(_host, _counters, Options.Create(new GridOptions { ShardCount = Shards }));

    public void Dispose()
    {
        _host.Dispose();
    }

    [Fact]
    public void A_fresh_copy_answers()
    {
        Fresh(Put("a"u8, [1, 2, 3], offset: 5));
        Assert.Equal(LocalReadOutcome.Answered, Read("a"u8, out LocalEntry entry, out byte[] value));
        Assert.True(entry.Found);
        Assert.Equal([1, 2, 3], value);
        Assert.Equal(EntryVersion.Pack(1, 5), entry.Version);
        Assert.Equal(ShardHash.Shard("a"u8, Shards), entry.Shard);
    }

    [Fact]
    public void Only_as_far_as_the_bound_allows()
    {
        ShardCopy copy = Put("a"u8, [1], offset: 5);
        Assert.Equal(LocalReadOutcome.Stale, Read("a"u8, out _, out _));
        copy.FreshAtMs = SiloClock.Now.MonotonicMs - 10_000;
        Assert.Equal(LocalReadOutcome.Answered, Read("a"u8, out _, out _));
        Assert.Equal(LocalReadOutcome.Stale, Read("a"u8, out _, out _, boundMs: 9_000));
    }

    [Fact]
    public void A_silo_without_a_copy_and_a_copy_that_is_loading_or_empty_do_not_answer()
    {
        Assert.Equal(LocalReadOutcome.NoCopy, Read("a"u8, out _, out _));
        ShardCopy copy = Put("a"u8, [1], offset: 5);
        Fresh(copy);
        copy.State = CopyState.Loading;
        Assert.Equal(LocalReadOutcome.Stale, Read("a"u8, out _, out _));
        copy.State = CopyState.Empty;
        Assert.Equal(LocalReadOutcome.Stale, Read("a"u8, out _, out _));
    }

    [Fact]
    public void Expired_entries_are_hidden_by_the_local_clock()
    {
        ShardCopy copy = Put("a"u8, [1], offset: 5, expiryMs: DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - 1);
        Fresh(copy);
        Assert.Equal(LocalReadOutcome.Answered, Read("a"u8, out LocalEntry entry, out _));
        Assert.False(entry.Found);
        Fresh(Put("a"u8, [1], offset: 6, expiryMs: DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + 60_000));
        Assert.Equal(LocalReadOutcome.Answered, Read("a"u8, out entry, out _));
        Assert.True(entry is { Found: true, ExpiryUnixMs: > 0 });
    }

    [Fact]
    public void What_the_primarys_copy_has_not_committed_is_not_told()
    {
        ShardCopy copy = Put("a"u8, [1], offset: 5);
        Fresh(copy);
        Put("a"u8, [2], offset: 6);
        copy.CommittedSeen = 5;
        Assert.Equal(LocalReadOutcome.Uncommitted, Read("a"u8, out _, out _));
        copy.CommittedSeen = 6;
        Assert.Equal(LocalReadOutcome.Answered, Read("a"u8, out _, out byte[] value));
        Assert.Equal([2], value);
    }

    [Fact]
    public void An_absence_that_rests_on_an_uncommitted_delete_is_not_told()
    {
        ShardCopy copy = Put("a"u8, [1], offset: 5);
        Fresh(copy);
        copy.Applied = 6;
        copy.Store.Find("k")!.Delete("a"u8, KeyHash.Compute("a"u8), EntryVersion.Pack(1, 6));
        Assert.Equal(LocalReadOutcome.Uncommitted, Read("a"u8, out _, out _));
        copy.CommittedSeen = 6;
        Assert.Equal(LocalReadOutcome.Answered, Read("a"u8, out LocalEntry entry, out _));
        Assert.False(entry.Found);
    }

    [Fact]
    public void A_copy_given_up_does_not_answer_and_one_put_in_its_place_only_when_it_is_fresh()
    {
        int shard = ShardHash.Shard("a"u8, Shards);
        Fresh(Put("a"u8, [1], offset: 5));
        HostedCopy hosted = _host.Find(shard)!;
        ShardCopy loaded = _host.MakeCopy(shard, Guid.NewGuid());
        Fill(loaded, "a"u8, [9], 7, 0);
        lock (hosted.Copy.Gate)
            hosted.Install(loaded);
        Assert.Equal(LocalReadOutcome.Stale, Read("a"u8, out _, out _));
        Fresh(loaded);
        Assert.Equal(LocalReadOutcome.Answered, Read("a"u8, out _, out byte[] value));
        Assert.Equal([9], value);
        Assert.True(_host.Drop(hosted));
        Assert.Equal(LocalReadOutcome.NoCopy, Read("a"u8, out _, out _));
    }

    /// <summary>The replica itself begins the load, as it does in a silo.</summary>
    [Theory]
    [InlineData(LoadMode.Swap, LocalReadOutcome.Answered)]
    [InlineData(LoadMode.Discard, LocalReadOutcome.Stale)]
    public void While_a_snapshot_is_loaded_the_old_copy_answers_as_far_as_its_age_allows_unless_it_is_discarded(LoadMode mode, object withinBound)
    {
        ShardCopy copy = Put("a"u8, [1], offset: 5);
        copy.FreshAtMs = SiloClock.Now.MonotonicMs - 10_000;
        Installer output = new(_host, _host.Find(copy.Shard)!);
        using ShardReplica replica = new(copy, copy.TakeOwnership(), 0, new ReplicaOptions { LoadMode = mode }, SiloEntropy.Instance, output);
        replica.Follow(0, SiloClock.Now);
        PooledBuffer announcement = new SyncAnnouncement(1, 10, false, Guid.NewGuid(), [new EpochStart(1, 1)]).ToItem(replica.AttachNumber, 0, 1, 0);
        replica.OnSnapshot(announcement.Span, SiloClock.Now);
        announcement.Release();
        Assert.Equal(ReplicaPhase.Loading, replica.Phase);

        LocalReadOutcome outcome = Read("a"u8, out _, out byte[] value);
        Assert.Equal(withinBound, outcome);
        Assert.Equal(outcome == LocalReadOutcome.Answered ? [1] : [], value);
        Assert.Equal(LocalReadOutcome.Stale, Read("a"u8, out _, out _, boundMs: 9_000));
    }

    [Fact]
    public void Reads_allocate_nothing()
    {
        Fresh(Put("a"u8, [1, 2, 3], offset: 5));
        ArrayBufferWriter<byte> writer = new(1024);
        bool all = true;
        Assert.Equal(0, Allocations.Least(() =>
        {
            for (int i = 0; i < 1000; i++)
                all &= ReadOnce(writer);
        }));
        Assert.True(all);

        bool ReadOnce(ArrayBufferWriter<byte> writer)
        {
            writer.ResetWrittenCount();
            return _copies.TryRead("k", "a"u8, BoundMs, writer, out LocalEntry entry) && entry.Found;
        }
    }

    [Fact]
    public async Task Readers_see_whole_copies_while_loads_replace_and_free_them()
    {
        const int keys = 500;
        using CancellationTokenSource done = new();
        Task[] readers = [.. Enumerable.Range(0, 2).Select(seed => Task.Run(() => ReadAll(keys, seed, done.Token), TestContext.Current.CancellationToken))];
        Task writer = Task.Run(() => Replace(keys, roundsMin: 150, roundsMax: 20_000), TestContext.Current.CancellationToken);
        try
        {
            await writer;
        }
        finally
        {
            await done.CancelAsync();
        }

        await Task.WhenAll(readers);
        Assert.True(Volatile.Read(ref _answered) > ReadsMin, "hardly anything was read");
    }

    /// <summary>Each round another copy takes the place of the one before, which is freed and its pages used again; now and then the place itself is given up.</summary>
    private void Replace(int keys, int roundsMin, int roundsMax)
    {
        for (int round = 1; round <= roundsMin || (round < roundsMax && Volatile.Read(ref _answered) <= ReadsMin); round++)
        {
            for (int shard = 0; shard < Shards; shard++)
            {
                ShardCopy next = _host.MakeCopy(shard, Guid.NewGuid());
                for (int key = 0; key < keys; key++)
                {
                    if (ShardHash.Shard(Key(key), Shards) == shard)
                        Fill(next, Key(key), Value(round, key), (round * keys) + key, 0);
                }

                next.FreshAtMs = SiloClock.Now.MonotonicMs;
                HostedCopy hosted = _host.GetOrCreate(shard);
                if (round % 10 == 0)
                {
                    _host.Drop(hosted);
                    hosted = _host.GetOrCreate(shard);
                }

                lock (hosted.Copy.Gate)
                    hosted.Install(next);
            }
        }
    }

    private void ReadAll(int keys, int seed, CancellationToken done)
    {
        Random random = new(seed);
        int[] newest = new int[keys];
        ArrayBufferWriter<byte> writer = new(8192);
        while (!done.IsCancellationRequested)
        {
            int key = random.Next(keys);
            writer.ResetWrittenCount();
            if (!_copies.TryRead("k", Key(key), BoundMs, writer, out LocalEntry entry))
                continue;
            Assert.True(entry.Found, $"Key {key} is in every copy, and was not found.");
            int round = BinaryPrimitives.ReadInt32LittleEndian(writer.WrittenSpan);
            Assert.True(writer.WrittenSpan.SequenceEqual(Value(round, key)), $"A torn value of key {key}.");
            Assert.True(round >= newest[key], $"Key {key} went back from round {newest[key]} to {round}.");
            newest[key] = round;
            Interlocked.Increment(ref _answered);
        }
    }

    private static byte[] Key(int key) => [(byte)key, (byte)(key >> 8), 77];

    private static byte[] Value(int round, int key)
    {
        byte[] value = new byte[8 + (key * 7 % 3000)];
        value.AsSpan().Fill((byte)(round + key));
        BinaryPrimitives.WriteInt32LittleEndian(value, round);
        BinaryPrimitives.WriteInt32LittleEndian(value.AsSpan(4), key);
        return value;
    }

    private LocalReadOutcome Read(ReadOnlySpan<byte> key, out LocalEntry entry, out byte[] value, long boundMs = BoundMs)
    {
        long[] before = [.. Enum.GetValues<LocalReadOutcome>().Select(_counters.Of)];
        ArrayBufferWriter<byte> writer = new();
        bool answered = _copies.TryRead("k", key, boundMs, writer, out entry);
        value = writer.WrittenSpan.ToArray();
        LocalReadOutcome outcome = Assert.Single(Enum.GetValues<LocalReadOutcome>(), o => _counters.Of(o) != before[(int)o]);
        Assert.Equal(answered, outcome == LocalReadOutcome.Answered);
        return outcome;
    }

    private ShardCopy Put(ReadOnlySpan<byte> key, byte[] value, long offset, long expiryMs = 0)
    {
        ShardCopy copy = _host.GetOrCreate(ShardHash.Shard(key, Shards)).Copy;
        Fill(copy, key, value, offset, expiryMs);
        return copy;
    }

    private static void Fill(ShardCopy copy, ReadOnlySpan<byte> key, byte[] value, long offset, long expiryMs)
    {
        copy.State = CopyState.Complete;
        copy.Applied = offset;
        copy.Store.GetOrCreate(0, "k").Set(key, KeyHash.Compute(key), value, expiryMs, EntryVersion.Pack(1, offset));
        copy.CommittedSeen = offset;
    }

    private static void Fresh(ShardCopy copy) => copy.FreshAtMs = SiloClock.Now.MonotonicMs;

    /// <summary>Puts copies in place as a replica's grain does, and does nothing else.</summary>
    private sealed class Installer(CopyHost host, HostedCopy hosted) : IReplicaOutput
    {
        public void Attach(AttachRequest request)
        {
        }

        public void Acknowledge(Acknowledgement acknowledgement)
        {
        }

        public ShardCopy MakeCopy(Guid copyId) => host.MakeCopy(hosted.Shard, copyId);

        public void InstallCopy(ShardCopy next, ShardCopy old) => hosted.Install(next);

        public void Dismiss()
        {
        }

        public void Report(ReplicaEvent what, string details)
        {
        }
    }
}
