using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Silo;
using Grid.Streams;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>Bytes and items are harmed on their way in a running cluster; the copies end equal, and the counters tell what happened.</summary>
public sealed class CorruptionTests
{
    private const int Shards = 4;
    private const int Bulk = 64;
    private const int BulkBytes = 24_000;

    [Fact]
    public async Task Each_fault_alone_is_healed_and_counted_as_what_it_is()
    {
        StreamFaults faults = new(seed: 1);
        await using GridCluster cluster = await GridCluster.StartAsync(2, options => Configure(options, replicas: 1), faults);
        await cluster.UntilWholeAsync(copies: 2);
        await LoadAsync(cluster);

        await ExpectAsync(cluster, faults, GridConstants.CommandStreams, LinkItemKind.Mutations, GridStreamFaultKind.Drop, error: "gap", full: 0, partial: 1);
        await ExpectAsync(cluster, faults, GridConstants.CommandStreams, LinkItemKind.Mutations, GridStreamFaultKind.FlipBit, error: "checksum", full: 0, partial: 1);
        await ExpectAsync(cluster, faults, GridConstants.CommandStreams, LinkItemKind.Mutations, GridStreamFaultKind.Cut, error: "checksum", full: 0, partial: 1);
        await ExpectAsync(cluster, faults, GridConstants.CommandStreams, LinkItemKind.Mutations, GridStreamFaultKind.Duplicate, error: null, full: 0, partial: 0);
        await ExpectAsync(cluster, faults, GridConstants.CommandStreams, LinkItemKind.PackedMutations, GridStreamFaultKind.Drop, error: "gap", full: 0, partial: 1);
        await ExpectAsync(cluster, faults, GridConstants.CommandStreams, LinkItemKind.PackedMutations, GridStreamFaultKind.FlipBit, error: "checksum", full: 0, partial: 1);
        await ExpectAsync(cluster, faults, GridConstants.SnapshotStreams, LinkItemKind.SnapshotChunk, GridStreamFaultKind.Drop, error: "truncated", full: 1, partial: 0);
        await ExpectAsync(cluster, faults, GridConstants.SnapshotStreams, LinkItemKind.SnapshotChunk, GridStreamFaultKind.FlipBit, error: "checksum", full: 1, partial: 0);
        await ExpectAsync(cluster, faults, GridConstants.SnapshotStreams, LinkItemKind.SnapshotChunk, GridStreamFaultKind.Cut, error: "checksum", full: 1, partial: 0);
        await ExpectAsync(cluster, faults, GridConstants.SnapshotStreams, LinkItemKind.SnapshotChunk, GridStreamFaultKind.Duplicate, error: null, full: 1, partial: 0);
        await ExpectAsync(cluster, faults, GridConstants.SnapshotStreams, LinkItemKind.SnapshotEnd, GridStreamFaultKind.Drop, error: "stalled", full: 1, partial: 0);

        await ExpectSpoiltAsync(cluster, faults, "a flipped bit of a frame", GridConstants.CommandStreams, LinkItemKind.PackedMutations, Flip, error: "corrupt", full: 0, partial: 1);

        // A frame begins with its link: the replica attaches anew before it comes.
        await ExpectSpoiltAsync(cluster, faults, "a frame of another version", GridConstants.CommandStreams, LinkItemKind.PackedMutations, ChangeVersion, error: "incompatible", full: 0, partial: 2);
        await ExpectSpoiltAsync(cluster, faults, "half of a frame's item", GridConstants.CommandStreams, LinkItemKind.PackedMutations, static body => body.Length / 2, error: "truncated", full: 0, partial: 1);
        await ExpectSpoiltAsync(cluster, faults, "a flipped bit of a snapshot", GridConstants.SnapshotStreams, LinkItemKind.SnapshotChunk, Flip, error: "corrupt", full: 1, partial: 0);
        await ExpectSpoiltAsync(cluster, faults, "a snapshot of another version", GridConstants.SnapshotStreams, LinkItemKind.SnapshotChunk, ChangeVersion, error: "incompatible", full: 1, partial: 0);
    }

