using System.Collections.Immutable;
using System.Diagnostics;
using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Silo;
using Grid.Silo.Snapshots;
using Grid.Streams;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>What bounds the syncs of a running silo, and what is counted of them.</summary>
public sealed class SyncBoundTests
{
    private const int ChunkBytes = 128 << 10;

    /// <summary>A slow machine only takes longer: the bound is the least time that the bytes may take, all but the first piece.</summary>
    [Fact]
    public async Task Syncs_of_a_silo_take_no_less_time_than_their_bytes_do_at_the_rate()
    {
        const long BytesPerSecond = 1 << 20;
        await using GridCluster cluster = await GridCluster.StartAsync(2, static options => Configure(options, shards: 1));
        await cluster.UntilWholeAsync(copies: 2);
        await LoadAsync(cluster, entries: 100, bytes: 30_000);
        InProcessSiloHandle replica = Assert.Single(cluster.ReplicasOf(0));
        Assert.Empty(cluster.ServicesOf(cluster.PrimaryOf(0)).GetRequiredService<GridSettings>().Change(static options => options.SyncBytesPerSecondMax = BytesPerSecond));
        long before = WireBytes(cluster), start = Stopwatch.GetTimestamp();
        await cluster.DropReplicaAsync(0, replica);
        await cluster.UntilWholeAsync(copies: 2);
        TimeSpan taken = Stopwatch.GetElapsedTime(start);
        long bytes = WireBytes(cluster) - before;
        Assert.True(bytes > 3_000_000, $"Only {bytes} bytes were sent.\n{cluster.Counters}");
        double least = 0.95 * (bytes - ChunkBytes - 1000) / BytesPerSecond;
        Assert.True(taken.TotalSeconds >= least, $"{bytes} bytes took {taken.TotalSeconds:0.00} s, less than the {least:0.00} s that {BytesPerSecond} bytes per second take.");
    }

    /// <summary>Each sync is slow, and all are asked for at once; the others wait, and come to their turn.</summary>
    [Fact]
    public async Task No_more_syncs_than_places_are_under_way_and_all_come_to_their_turn()
    {
        const int Shards = 6;
        await using GridCluster cluster = await GridCluster.StartAsync(2, static options =>
        {
            Configure(options, Shards);
            options.SnapshotsPerSiloMax = 1;
        });
        await cluster.UntilWholeAsync(copies: 2);
        await LoadAsync(cluster, entries: 6 * Shards, bytes: 60_000);
        foreach (InProcessSiloHandle silo in cluster.Silos)
            Assert.Empty(cluster.ServicesOf(silo).GetRequiredService<GridSettings>().Change(static options => options.SyncBytesPerSecondMax = 1 << 20));
        int places = Enumerable.Range(0, Shards).Select(cluster.PrimaryOf).Distinct().Count();
        long begunBefore = cluster.Counters.Rounds, endedBefore = Ended(cluster), most = 0, waited = 0;
        await Task.WhenAll(Enumerable.Range(0, Shards).Select(shard => cluster.DropReplicaAsync(shard, cluster.ReplicasOf(shard)[0])));
        await Until.TrueAsync(
            () =>
            {
                // In this order: what ends between the two only makes the difference smaller.
                long begun = cluster.Counters.Rounds - begunBefore, ended = Ended(cluster) - endedBefore;
                most = Math.Max(most, begun - ended);
                waited = Math.Max(waited, cluster.Silos.Max(silo => cluster.ServicesOf(silo).GetRequiredService<SyncPlaces>().Waiting));
                return begun == Shards && ended == Shards;
            },
            () => $"{cluster.Counters.Rounds - begunBefore} began, {Ended(cluster) - endedBefore} ended\n{cluster.Counters}");
        Assert.InRange(most, 1, places);
        Assert.True(waited > 0, "Nobody had to wait.");
        await cluster.UntilWholeAsync(copies: 2);
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
    }

    /// <summary>What is counted is what travels: heads and announcements too. The payload is what the replica counts.</summary>
    [Theory]
    [InlineData(ReplicationCompression.None)]
    [InlineData(ReplicationCompression.Lz4)]
    public async Task Bytes_of_snapshots_on_the_wire_are_counted_exactly_with_the_heads_of_their_items(ReplicationCompression compression)
    {
        Tally tally = new();
        await using GridCluster cluster = await GridCluster.StartAsync(
            2,
            options =>
            {
                Configure(options, shards: 1);
                options.Compression = compression;
            },
            tally);
        await cluster.UntilWholeAsync(copies: 2);
        await LoadAsync(cluster, entries: 20, bytes: 30_000);
        InProcessSiloHandle replica = Assert.Single(cluster.ReplicasOf(0));
        long counted = WireBytes(cluster), travelled = tally.Bytes, payload = tally.PayloadBytes, pieces = tally.Pieces, ends = tally.Ends;
        await cluster.DropReplicaAsync(0, replica);
        await cluster.UntilWholeAsync(copies: 2);
        await Until.TrueAsync(() => WireBytes(cluster) - counted == tally.Bytes - travelled, () => $"{WireBytes(cluster) - counted} bytes are counted, {tally.Bytes - travelled} travelled");
        Assert.Equal(1, tally.Ends - ends);
        Assert.Equal(tally.EndsAtByte, tally.PayloadBytes - payload);
        Assert.True(tally.Bytes - travelled >= tally.PayloadBytes - payload + ((tally.Pieces - pieces + 1) * LinkItem.HeadLength), $"{tally.Bytes - travelled} bytes travelled, {tally.PayloadBytes - payload} of them payload in {tally.Pieces - pieces} pieces");
        Assert.InRange(tally.PayloadBytes - payload, compression == ReplicationCompression.None ? 600_000 : 1000, compression == ReplicationCompression.None ? 650_000 : 300_000);
    }

