using System.Text;
using Grid.Client;
using Grid.Cluster.Tests.Replication;
using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Silo;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Grid.Silo.Telemetry;
using Grid.Streams;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Client;

/// <summary>Local reads on a silo whose copy is brought up by a full sync that does not come to its end.</summary>
public sealed class LocalReadDuringSyncTests
{
    private static readonly byte[] Key = "key"u8.ToArray();
    private static readonly CallOptions Fresh = new() { ReadMode = ReadMode.Local, MaxStaleness = TimeSpan.FromMilliseconds(500) };
    private static readonly CallOptions HoweverOld = new() { ReadMode = ReadMode.Local, MaxStaleness = TimeSpan.FromHours(1) };

    /// <summary>The replica hears nothing for so long that the backlog has lost what it needs; the end of each snapshot is lost, from before it can begin.</summary>
    [Theory]
    [InlineData(LoadMode.Swap)]
    [InlineData(LoadMode.Discard)]
    public async Task While_a_snapshot_comes_in_old_data_are_served_inside_the_bound_only_and_never_what_is_to_be_discarded(LoadMode mode)
    {
        StreamFaults faults = new(seed: 1);
        await using GridCluster cluster = await GridCluster.StartAsync(
            2,
            options =>
            {
                options.ShardCount = 1;
                options.SyncWindowMs = 200;
                options.ReplicaTimeoutMs = 1000;
                options.BacklogBytesMax = 64 << 10;
                options.LoadMode = mode;
            },
            faults);
        await cluster.UntilWholeAsync(copies: 2);
        InProcessSiloHandle silo = Assert.Single(cluster.ReplicasOf(0));
        HostedCopy replica = cluster.ServicesOf(silo).GetRequiredService<CopyHost>().Find(0)!;
        IKeyspace keyspace = cluster.ServicesOf(silo).GetRequiredService<IGrid>().GetKeyspace("k");
        LocalReadCounters counters = cluster.ServicesOf(silo).GetRequiredService<LocalReadCounters>();
        await keyspace.SetAsync(Key, "old"u8, cancellationToken: TestContext.Current.CancellationToken);
        await Until.TrueAsync("the replica shows what was written", () => Answered(counters, keyspace, Fresh) == "old");

        _ = faults.Trap(GridConstants.SnapshotStreams, LinkItemKind.SnapshotEnd, GridStreamFaultKind.Drop, times: int.MaxValue);
        foreach (LinkItemKind kind in (LinkItemKind[])[LinkItemKind.Continue, LinkItemKind.FullSync, LinkItemKind.Mutations, LinkItemKind.PackedMutations, LinkItemKind.Heartbeat])
            _ = faults.Trap(GridConstants.CommandStreams, kind, GridStreamFaultKind.Drop, times: int.MaxValue);
        await Until.TrueAsync(() => cluster.IsWhole(copies: 1, out _), () => cluster.Describe(0));
        await keyspace.SetAsync(Key, "new"u8, cancellationToken: TestContext.Current.CancellationToken);
        for (int i = 0; i < 40; i++)
            await keyspace.SetAsync(Encoding.ASCII.GetBytes($"filler:{i}"), new byte[4000], cancellationToken: TestContext.Current.CancellationToken);
        faults.EndTraps(GridConstants.CommandStreams);
        await UntilLoadingAsync(replica, () => replica.Copy.FreshAtMs < SiloClock.Now.MonotonicMs - Fresh.MaxStaleness!.Value.TotalMilliseconds);

        if (mode == LoadMode.Swap)
        {
            await UntilLoadingAsync(replica, () => Answered(counters, keyspace, HoweverOld) == "old");
            long answered = counters.Of(LocalReadOutcome.Answered);
            Assert.Equal("new", Text(await keyspace.GetAsync(Key, Fresh, TestContext.Current.CancellationToken)));
            Assert.Equal(answered, counters.Of(LocalReadOutcome.Answered));
        }
        else
        {
            await UntilLoadingAsync(replica, () => Answered(counters, keyspace, HoweverOld) is null);
            long answered = counters.Of(LocalReadOutcome.Answered);
            Assert.Equal("new", Text(await keyspace.GetAsync(Key, HoweverOld, TestContext.Current.CancellationToken)));
            Assert.Equal(answered, counters.Of(LocalReadOutcome.Answered));
        }

        Assert.Equal(0, cluster.Counters.Syncs("full", "completed") - FirstSyncs);
        faults.Stop();
        await Until.TrueAsync("the loaded copy answers", () => Answered(counters, keyspace, Fresh) == "new");
    }

    /// <summary>The replica's first full sync, when the cluster began.</summary>
    private const int FirstSyncs = 1;

    /// <summary>Until something is so while a load is under way, from before to after: between two attempts nothing is loaded.</summary>
    private static Task UntilLoadingAsync(HostedCopy replica, Func<bool> condition)
    {
        return Until.TrueAsync(() => Loading() is { } one && condition() && Loading() == one, () => $"the replica is {replica.Replica?.Phase}, its copy {replica.Copy.State}, fresh at {replica.Copy.FreshAtMs}");

        long? Loading() => replica.Use(_ => replica.Replica?.Load?.SnapshotId);
    }

    /// <summary>What a copy on the silo answers without a message; null when it does not.</summary>
    private static string? Answered(LocalReadCounters counters, IKeyspace keyspace, CallOptions how)
    {
        long before = counters.Of(LocalReadOutcome.Answered);
        Task<byte[]?> call = keyspace.GetAsync(Key, how).AsTask();
        return call.IsCompletedSuccessfully && counters.Of(LocalReadOutcome.Answered) == before + 1 ? Text(call.GetAwaiter().GetResult()) : null;
    }

    private static string? Text(byte[]? value) => value is null ? null : Encoding.UTF8.GetString(value);
}
