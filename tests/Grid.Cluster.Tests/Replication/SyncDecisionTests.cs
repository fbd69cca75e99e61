using Grid.Client.Contracts.Operator;
using Grid.Replication.Primary;
using Grid.Silo;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>What a sync window decided, and why: in the status after the sync, in the events, and in the counter.</summary>
public sealed class SyncDecisionTests
{
    [Fact]
    public async Task What_a_mixed_cohort_got_and_because_of_whom_is_told_of_after_the_sync()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, static options =>
        {
            options.ShardCount = 1;
            options.Replicas = 2;
            options.SyncWindowMs = 1500;
            options.ReplicaTimeoutMs = 10_000;
        });
        await cluster.UntilWholeAsync(copies: 3);
        InProcessSiloHandle primary = cluster.PrimaryOf(0), plain = cluster.ReplicasOf(0)[0], capable = cluster.ReplicasOf(0)[1];
        string[] both = [plain.SiloAddress.ToParsableString(), capable.SiloAddress.ToParsableString()];
        Assert.Empty(cluster.ServicesOf(plain).GetRequiredService<GridSettings>().Change(static options => options.Compression = ReplicationCompression.None));
        (long packed, long mixed) = Rounds(cluster);

        SyncWindowStatus and = await DropBothAsync(cluster, plain, capable, rounds: 1);
        Assert.Equal((packed, mixed + 1), Rounds(cluster));
        Assert.Equal(("none", "member_cannot_decode"), (and.Codec, and.Reason));
        Assert.Equal(both.Order(), and.Members.Order());
        Assert.Equal([both[0]], and.CannotDecode);
        Assert.Empty(and.LeftForNext);
        Assert.Contains($"full sync: plaintext: {both[0]} does not decode lz4", await LastDecisionAsync(cluster), StringComparison.Ordinal);

        Assert.Empty(cluster.ServicesOf(primary).GetRequiredService<GridSettings>().Change(static options => options.MixedCohort = MixedCohort.Split));
        SyncWindowStatus split = await DropBothAsync(cluster, plain, capable, rounds: 2);
        Assert.Equal((packed + 1, mixed + 2), Rounds(cluster));
        bool plainLast = split.Codec == "none";
        Assert.Equal(plainLast ? "member_cannot_decode" : "every_member_decodes", split.Reason);
        Assert.Equal([both[plainLast ? 0 : 1]], split.Members);
        Assert.Equal(plainLast ? [both[0]] : [], split.CannotDecode);

        // The one before it says who was left for it.
        Assert.EndsWith($"; {split.Members[0]} next", (await DecisionsAsync(cluster))[^2].Text, StringComparison.Ordinal);
    }

    private static async Task<SyncWindowStatus> DropBothAsync(GridCluster cluster, InProcessSiloHandle one, InProcessSiloHandle other, int rounds)
    {
        long before = cluster.Counters.Rounds;
        await Task.WhenAll(cluster.DropReplicaAsync(0, one), cluster.DropReplicaAsync(0, other));
        await Until.TrueAsync(() => cluster.Counters.Rounds >= before + rounds, () => $"there were {cluster.Counters.Rounds - before} rounds of {rounds}\n{cluster.Counters}");
        await cluster.UntilWholeAsync(copies: 3);
        ClusterStatus status = await cluster.Client.GetGrain<IGridOperatorGrain>(0).GetStatusAsync();
        Assert.DoesNotContain(status.Shards[0].Copies, static copy => copy.State == "Loading");
        Assert.NotEmpty(status.Shards[0].LastWindow);
        return Assert.IsType<SyncWindowStatus>(status.Shards[0].Window);
    }

    private static (long Packed, long Mixed) Rounds(GridCluster cluster) =>
        (cluster.Counters["grid.replication.rounds", "lz4", "every_member_decodes"], cluster.Counters["grid.replication.rounds", "none", "member_cannot_decode"]);

    private static async Task<IReadOnlyList<ClusterEvent>> DecisionsAsync(GridCluster cluster) =>
        (await cluster.Client.GetGrain<IGridOperatorGrain>(0).GetEventsAsync(new EventQuery { Shard = 0, Kinds = [EventKind.SyncBegan] })).Events;

    private static async Task<string> LastDecisionAsync(GridCluster cluster) => (await DecisionsAsync(cluster))[^1].Text;
}
