using Grid.Formats.Buffers;
using Grid.Streams;
using Grid.Streams.Items;
using Grid.Streams.Queues;
using Xunit;

namespace Grid.Tests.Streams;

public class StreamQueueTests
{
    private static byte[] ValuesOf(StreamBatch? batch) =>
        [.. batch!.GetEvents<PooledBuffer>().Select(e => e.Item1.Span[0])];

    [Fact]
    public void What_waits_is_merged_up_to_the_bounds_and_kept_in_order()
    {
        using var bench = new QueueBench(new GridStreamOptions { ItemsPerDeliveryMax = 3, BytesPerDeliveryMax = 1024 });
        bench.Send([.. Enumerable.Range(0, 5).Select(i => QueueBench.Item((byte)i))]);
        bench.Send(QueueBench.Item(5, 900), QueueBench.Item(6, 900), QueueBench.Item(7, 5000), QueueBench.Item(8));
        StreamCursor cursor = bench.Queue.Open();

        Assert.Equal([0, 1, 2], ValuesOf(bench.Queue.Take(cursor)));
        Assert.Equal([3, 4], ValuesOf(bench.Queue.Take(cursor)));
        Assert.Equal([5], ValuesOf(bench.Queue.Take(cursor)));
        Assert.Equal([6], ValuesOf(bench.Queue.Take(cursor)));
        Assert.Equal([7], ValuesOf(bench.Queue.Take(cursor)));
        Assert.Equal([8], ValuesOf(bench.Queue.Take(cursor)));
        Assert.Null(bench.Queue.Take(cursor));
    }

    [Fact]
    public void A_batch_shares_the_producers_buffers_and_copies_nothing()
    {
        using var bench = new QueueBench();
        PooledBuffer[] items = [QueueBench.Item(1), QueueBench.Item(2)];
        bench.Send(items);
        StreamBatch batch = bench.Queue.Take(bench.Queue.Open())!;
        Assert.Equal(items, batch.GetEvents<PooledBuffer>().Select(e => e.Item1));
    }

    [Fact]
    public void Buffers_are_returned_when_acknowledged_and_not_before()
    {
        using var bench = new QueueBench();
        PooledBuffer item = QueueBench.Item(1);
        bench.Send(item);
        StreamCursor cursor = bench.Queue.Open();
        Assert.NotNull(bench.Queue.Take(cursor));
        Assert.False(QueueBench.IsReturned(item));
        Assert.Null(bench.Queue.Take(cursor));
        Assert.True(QueueBench.IsReturned(item));
    }

    [Fact]
    public void Who_waits_for_little_to_be_held_is_told_when_it_is_so()
    {
        using var bench = new QueueBench(new GridStreamOptions { ItemsPerDeliveryMax = 1 });
        StreamCursor cursor = bench.Queue.Open();
        Assert.True(bench.Queue.WhenAtMost(0).IsCompletedSuccessfully);
        bench.Send(QueueBench.Item(1, 100), QueueBench.Item(2, 100));
        Task one = bench.Queue.WhenAtMost(100 + GridStreamOptions.ItemOverheadBytes);
        Task none = bench.Queue.WhenAtMost(0);
        bench.Queue.Take(cursor);
        Assert.False(one.IsCompleted);
        bench.Queue.Take(cursor);
        Assert.True(one.IsCompletedSuccessfully);
        Assert.False(none.IsCompleted);
        bench.Queue.Take(cursor);
        Assert.True(none.IsCompletedSuccessfully);
    }

    [Fact]
    public void Who_waits_for_what_was_sent_to_arrive_does_not_wait_for_what_is_sent_after_it()
    {
        using var bench = new QueueBench(new GridStreamOptions { ItemsPerDeliveryMax = 1 });
        StreamCursor cursor = bench.Queue.Open();
        bench.Send(QueueBench.Item(1, 100), QueueBench.Item(2, 100));
        bench.Queue.Take(cursor);
        Task one = bench.Queue.WhenAtMost(100 + GridStreamOptions.ItemOverheadBytes);
        Task none = bench.Queue.WhenAtMost(0);
        for (int item = 3; item < 5; item++)
        {
            Assert.Equal((item > 3, false), (one.IsCompletedSuccessfully, none.IsCompleted));
            bench.Send(QueueBench.Item((byte)item, 100), QueueBench.Item((byte)item, 100));
            bench.Queue.Take(cursor);
        }

        Assert.True(none.IsCompletedSuccessfully);
        Assert.False(bench.Queue.WhenAtMost(3 * (100 + GridStreamOptions.ItemOverheadBytes)).IsCompleted);
    }