    /// <summary>On two channels each has its own faults; on one, the pieces of snapshots meet those of the commands.</summary>
    [Theory]
    [InlineData(true, SyncTransport.Diskless)]
    [InlineData(false, SyncTransport.Disk)]
    public async Task Under_writes_and_full_syncs_with_faults_of_every_kind_the_copies_end_equal_and_nothing_acknowledged_is_missing(bool dualChannel, SyncTransport transport)
    {
        StreamFaults faults = new(seed: 2);
        await using GridCluster cluster = await GridCluster.StartAsync(
            3,
            options =>
            {
                Configure(options, replicas: 2);
                options.DualChannel = dualChannel;
                options.SyncTransport = transport;
                options.SavedSnapshotMs = 0;
            },
            faults);
        await cluster.UntilWholeAsync(copies: 3);
        await LoadAsync(cluster);
        faults.SetRate(GridConstants.CommandStreams, dualChannel ? 0.002 : 0.005);
        faults.SetRate(GridConstants.SnapshotStreams, 0.05);
        await using NumberWriters writers = new(cluster, keys: 32, padding: 800);

        long dropped = 0;
        for (int round = 0; !EachKindHappened(faults, dualChannel); round++)
        {
            Assert.True(round < 60, $"After {round} rounds not every kind of fault has happened: {faults}\n{cluster.Counters}");
            InProcessSiloHandle silo = cluster.Silos[round % 3];
            for (int shard = 0; shard < Shards; shard++)
            {
                if (cluster.PrimaryOf(shard) == silo || !cluster.ReplicasOf(shard).Contains(silo))
                    continue;
                await cluster.DropReplicaAsync(shard, silo);
                dropped++;
            }

            await cluster.UntilWholeAsync(copies: 3);
        }

        faults.Stop();
        await cluster.UntilWholeAsync(copies: 3);
        await writers.StopAndFindAllAsync();
        await cluster.UntilDigestsAreEqualAsync(copies: 3);
        AssertCountersFit(cluster.Counters, faults, dropped, dualChannel);
    }

    /// <summary>What was counted happened: nothing without a fault of its kind, nothing that went unnoticed.</summary>
    private static void AssertCountersFit(Counters counters, StreamFaults faults, long dropped, bool dualChannel)
    {
        long damaged = Injected(GridStreamFaultKind.FlipBit) + Injected(GridStreamFaultKind.Cut);
        long lost = Injected(GridStreamFaultKind.Drop) + Injected(GridStreamFaultKind.Swap);
        Assert.InRange(counters.Errors("checksum"), 1, damaged);
        Assert.InRange(counters.Errors("gap"), 1, lost);
        Assert.InRange(counters.Errors("truncated") + counters.Errors("stalled"), 0, lost);
        Assert.Equal(0, counters.Errors("corrupt") + counters.Errors("incompatible"));
        Assert.True(counters.Syncs("full", "completed") >= dropped, $"{dropped} copies were dropped.\n{counters}");
        Assert.True(!dualChannel || counters.Syncs("full", "failed") >= 1, $"{counters}");
        Assert.True(counters.Syncs("partial", "completed") >= 1, $"{counters}");

        long Injected(GridStreamFaultKind kind) => faults.Injected(GridConstants.CommandStreams, kind) + faults.Injected(GridConstants.SnapshotStreams, kind);
    }

    private static bool EachKindHappened(StreamFaults faults, bool dualChannel) => StreamFaults.Kinds.All(kind =>
        faults.Injected(GridConstants.CommandStreams, kind) >= 3 && (!dualChannel || faults.Injected(GridConstants.SnapshotStreams, kind) >= 2));

    private static int Flip(Span<byte> body)
    {
        body[body.Length / 2] ^= 0x20;
        return body.Length;
    }

    private static int ChangeVersion(Span<byte> body)
    {
        body[3]++;
        return body.Length;
    }

