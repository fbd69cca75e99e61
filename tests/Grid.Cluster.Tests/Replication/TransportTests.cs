using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Silo;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>Every way in which a snapshot can travel, and settings that change while a cluster runs.</summary>
public sealed class TransportTests
{
    private const int Shards = 4;
    private const int Keys = 1500;

    public static TheoryData<SyncTransport, bool, LoadMode, ReplicationCompression> Ways
    {
        get
        {
            TheoryData<SyncTransport, bool, LoadMode, ReplicationCompression> ways = [];
            foreach (SyncTransport transport in Enum.GetValues<SyncTransport>())
            {
                foreach (bool dual in (bool[])[true, false])
                {
                    ways.Add(transport, dual, LoadMode.Swap, ReplicationCompression.Lz4);
                    ways.Add(transport, dual, LoadMode.Discard, ReplicationCompression.None);
                }
            }

            return ways;
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Dropped_replicas_come_back_while_writes_go_on(SyncTransport transport, bool dual, LoadMode mode, ReplicationCompression compression)
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, options =>
        {
            options.ShardCount = Shards;
            options.Replicas = 2;
            options.SyncWindowMs = 20;
            options.ReplicaTimeoutMs = 1500;
            options.SyncTransport = transport;
            options.DualChannel = dual;
            options.LoadMode = mode;
            options.Compression = compression;
        });
        await cluster.UntilWholeAsync(copies: 3);
        await WriteAsync(cluster, "before");
        foreach (InProcessSiloHandle silo in cluster.Silos)
        {
            foreach (HostedCopy copy in cluster.ServicesOf(silo).GetRequiredService<CopyHost>().All.Where(copy => copy.Primary is null).ToArray())
                cluster.ServicesOf(silo).GetRequiredService<CopyHost>().Drop(copy);
        }

        string state = "";
        long began = SiloClock.Now.MonotonicMs;
        for (int round = 0; round == 0 || !cluster.IsWhole(3, out state); round++)
        {
            Assert.True(SiloClock.Now.MonotonicMs - began < 60_000, state);
            await WriteAsync(cluster, $"round{round}");
        }

        await cluster.UntilDigestsAreEqualAsync(copies: 3);
    }

    [Fact]
    public async Task A_change_of_compression_reaches_the_links_that_it_concerns_by_partial_resync()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(2, options =>
        {
            options.ShardCount = Shards;
            options.Replicas = 1;
            options.SyncWindowMs = 20;
        });
        await cluster.UntilWholeAsync(copies: 2);
        await WriteAsync(cluster, "first");
        Guid[] copies = [.. Replicas(cluster).Select(replica => replica.Copy.Name.CopyId)];
        Assert.All(Replicas(cluster), replica => Assert.True(replica.Traits.HasFlag(LinkTraits.PackedCommands)));

        // One silo turns it off: that concerns the links to its replicas, and those from its primaries.
        GridSettings settings = cluster.ServicesOf(cluster.Silos[0]).GetRequiredService<GridSettings>();
        Assert.Empty(settings.Change(options => options.Compression = ReplicationCompression.None));
        await Until.TrueAsync(
            () => Replicas(cluster).All(replica => replica.Phase == ReplicaPhase.Following && !replica.Traits.HasFlag(LinkTraits.PackedCommands)), () => Describe(cluster));
        await WriteAsync(cluster, "second");

        Assert.Empty(settings.Change(options => options.Compression = ReplicationCompression.Lz4));
        await Until.TrueAsync(
            () => Replicas(cluster).All(replica => replica.Phase == ReplicaPhase.Following && replica.Traits.HasFlag(LinkTraits.PackedCommands)), () => Describe(cluster));
        await WriteAsync(cluster, "third");
        await cluster.UntilDigestsAreEqualAsync(copies: 2);
        Assert.Equal(copies, Replicas(cluster).Select(replica => replica.Copy.Name.CopyId));
    }

    [Fact]
    public async Task Settings_that_cannot_change_or_are_out_of_range_are_refused_by_name()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(1, options => options.ShardCount = Shards);
        GridSettings settings = cluster.ServicesOf(cluster.Silos[0]).GetRequiredService<GridSettings>();
        IReadOnlyList<string> faults = settings.Change(options =>
        {
            options.ShardCount = 9;
            options.SyncBytesPerSecondMax = 5;
            options.SyncWindowMs = 77;
        });
        Assert.Equal(2, faults.Count);
        Assert.StartsWith("Grid:ShardCount cannot be changed", faults[0], StringComparison.Ordinal);
        Assert.StartsWith("Grid:SyncBytesPerSecondMax is 5", faults[1], StringComparison.Ordinal);
        Assert.NotEqual(77, settings.Current.SyncWindowMs);
    }

    [Fact]
    public async Task A_replica_in_step_knows_how_fresh_it_is()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(2, options =>
        {
            options.ShardCount = Shards;
            options.Replicas = 1;
            options.SyncWindowMs = 20;
        });
        await cluster.UntilWholeAsync(copies: 2);
        await WriteAsync(cluster, "first");
        long since = SiloClock.Now.MonotonicMs;
        await Until.TrueAsync(() => Replicas(cluster).All(replica => replica.Copy.FreshAtMs > since), () => Describe(cluster));
    }

    private static IEnumerable<ShardReplica> Replicas(GridCluster cluster) => Enumerable.Range(0, Shards)
        .SelectMany(cluster.CopiesOf)
        .Select(copy => copy.Replica)
        .OfType<ShardReplica>();

    private static string Describe(GridCluster cluster) =>
        string.Join("; ", Replicas(cluster).Select(replica => $"shard {replica.Copy.Shard}: {replica.Phase}, {replica.Traits}, fresh at {replica.Copy.FreshAtMs}, copy {replica.Copy.State}"));

    private static Task WriteAsync(GridCluster cluster, string prefix)
    {
        RawClient client = new(cluster.Client, Shards);
        string filler = new('x', 100);
        return Parallel.ForEachAsync(
            Enumerable.Range(0, Keys),
            new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = TestContext.Current.CancellationToken },
            async (key, _) =>
            {
                (BatchStatus batch, OperationStatus status) = await client.SetAsync(key, $"{prefix}-{key}-{filler}");
                Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), (batch, status));
            });
    }
}