    [Fact]
    public async Task Who_waits_for_little_to_be_held_is_told_when_the_stream_fails_or_is_abandoned()
    {
        using var bench = new QueueBench();
        Task first = bench.Send(QueueBench.Item(1));
        Task abandoned = bench.Queue.WhenAtMost(0);
        bench.Queue.Abandon();
        Assert.Equal(GridStreamFailureReason.Abandoned, (await Assert.ThrowsAsync<GridStreamException>(() => abandoned)).Reason);
        Assert.True(first.IsCompletedSuccessfully);
        Assert.True(bench.Send(QueueBench.Item(2)).IsCompletedSuccessfully);
        Task failed = bench.Queue.WhenAtMost(0);
        bench.Queue.Fail(GridStreamFailureReason.DeliveryFailed);
        Assert.Equal(GridStreamFailureReason.DeliveryFailed, (await Assert.ThrowsAsync<GridStreamException>(() => failed)).Reason);
        Assert.Equal(GridStreamFailureReason.DeliveryFailed, (await Assert.ThrowsAsync<GridStreamException>(() => bench.Queue.WhenAtMost(0))).Reason);
    }

    [Fact]
    public void An_item_waits_for_the_slower_of_two_subscriptions()
    {
        using var bench = new QueueBench();
        StreamCursor swift = bench.Queue.Open();
        StreamCursor slow = bench.Queue.Open();
        PooledBuffer item = QueueBench.Item(1);
        bench.Send(item);
        bench.Queue.Take(swift);
        bench.Queue.Take(swift);
        Assert.False(QueueBench.IsReturned(item));
        bench.Queue.Take(slow);
        bench.Queue.Take(slow);
        Assert.True(QueueBench.IsReturned(item));
    }

    [Fact]
    public void The_bell_rings_once_until_heard_and_not_while_a_delivery_is_under_way()
    {
        using var bench = new QueueBench();
        bench.Send(QueueBench.Item(1));
        bench.Send(QueueBench.Item(2));
        Assert.Equal(1, bench.Rings);
        bench.Queue.OnBellHeard();
        StreamCursor cursor = bench.Queue.Open();
        Assert.NotNull(bench.Queue.Take(cursor));
        bench.Send(QueueBench.Item(3));
        Assert.Equal(1, bench.Rings);
        Assert.NotNull(bench.Queue.Take(cursor));
        Assert.Null(bench.Queue.Take(cursor));
        bench.Send(QueueBench.Item(4));
        Assert.Equal(2, bench.Rings);
    }

