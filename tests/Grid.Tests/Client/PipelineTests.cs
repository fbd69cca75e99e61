using Grid.Client;
using Grid.Formats.Operations;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>Batches, deadlines, cancellation, bounds: one thing at a time.</summary>
public sealed class PipelineTests
{
    private static readonly CallOptions Within100Ms = new() { Timeout = TimeSpan.FromMilliseconds(100) };

    [Fact]
    public void What_is_started_while_a_batch_is_under_way_goes_in_one_batch()
    {
        SimulatedCluster cluster = new(1, shards: 1);
        IKeyspace keyspace = cluster.Grid.GetKeyspace("k");
        cluster.Get(keyspace.SetAsync("a"u8, "1"u8));
        int before = cluster.Calls;
        Task[] gets = [.. Enumerable.Range(0, 500).Select(_ => keyspace.GetAsync("a"u8).AsTask())];
        cluster.Run(100);
        Assert.All(gets, static get => Assert.True(get.IsCompletedSuccessfully));
        Assert.InRange(cluster.Calls - before, 1, 2);
    }

    [Fact]
    public void The_first_batch_learns_the_reign_and_numbers_begin_at_1_in_it()
    {
        SimulatedCluster cluster = new(1, shards: 1);
        cluster.Get(cluster.Grid.GetKeyspace("k").SetAsync("a"u8, "1"u8));
        RequestHeader[] heads = [.. cluster.Arrived.Select(static blob => RequestHeader.Read(blob, out _))];
        Assert.Equal([(0L, 1L), (3L, 1L)], heads.Select(static h => (h.Epoch, h.Number)));
    }

    [Fact]
    public void Different_promises_do_not_share_a_batch_and_keep_their_order()
    {
        SimulatedCluster cluster = new(1, shards: 1);
        IKeyspace keyspace = cluster.Grid.GetKeyspace("k");
        Task[] calls =
        [
            keyspace.SetAsync("a"u8, "1"u8).AsTask(),
            keyspace.SetAsync("a"u8, "2"u8, default, new CallOptions { Durability = Durability.Primary }).AsTask(),
            keyspace.SetAsync("a"u8, "3"u8).AsTask(),
            keyspace.GetAsync("a"u8, new CallOptions { ReadMode = ReadMode.Primary }).AsTask(),
        ];
        cluster.Run(200);
        Assert.All(calls, static call => Assert.True(call.IsCompletedSuccessfully));
        Assert.Equal(["1", "2", "3"], cluster.Shards[0].Applied.Select(static a => a.Token));
        Assert.Equal("3"u8, ((Task<byte[]?>)calls[3]).Result!);
        Assert.Equal(
            [(WriteDurability.Replicated, false), (WriteDurability.Primary, false), (WriteDurability.Replicated, false), (WriteDurability.Replicated, true)],
            cluster.Arrived.Select(static blob => RequestHeader.Read(blob, out _)).Where(static h => h.Epoch != 0).Select(static h => (h.Durability, h.Committed)));
    }

    [Fact]
    public void A_large_value_goes_alone()
    {
        SimulatedCluster cluster = new(1, shards: 1);
        IKeyspace keyspace = cluster.Grid.GetKeyspace("k");
        Task[] calls =
        [
            keyspace.SetAsync("a"u8, "1"u8).AsTask(),
            keyspace.SetAsync("a"u8, new byte[3_000_000]).AsTask(),
            keyspace.SetAsync("a"u8, "3"u8).AsTask(),
        ];
        cluster.Run(200);
        Assert.All(calls, static call => Assert.True(call.IsCompletedSuccessfully));
        Assert.Equal([1, 3_000_000, 1], cluster.Shards[0].Applied.Select(static a => a.Token.Length));
        Assert.Equal(3, cluster.Shards[0].Executed.Batches);
    }