    /// <summary>One fault on one item to shard 0's replica, what it is counted as, and that the copies end equal.</summary>
    private static Task ExpectAsync(GridCluster cluster, StreamFaults faults, string streams, LinkItemKind item, GridStreamFaultKind fault, string? error, int full, int partial) =>
        ExpectAsync(cluster, $"{fault} of {item}", streams, item, replica => Task.FromResult(faults.Trap(streams, item, fault, key: $"0/{replica.SiloAddress.ToParsableString()}")), error, full, partial);

    /// <summary>The same for an item that is changed under a checksum that is right.</summary>
    private static Task ExpectSpoiltAsync(GridCluster cluster, StreamFaults faults, string what, string streams, LinkItemKind kind, StreamFaults.ChangesBody change, string error, int full, int partial)
    {
        bool isEnvelope = change == ChangeVersion;
        return ExpectAsync(cluster, what, streams, kind, Spring, error, full, partial);

        async Task<Task> Spring(InProcessSiloHandle replica)
        {
            Task over = faults.Spoil(streams, (in LinkItem item, ReadOnlySpan<byte> body) => item.Kind == kind && (!isEnvelope || body.StartsWith("VCS"u8)), change, times: 1).Over.Task;
            if (isEnvelope && streams == GridConstants.CommandStreams)
                await cluster.DeactivateReplicaAsync(0, replica);
            return over;
        }
    }

    private static async Task ExpectAsync(GridCluster cluster, string what, string streams, LinkItemKind item, Func<InProcessSiloHandle, Task<Task>> spring, string? error, int full, int partial)
    {
        InProcessSiloHandle replica = Assert.Single(cluster.ReplicasOf(0));
        SortedDictionary<string, long> before = cluster.Counters.ErrorsByType;
        long failedBefore = cluster.Counters.Syncs("full", "failed"), fullBefore = cluster.Counters.Syncs("full", "completed"), partialBefore = cluster.Counters.Syncs("partial", "completed");
        Task sprung = await spring(replica);
        if (streams == GridConstants.SnapshotStreams)
            await cluster.DropReplicaAsync(0, replica);
        RawClient client = new(cluster.Client, Shards);
        string padding = new('.', item == LinkItemKind.PackedMutations ? 2000 : 0);
        long start = Environment.TickCount64;
        for (int i = 0; !sprung.IsCompleted; i++)
        {
            await client.SetAsync(0, $"{what} {i}{padding}");
            Assert.True(Environment.TickCount64 - start < Until.Limit.TotalMilliseconds, $"{what} has not happened after {i} writes.");
        }

        Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), await client.SetAsync(0, "afterwards"));
        await Until.TrueAsync(
            () => cluster.Counters.Syncs("full", "completed") - fullBefore == full && cluster.Counters.Syncs("partial", "completed") - partialBefore == partial,
            () => $"{what}: {full} full syncs and {partial} partial ones were expected\n{cluster.Counters}");
        await cluster.UntilWholeAsync(copies: 2);
        await cluster.UntilDigestsAreEqualAsync(copies: 2);

        if (error is not null)
            before[error] = before.GetValueOrDefault(error) + 1;
        Assert.True(before.SequenceEqual(cluster.Counters.ErrorsByType), $"{what} was expected to be counted as {error ?? "nothing"}:\n{cluster.Counters}");
        Assert.Equal(streams == GridConstants.SnapshotStreams && error is not null ? 1 : 0, cluster.Counters.Syncs("full", "failed") - failedBefore);
    }

    private static void Configure(GridOptions options, int replicas)
    {
        options.ShardCount = Shards;
        options.Replicas = replicas;
        options.MinInSync = replicas - 1;
        options.SyncWindowMs = 20;
        options.ReplicaTimeoutMs = 2000;
        options.SnapshotChunkBytes = 128 << 10;
    }

    /// <summary>Some chunks' worth of data in each shard that no codec makes smaller.</summary>
    private static async Task LoadAsync(GridCluster cluster)
    {
        RawClient client = new(cluster.Client, Shards);
        Random random = new(3);
        for (int i = 0; i < Bulk; i++)
        {
            string value = new(random.GetItems<char>("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", BulkBytes));
            Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), await client.SetAsync(1000 + i, value));
        }
    }
}
