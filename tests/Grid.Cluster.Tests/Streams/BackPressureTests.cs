using Grid.Formats.Buffers;
using Grid.Streams;
using Orleans.Streams;
using Xunit;

namespace Grid.Cluster.Tests.Streams;

public class BackPressureTests
{
    private const int ItemBytes = 10_000;

    [Fact]
    public async Task A_full_stream_holds_its_producer_and_lets_it_go_when_the_consumer_goes_on()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2, o => o.BytesPerStreamMax = 10 * ItemBytes);
        var gate = new TaskCompletionSource();
        Sink sink = Sink.Of("held");
        sink.OnItem = _ => gate.Task;
        await cluster.PlaceSinkAsync("held", 1);
        IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, "held");

        var items = new List<PooledBuffer>();
        Task last = Task.CompletedTask;
        while (last.IsCompletedSuccessfully && items.Count < 100)
        {
            items.Add(Payload.Make(items.Count, ItemBytes));
            last = stream.OnNextAsync(items[^1]);
        }

        Assert.Equal(10, items.Count);
        GridStreamStatistics held = cluster.ControlOf(0).FindStatistics(StreamCluster.IdOf("held"))!;
        Assert.True(held.IsHoldingProducers);
        Assert.Equal(10, held.QueuedItems);
        Assert.Equal(10 * (ItemBytes + GridStreamOptions.ItemOverheadBytes), held.QueuedBytes);
        Assert.False(last.IsCompleted);

        gate.SetResult();
        await Until.OverAsync("the producer is let go", last);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (long)i), (await sink.TakeAsync(10)).Select(a => a.Number));
        await Until.TrueAsync("all buffers are returned", () => items.TrueForAll(Payload.IsReturned));
        GridStreamStatistics after = cluster.ControlOf(0).FindStatistics(StreamCluster.IdOf("held"))!;
        Assert.Equal((0L, 0, 10L, 10L * ItemBytes), (after.QueuedBytes, after.QueuedItems, after.DeliveredItems, after.DeliveredBytes));
    }

    [Fact]
    public async Task A_slow_consumer_stalls_its_own_stream_only()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2, o => o.BytesPerStreamMax = 10 * ItemBytes);
        var gate = new TaskCompletionSource();
        Sink.Of("slow").OnItem = _ => gate.Task;
        await cluster.PlaceSinkAsync("slow", 1);
        IAsyncStream<PooledBuffer> slow = cluster.StreamFrom(0, "slow");
        Task held = Task.CompletedTask;
        for (int i = 0; held.IsCompletedSuccessfully && i < 100; i++)
            held = slow.OnNextAsync(Payload.Make(i, ItemBytes));

        for (int s = 0; s < 6; s++)
        {
            IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, $"swift-{s}");
            for (int i = 0; i < 200; i++)
                await stream.OnNextAsync(Payload.Make(i, ItemBytes));
        }

        for (int s = 0; s < 6; s++)
            Assert.Equal(199, (await Sink.Of($"swift-{s}").TakeAsync(200))[^1].Number);
        Assert.False(held.IsCompleted);
        Assert.Equal(0, Sink.Of("slow").Waiting);
        gate.SetResult();
        await Until.OverAsync("the producer is let go", held);
    }

    [Fact]
    public async Task A_producer_that_does_not_wait_is_refused_at_the_hard_bound()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(1, o =>
        {
            o.BytesPerStreamMax = 2 * ItemBytes;
            o.BytesPerStreamHardMax = 4 * ItemBytes;
        });
        var gate = new TaskCompletionSource();
        Sink.Of("careless").OnItem = _ => gate.Task;
        IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, "careless");
        PooledBuffer[] items = [.. Enumerable.Range(0, 5).Select(i => Payload.Make(i, ItemBytes))];
        Task[] tasks = [.. items.Select(i => stream.OnNextAsync(i))];

        GridStreamException refused = await Assert.ThrowsAsync<GridStreamException>(() => tasks[4]);
        Assert.Equal(GridStreamFailureReason.Full, refused.Reason);
        Assert.True(Payload.IsReturned(items[4]));
        gate.SetResult();
        await Until.OverAsync("the others are taken", Task.WhenAll(tasks[..4]));
        Assert.Equal([0L, 1, 2, 3], (await Sink.Of("careless").TakeAsync(4)).Select(a => a.Number));
    }
}