    [Fact]
    public void Producers_are_held_at_the_bound_and_freed_below_it()
    {
        const int size = 1000;
        int cost = size + GridStreamOptions.ItemOverheadBytes;
        using var bench = new QueueBench(new GridStreamOptions { BytesPerStreamMax = 3 * cost, ItemsPerDeliveryMax = 1 });
        StreamCursor cursor = bench.Queue.Open();
        Assert.True(bench.Send(QueueBench.Item(1, size)).IsCompleted);
        Assert.True(bench.Send(QueueBench.Item(2, size)).IsCompleted);
        Task held = bench.Send(QueueBench.Item(3, size));
        Assert.False(held.IsCompleted);
        bench.Queue.Take(cursor);
        Assert.False(held.IsCompleted);
        bench.Queue.Take(cursor);
        Assert.True(held.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_failed_delivery_drops_all_tells_the_held_producer_and_refuses_until_abandoned()
    {
        using var bench = new QueueBench(new GridStreamOptions { BytesPerStreamMax = 1024, ItemsPerDeliveryMax = 1 });
        PooledBuffer[] items = [QueueBench.Item(1, 600), QueueBench.Item(2, 600)];
        Task held = bench.Send(items);
        StreamCursor cursor = bench.Queue.Open();
        bench.Queue.Take(cursor);
        cursor.RecordDeliveryFailure();

        Assert.All(items, i => Assert.True(QueueBench.IsReturned(i)));
        Assert.Equal(GridStreamFailureReason.DeliveryFailed, (await Assert.ThrowsAsync<GridStreamException>(() => held)).Reason);
        Assert.Null(bench.Queue.Take(cursor));
        PooledBuffer refused = QueueBench.Item(3);
        await Assert.ThrowsAsync<GridStreamException>(() => bench.Send(refused));
        Assert.True(QueueBench.IsReturned(refused));
        Assert.Equal([GridStreamFailureReason.DeliveryFailed], bench.Failures);
        Assert.Equal(2, bench.Queue.GetStatistics().DroppedItems);

        bench.Queue.Abandon();
        _ = bench.Send(QueueBench.Item(4));
        Assert.Equal([4], ValuesOf(bench.Queue.Take(cursor)));
    }

    [Fact]
    public void The_failure_of_a_withdrawn_delivery_does_not_touch_the_new_session()
    {
        using var bench = new QueueBench();
        PooledBuffer old = QueueBench.Item(1);
        bench.Send(old);
        StreamCursor cursor = bench.Queue.Open();
        StreamBatch batch = bench.Queue.Take(cursor)!;
        Assert.Equal(1, bench.Queue.Abandon());
        Assert.True(QueueBench.IsReturned(old));
        Assert.Empty(batch.GetEvents<PooledBuffer>());
        bench.Send(QueueBench.Item(2));
        cursor.RecordDeliveryFailure();
        Assert.Equal([2], ValuesOf(bench.Queue.Take(cursor)));
        Assert.Empty(bench.Failures);
    }

    [Fact]
    public void A_closed_subscription_leaves_its_items_to_the_next_one()
    {
        using var bench = new QueueBench();
        bench.Send(QueueBench.Item(1), QueueBench.Item(2));
        StreamCursor first = bench.Queue.Open();
        bench.Queue.Take(first);
        first.Dispose();
        Assert.Null(bench.Queue.Take(first));
        Assert.Equal([1, 2], ValuesOf(bench.Queue.Take(bench.Queue.Open())));
    }

    [Fact]
    public void Items_without_a_cursor_once_the_agent_is_done_have_no_consumer()
    {
        using var bench = new QueueBench();
        PooledBuffer item = QueueBench.Item(1);
        bench.Send(item);
        bench.Queue.OnAgentIdle();
        Assert.Empty(bench.Failures);
        bench.Queue.OnBellHeard();
        bench.Queue.OnAgentIdle();
        Assert.Equal([GridStreamFailureReason.NoConsumer], bench.Failures);
        Assert.True(QueueBench.IsReturned(item));
    }

    [Fact]
    public void A_stream_whose_consumer_acknowledges_nothing_fails_in_time()
    {
        var options = new GridStreamOptions { DeliveryTimeMax = TimeSpan.FromSeconds(1) };
        using var bench = new QueueBench(options);
        StreamCursor cursor = bench.Queue.Open();
        bench.Send(QueueBench.Item(1));
        bench.Time.Advance(TimeSpan.FromMilliseconds(900));
        bench.Queue.Take(cursor);
        bench.Time.Advance(TimeSpan.FromMilliseconds(900));
        Assert.False(bench.Queue.Sweep());
        Assert.Empty(bench.Failures);
        bench.Time.Advance(TimeSpan.FromMilliseconds(200));
        Assert.False(bench.Queue.Sweep());
        Assert.Equal([GridStreamFailureReason.DeliveryTimeout], bench.Failures);
    }

    [Fact]
    public void Another_patience_holds_for_what_waits_already()
    {
        var options = new GridStreamOptions { DeliveryTimeMax = TimeSpan.FromSeconds(1) };
        using var bench = new QueueBench(options);
        bench.Queue.Open();
        bench.Send(QueueBench.Item(1));
        options.DeliveryTimeMax = TimeSpan.FromSeconds(25);
        bench.Time.Advance(TimeSpan.FromSeconds(24));
        Assert.False(bench.Queue.Sweep());
        Assert.Empty(bench.Failures);
        options.DeliveryTimeMax = TimeSpan.FromSeconds(10);
        bench.Queue.Sweep();
        Assert.Equal([GridStreamFailureReason.DeliveryTimeout], bench.Failures);
    }

    [Fact]
    public async Task An_idle_stream_is_given_up_by_its_agent_first_and_then_closed()
    {
        using var bench = new QueueBench(new GridStreamOptions { IdleTimeMax = TimeSpan.FromSeconds(1) });
        StreamCursor cursor = bench.Queue.Open();
        _ = bench.Send(QueueBench.Item(1));
        bench.Queue.OnBellHeard();
        bench.Queue.Take(cursor);
        bench.Queue.Take(cursor);
        Assert.False(bench.Queue.Sweep());
        bench.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(bench.Queue.Sweep());
        Assert.Equal(1, bench.Nudges);
        cursor.Dispose();
        Assert.True(bench.Queue.Sweep());
        PooledBuffer item = QueueBench.Item(2);
        Assert.Null(bench.Queue.Enqueue([item]));
        Assert.False(QueueBench.IsReturned(item));

        using var failed = new QueueBench(new GridStreamOptions { IdleTimeMax = TimeSpan.FromSeconds(1) });
        failed.Queue.Fail(GridStreamFailureReason.DeliveryFailed);
        failed.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(failed.Queue.Sweep(), "A failure was forgotten that nobody had been told of.");
        await Assert.ThrowsAsync<GridStreamException>(() => failed.Send(QueueBench.Item(1)));
        Assert.True(failed.Queue.Sweep());
    }

    [Fact]
    public void Queueing_and_taking_small_items_allocates_little()
    {
        using var bench = new QueueBench();
        StreamCursor cursor = bench.Queue.Open();
        PooledBuffer shared = QueueBench.Item(1, 100);
        PooledBuffer[] one = [shared];
        const int items = 100_000;
        long allocated = 0;
        for (int round = 0; round < 2; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < items; i++)
            {
                shared.Retain();
                bench.Queue.Enqueue(one);
                if (i % 1000 == 999)
                    bench.Queue.Take(cursor);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // The array of a merged delivery holds one reference for each item; the rest is per delivery.
        Assert.InRange(allocated / (double)items, 0, 12);
    }
}