    /// <summary>
    /// A piece is lost on its way, so the sync breaks off in the middle and another one follows. What was given to the stream of the first one counts, to
    /// the byte: its announcement and so many of its pieces, which are those of a sync of the same data that went well.
    /// </summary>
    [Fact]
    public async Task Bytes_of_a_sync_that_breaks_off_are_counted_exactly_too()
    {
        Tally tally = new();
        await using GridCluster cluster = await GridCluster.StartAsync(
            2,
            static options =>
            {
                // Slow, so that the replica's word that it begins anew comes before everything was sent.
                Configure(options, shards: 1);
                options.SyncBytesPerSecondMax = 1 << 20;
            },
            tally);
        await cluster.UntilWholeAsync(copies: 2);
        await LoadAsync(cluster, entries: 60, bytes: 30_000);
        InProcessSiloHandle replica = Assert.Single(cluster.ReplicasOf(0));
        long before = WireBytes(cluster), whole = await SyncAsync() - before;
        int[] items = tally.NewestSync;
        Assert.Equal(whole, items.Sum());

        long truncated = cluster.Counters.Errors("truncated");
        before = WireBytes(cluster);
        tally.LosePiece(3);
        long brokenOff = await SyncAsync() - before - whole;
        Assert.Equal(truncated + 1, cluster.Counters.Errors("truncated"));
        long[] sums = [.. items.Select((_, i) => items.Take(i + 1).Sum(static bytes => (long)bytes))];
        Assert.InRange(Array.IndexOf(sums, brokenOff), 4, items.Length - 2);
        await cluster.UntilDigestsAreEqualAsync(copies: 2);

        async Task<long> SyncAsync()
        {
            long completed = cluster.Counters.Syncs("full", "completed");
            await cluster.DropReplicaAsync(0, replica);
            await Until.TrueAsync(() => cluster.Counters.Syncs("full", "completed") == completed + 1, () => $"no sync is complete\n{cluster.Counters}");
            await cluster.UntilWholeAsync(copies: 2);
            return WireBytes(cluster);
        }
    }

    private static void Configure(GridOptions options, int shards)
    {
        options.ShardCount = shards;
        options.Replicas = 1;
        options.SyncWindowMs = 20;
        options.ReplicaTimeoutMs = 20_000;
        options.SnapshotChunkBytes = ChunkBytes;
        options.Compression = ReplicationCompression.None;
    }

    private static long WireBytes(GridCluster cluster) => cluster.Counters["grid.sync.wire.io"];

    private static long Ended(GridCluster cluster) => cluster.Counters["grid.sync.snapshots"];

    private static async Task LoadAsync(GridCluster cluster, int entries, int bytes)
    {
        RawClient client = new(cluster.Client, cluster.Shards);
        for (int key = 0; key < entries; key++)
            Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), await client.SetAsync(key, new string((char)('a' + (key % 26)), bytes)));
    }

    /// <summary>Looks on at what travels on snapshot streams.</summary>
    private sealed class Tally : IGridStreamFaults
    {
        private long _bytes;
        private long _payload;
        private long _pieces;
        private long _ends;
        private long _endsAt;
        private long _loses;
        private ImmutableList<int> _newest = [];

        /// <summary>The lengths of the items of the sync that began last, in order.</summary>
        public int[] NewestSync => [.. Volatile.Read(ref _newest)];

        /// <summary>The piece with this number is lost, once.</summary>
        public void LosePiece(long number) => Interlocked.Exchange(ref _loses, number);

        public long Bytes => Interlocked.Read(ref _bytes);

        public long PayloadBytes => Interlocked.Read(ref _payload);

        public long Pieces => Interlocked.Read(ref _pieces);

        public long Ends => Interlocked.Read(ref _ends);

        /// <summary>The payload's length, by the newest end.</summary>
        public long EndsAtByte => Interlocked.Read(ref _endsAt);

        public GridStreamFault OnItem(StreamId streamId, ReadOnlySpan<byte> bytes)
        {
            if (streamId.GetNamespace() != GridConstants.SnapshotStreams)
                return default;
            LinkItem item = LinkItem.Read(bytes, out ReadOnlySpan<byte> body);
            Interlocked.Add(ref _bytes, bytes.Length);
            Volatile.Write(ref _newest, item.Kind == LinkItemKind.FullSync ? [bytes.Length] : _newest.Add(bytes.Length));
            if (item.Kind == LinkItemKind.SnapshotChunk)
            {
                Interlocked.Add(ref _payload, body.Length);
                Interlocked.Increment(ref _pieces);
                if (Interlocked.CompareExchange(ref _loses, 0, item.Sequence) == item.Sequence)
                    return new GridStreamFault(GridStreamFaultKind.Drop, 0);
            }
            else if (item.Kind == LinkItemKind.SnapshotEnd)
            {
                Interlocked.Exchange(ref _endsAt, item.B);
                Interlocked.Increment(ref _ends);
            }

            return default;
        }
    }
}
