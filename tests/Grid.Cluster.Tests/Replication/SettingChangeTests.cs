using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Replica;
using Grid.Silo;
using Grid.Silo.Copies;
using Grid.Streams;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>A setting that is changed at one of three silos: which links it concerns, and what it costs them.</summary>
public sealed class SettingChangeTests
{
    private const int Shards = 6;

    /// <summary>With a copy of every shard on every silo there are links of each kind: from the silo, to it, and past it.</summary>
    [Fact]
    public async Task Compression_changed_at_one_silo_concerns_the_links_that_end_there_by_partial_resync_and_no_other()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(3, static options =>
        {
            options.ShardCount = Shards;
            options.Replicas = 2;
            options.SyncWindowMs = 20;

            // A link that ends because the machine is slow would look like one that the change concerns.
            options.ReplicaTimeoutMs = 20_000;
        });
        await cluster.UntilWholeAsync(copies: 3);
        await WriteAsync(cluster, "first");
        InProcessSiloHandle changed = cluster.PrimaryOf(0);
        Link[] before = Links(cluster);
        Assert.True(before.Any(link => link.From == changed) && before.Any(link => link.To == changed) && before.Any(link => !link.EndsAt(changed)), $"Not every kind of link is there:\n{Text(before)}");
        Assert.All(before, link => Assert.True(link.Packed, Text(before)));
        long full = cluster.Counters.Syncs("full", "completed"), partial = cluster.Counters.Syncs("partial", "completed");
        GridSettings settings = cluster.ServicesOf(changed).GetRequiredService<GridSettings>();

        Assert.Empty(settings.Change(options => options.Compression = ReplicationCompression.None));
        await Until.TrueAsync(() => Links(cluster).All(link => link.Follows && link.Packed != link.EndsAt(changed)), () => Text(Links(cluster)));
        await WriteAsync(cluster, "second");
        Link[] off = Links(cluster);
        AssertOnlyConcerned(before, off, changed);

        Assert.Empty(settings.Change(options => options.Compression = ReplicationCompression.Lz4));
        await Until.TrueAsync(() => Links(cluster).All(link => link.Follows && link.Packed), () => Text(Links(cluster)));
        await WriteAsync(cluster, "third");
        AssertOnlyConcerned(off, Links(cluster), changed);

        await cluster.UntilWholeAsync(copies: 3);
        await cluster.UntilDigestsAreEqualAsync(copies: 3);
        int concerned = before.Count(link => link.EndsAt(changed));

        // What the silo's replicas follow they attach to anew; what follows its primaries is ended by them, without a wait until somebody hears of the change.
        Assert.Equal(2 * before.Count(link => link.From == changed), cluster.Counters["grid.replication.links.ended", "settings_changed"]);
        Assert.Equal(full, cluster.Counters.Syncs("full", "completed"));
        Assert.True(cluster.Counters.Syncs("partial", "completed") - partial >= 2 * concerned, $"{concerned} links are concerned\n{cluster.Counters}");
    }

    /// <summary>A stream that gave up before the replica's time is over would end the link in its place.</summary>
    [Fact]
    public async Task Streams_wait_longer_than_replicas_may_be_silent_whatever_that_is_changed_to()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(1, static options =>
        {
            options.ShardCount = 1;
            options.Replicas = 0;
            options.ReplicaTimeoutMs = 12_000;
        });
        IServiceProvider services = cluster.ServicesOf(cluster.Silos[0]);
        GridSettings settings = services.GetRequiredService<GridSettings>();
        GridStreamOptions streams = services.GetRequiredService<IOptionsMonitor<GridStreamOptions>>().Get(GridConstants.StreamProvider);
        Assert.Equal(TimeSpan.FromSeconds(15), streams.DeliveryTimeMax);
        Assert.Empty(settings.Change(static options => options.ReplicaTimeoutMs = 20_000));
        Assert.Equal(TimeSpan.FromSeconds(25), streams.DeliveryTimeMax);
        Assert.Empty(settings.Change(static options => options.ReplicaTimeoutMs = 1000));
        Assert.Equal(TimeSpan.FromSeconds(10), streams.DeliveryTimeMax);
        Assert.Contains("200 to 20000", Assert.Single(settings.Change(static options => options.ReplicaTimeoutMs = 20_001)), StringComparison.Ordinal);
    }

    /// <summary>What ends at the silo was attached anew, from the same copy; nothing was noticed elsewhere.</summary>
    private static void AssertOnlyConcerned(Link[] before, Link[] after, InProcessSiloHandle changed)
    {
        Assert.Equal(before.Select(link => (link.Shard, link.From, link.To, link.Copy)), after.Select(link => (link.Shard, link.From, link.To, link.Copy)));
        foreach ((Link was, Link present) in before.Zip(after))
            Assert.True(present.Attach > was.Attach == was.EndsAt(changed), $"{was} became {present} by a change at {changed.SiloAddress}");
    }

    private static Link[] Links(GridCluster cluster) =>
    [
        .. from shard in Enumerable.Range(0, Shards)
           let primary = cluster.PrimaryOf(shard)
           from silo in cluster.ReplicasOf(shard)
           let replica = cluster.ServicesOf(silo).GetRequiredService<CopyHost>().Find(shard)?.Replica
           where replica is not null
           select new Link(shard, primary, silo, replica.Copy.Name.CopyId, replica.AttachNumber, replica.Phase == ReplicaPhase.Following, replica.Traits.HasFlag(LinkTraits.PackedCommands)),
    ];

    private static string Text(Link[] links) => string.Join("\n", links.Select(link => link.ToString()));

    private static async Task WriteAsync(GridCluster cluster, string value)
    {
        RawClient client = new(cluster.Client, Shards);
        string padded = value.PadRight(800, '.');
        for (int key = 0; key < 10 * Shards; key++)
            Assert.Equal((BatchStatus.Ok, OperationStatus.Ok), await client.SetAsync(key, padded));
    }

    private sealed record Link(int Shard, InProcessSiloHandle From, InProcessSiloHandle To, Guid Copy, long Attach, bool Follows, bool Packed)
    {
        public bool EndsAt(InProcessSiloHandle silo) => From == silo || To == silo;

        public override string ToString() => $"shard {Shard}, {From.SiloAddress} to {To.SiloAddress}: attach {Attach}, {(Follows ? "follows" : "does not follow")}, {(Packed ? "packed" : "plain")}";
    }
}