    [Theory]
    [InlineData((int)Refusing.NotPrimary, typeof(GridUnavailableException))]
    [InlineData((int)Refusing.Unavailable, typeof(GridUnavailableException))]
    [InlineData((int)Refusing.Overloaded, typeof(GridOverloadedException))]
    public void A_shard_that_refuses_until_the_deadline_is_told_as_what_it_is(int refusing, Type error)
    {
        SimulatedCluster cluster = new(1, shards: 1);
        cluster.Shards[0].Refusing = (Refusing)refusing;
        Exception? thrown = Record.Exception(() => cluster.Get(cluster.Grid.GetKeyspace("k").SetAsync("a"u8, "1"u8, default, Within100Ms), 200));
        Assert.IsType(error, thrown);
        Assert.Contains("'k'", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("shard 0", thrown.Message, StringComparison.Ordinal);
        cluster.Shards[0].Refusing = Refusing.Nothing;
        cluster.Run(5000);
        Assert.Empty(cluster.Shards[0].Applied);
    }

    [Fact]
    public void A_silent_shard_leaves_a_write_indeterminate_and_a_read_timed_out()
    {
        SimulatedCluster cluster = new(1, shards: 1);
        IKeyspace keyspace = cluster.Grid.GetKeyspace("k");
        cluster.Get(keyspace.SetAsync("a"u8, "1"u8));
        cluster.Misfortunes = new Misfortunes(0, 0, 0, Silent: 1, 0);
        Task write = keyspace.SetAsync("a"u8, "2"u8, default, Within100Ms).AsTask();
        Task read = keyspace.GetAsync("a"u8, Within100Ms).AsTask();
        cluster.Run(130);
        Assert.IsType<GridIndeterminateException>(write.Exception!.InnerException);
        Assert.IsType<GridTimeoutException>(read.Exception!.InnerException);
    }

    [Fact]
    public void A_cluster_that_cannot_be_reached_is_told_and_waited_for()
    {
        SimulatedCluster cluster = new(1) { IsReachable = false };
        IKeyspace keyspace = cluster.Grid.GetKeyspace("k");
        GridUnavailableException error = Assert.Throws<GridUnavailableException>(() => cluster.Get(keyspace.GetAsync("a"u8, Within100Ms), 500));
        Assert.IsType<TimeoutException>(error.InnerException);
        Task<SetResult> set = keyspace.SetAsync("a"u8, "1"u8).AsTask();
        cluster.Run(1000);
        Assert.False(set.IsCompleted);
        cluster.IsReachable = true;
        cluster.Run(1000);
        Assert.True(set.Result.Applied);
    }

    [Fact]
    public void A_cancelled_operation_that_was_not_sent_never_takes_effect()
    {
        SimulatedCluster cluster = new(1, shards: 1);
        cluster.Shards[0].Refusing = Refusing.NotPrimary;
        IKeyspace keyspace = cluster.Grid.GetKeyspace("k");
        using CancellationTokenSource cancel = new();
        Task first = keyspace.SetAsync("a"u8, "1"u8).AsTask();
        Task second = keyspace.SetAsync("a"u8, "2"u8, default, default, cancel.Token).AsTask();
        Task third = keyspace.SetManyAsync([new(new byte[] { 97 }, new byte[] { 51 })], null, default, cancel.Token).AsTask();
        cluster.Run(50);
        cancel.Cancel();
        cluster.Run(0);
        Assert.True(second.IsCanceled && third.IsCanceled && !first.IsCompleted);
        cluster.Shards[0].Refusing = Refusing.Nothing;
        cluster.Run(2000);
        Assert.True(first.IsCompletedSuccessfully);
        Assert.Equal(["1"], cluster.Shards[0].Applied.Select(static a => a.Token));
        Assert.True(keyspace.GetAsync("a"u8, default, cancel.Token).IsCanceled);
    }

    [Fact]
    public void Operations_over_the_bound_wait_in_order_and_then_time_out()
    {
        SimulatedCluster cluster = new(1, shards: 1, static options => (options.OperationsOutstandingMax, options.OperationsWaitingMax) = (2, 3));
        IKeyspace keyspace = cluster.Grid.GetKeyspace("k");
        cluster.Get(keyspace.SetAsync("a"u8, "0"u8));
        cluster.Shards[0].Refusing = Refusing.NotPrimary;
        Task<SetResult>[] sets = [.. Enumerable.Range(1, 6).Select(i => keyspace.SetAsync("a"u8, [(byte)('0' + i)], default, i == 5 ? Within100Ms : default).AsTask())];
        cluster.Run(10);
        Assert.IsType<GridOverloadedException>(sets[5].Exception!.InnerException);
        cluster.Run(150);
        Assert.IsType<GridTimeoutException>(sets[4].Exception!.InnerException);
        cluster.Shards[0].Refusing = Refusing.Nothing;
        cluster.Run(1000);
        Assert.All(sets[..4], static set => Assert.True(set.IsCompletedSuccessfully));
        Assert.Equal(["0", "1", "2", "3", "4"], cluster.Shards[0].Applied.Select(static a => a.Token));
    }

    [Fact]
    public void A_call_larger_than_the_bound_goes_when_nothing_else_is_under_way()
    {
        SimulatedCluster cluster = new(1, shards: 3, static options => options.OperationsOutstandingMax = 10);
        IKeyspace<int, int> keyspace = cluster.Grid.GetKeyspace<int, int>("k");
        ulong[] versions = cluster.Get(keyspace.SetManyAsync([.. Enumerable.Range(0, 1000).Select(static i => KeyValuePair.Create(i, i))]));
        Assert.Equal(1000, versions.Count(static v => v != 0));
    }

    [Fact]
    public void Parts_of_a_many_call_fail_by_themselves()
    {
        SimulatedCluster cluster = new(1, shards: 3);
        IKeyspace<int, int> keyspace = cluster.Grid.GetKeyspace<int, int>("k");
        cluster.Shards[1].Refusing = Refusing.Unavailable;
        GridManyException error = Assert.Throws<GridManyException>(() =>
            cluster.Get(keyspace.SetManyAsync([.. Enumerable.Range(0, 100).Select(static i => KeyValuePair.Create(i, i))], null, Within100Ms)));
        Assert.All(error.Failures, static f => Assert.Equal(1, Assert.IsType<GridUnavailableException>(f.Error).Shard));
        Assert.Equal(100 - error.Failures.Count, cluster.Shards.Sum(static s => s.Applied.Count));
    }

    [Fact]
    public async Task A_closed_client_ends_what_is_under_way_and_takes_nothing_more()
    {
        SimulatedCluster cluster = new(1, shards: 1);
        IKeyspace keyspace = cluster.Grid.GetKeyspace("k");
        cluster.Get(keyspace.SetAsync("a"u8, "1"u8));
        Task write = keyspace.SetAsync("a"u8, "2"u8).AsTask();
        await cluster.Dispatcher.DisposeAsync();
        cluster.Run(10);
        Assert.IsType<GridUnavailableException>(write.Exception!.InnerException);
        Assert.Throws<ObjectDisposedException>(() => { _ = keyspace.GetAsync("a"u8); });
    }
}
