using System.Text;
using Grid.Client;
using Grid.Client.Routing;
using Grid.Cluster.Tests.Replication;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Grid.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Client;

/// <summary>Local reads in a running cluster: what a replica answers while it hears of its primary, and while it does not.</summary>
public sealed class LocalReadTests
{
    private const int Shards = 4;

    private static readonly CallOptions Fresh = new() { ReadMode = ReadMode.Local, MaxStaleness = TimeSpan.FromMilliseconds(500) };
    private static readonly CallOptions HoweverOld = new() { ReadMode = ReadMode.Local, MaxStaleness = TimeSpan.FromHours(1) };

    [Fact]
    public async Task A_replica_answers_inside_the_bound_without_its_primary_and_not_beyond_it()
    {
        StreamWire wire = new();
        await using GridCluster cluster = await GridCluster.StartAsync(
            2,
            options =>
            {
                options.ShardCount = Shards;
                options.SyncWindowMs = 20;
                options.ReplicaTimeoutMs = 1000;
            },
            wire);
        await cluster.UntilWholeAsync(copies: 2);
        (InProcessSiloHandle silo, byte[] key, HostedCopy replica) = AnyReplica(cluster);
        IServiceProvider services = cluster.ServicesOf(silo);
        IKeyspace keyspace = services.GetRequiredService<IGrid>().GetKeyspace("k");
        LocalReadCounters counters = services.GetRequiredService<LocalReadCounters>();

        await keyspace.SetAsync(key, "old"u8, cancellationToken: TestContext.Current.CancellationToken);
        await Until.TrueAsync(
            "the replica shows what was acknowledged, within the default bound",
            () => Answered(counters, () => keyspace.GetAsync(key, new CallOptions { ReadMode = ReadMode.Local }), out byte[]? value) && Text(value) == "old");

        wire.IsCut = true;
        await keyspace.SetAsync(key, "new"u8, options: new CallOptions { Durability = Durability.Primary }, cancellationToken: TestContext.Current.CancellationToken);
        await Until.TrueAsync(
            "the replica's state is older than the bound",
            () => SiloClock.Now.MonotonicMs - replica.Copy.FreshAtMs > Fresh.MaxStaleness!.Value.TotalMilliseconds);
        Assert.True(Answered(counters, () => keyspace.GetAsync(key, HoweverOld), out byte[]? old));
        Assert.Equal("old", Text(old));
        long before = counters.Of(LocalReadOutcome.Answered);
        Assert.Equal("new", Text(await keyspace.GetAsync(key, Fresh, TestContext.Current.CancellationToken)));
        Assert.Equal("new", Text((await keyspace.GetManyAsync([key], Fresh, TestContext.Current.CancellationToken))[0]));
        Assert.Equal(before, counters.Of(LocalReadOutcome.Answered));
        Assert.True(counters.Of(LocalReadOutcome.Stale) > 0);

        wire.IsCut = false;
        await Until.TrueAsync(
            "the replica has caught up and answers again",
            () => Answered(counters, () => keyspace.GetAsync(key, Fresh), out byte[]? value) && Text(value) == "new");
    }

    [Fact]
    public async Task On_the_primarys_silo_its_own_copy_answers()
    {
        await using GridCluster cluster = await GridCluster.StartAsync(2, static options =>
        {
            options.ShardCount = Shards;
            options.SyncWindowMs = 20;
        });
        await cluster.UntilWholeAsync(copies: 2);
        foreach (InProcessSiloHandle silo in cluster.Silos)
        {
            IServiceProvider services = cluster.ServicesOf(silo);
            IKeyspace keyspace = services.GetRequiredService<IGrid>().GetKeyspace("k");
            LocalReadCounters counters = services.GetRequiredService<LocalReadCounters>();
            byte[][] keys = [.. Enumerable.Range(0, 200).Select(static i => Encoding.ASCII.GetBytes($"key:{i}"))];
            byte[][] reigned = [.. keys.Where(key => services.GetRequiredService<CopyHost>().Find(ShardHash.Shard(key, Shards))?.Primary is { IsDown: false })];
            if (reigned.Length == 0)
                continue;
            foreach (byte[] key in reigned)
                await keyspace.SetAsync(key, key, cancellationToken: TestContext.Current.CancellationToken);
            foreach (byte[] key in reigned)
            {
                await Until.TrueAsync(
                    "the primary's copy answers with what was acknowledged",
                    () => Answered(counters, () => keyspace.GetAsync(key, Fresh), out byte[]? value) && value.AsSpan().SequenceEqual(key));
            }

            return;
        }

        Assert.Fail("No silo has a primary.");
    }

    /// <summary>Reads; true if a copy on the silo answered.</summary>
    private static bool Answered(LocalReadCounters counters, Func<ValueTask<byte[]?>> read, out byte[]? value)
    {
        long before = counters.Of(LocalReadOutcome.Answered);
        Task<byte[]?> call = read().AsTask();
        value = call.IsCompletedSuccessfully ? call.GetAwaiter().GetResult() : null;
        return counters.Of(LocalReadOutcome.Answered) == before + 1;
    }

    /// <summary>Where the primaries are is chance: all may be on one silo, and then all replicas on the other.</summary>
    private static (InProcessSiloHandle Silo, byte[] Key, HostedCopy Replica) AnyReplica(GridCluster cluster)
    {
        byte[] key = "key"u8.ToArray();
        foreach (InProcessSiloHandle silo in cluster.Silos)
        {
            if (cluster.ServicesOf(silo).GetRequiredService<CopyHost>().Find(ShardHash.Shard(key, Shards)) is { Primary: null } replica)
                return (silo, key, replica);
        }

        throw new InvalidOperationException("No silo has a replica of the key's shard.");
    }

    private static string? Text(byte[]? value) => value is null ? null : Encoding.UTF8.GetString(value);
}
