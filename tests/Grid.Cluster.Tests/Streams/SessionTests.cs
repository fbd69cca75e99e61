using Grid.Formats.Buffers;
using Grid.Streams;
using Orleans.Streams;
using Xunit;

namespace Grid.Cluster.Tests.Streams;

public class SessionTests
{
    [Fact]
    public async Task Abandon_drops_what_is_queued_frees_its_producer_and_begins_anew()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2, o =>
        {
            o.BytesPerStreamMax = 5000;
            o.ItemsPerDeliveryMax = 1;
        });
        var gate = new TaskCompletionSource();
        Sink sink = Sink.Of("abandoned");
        sink.OnItem = _ => gate.Task;
        await cluster.PlaceSinkAsync("abandoned", 1);
        IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, "abandoned");
        var items = new List<PooledBuffer>();
        Task held = Task.CompletedTask;
        while (held.IsCompletedSuccessfully && items.Count < 100)
        {
            items.Add(Payload.Make(items.Count, 1000));
            held = stream.OnNextAsync(items[^1]);
        }

        IGridStreamControl control = cluster.ControlOf(0);
        await Until.TrueAsync("a delivery is under way", () => control.FindStatistics(StreamCluster.IdOf("abandoned"))!.IsDelivering);
        Assert.Equal(items.Count, control.Abandon(StreamCluster.IdOf("abandoned")));
        Assert.Equal(GridStreamFailureReason.Abandoned, (await Assert.ThrowsAsync<GridStreamException>(() => held.WaitAsync(Until.Limit, TestContext.Current.CancellationToken))).Reason);
        await Until.TrueAsync("all buffers are returned", () => items.TrueForAll(Payload.IsReturned));

        await stream.OnNextAsync(Payload.Make(100));
        gate.SetResult();
        Arrival first = await sink.NextAsync();
        if (first.Number == 0)
            first = await sink.NextAsync();
        Assert.Equal(100, first.Number);
        Assert.True(first.IsIntact);
        await Until.TrueAsync("nothing is queued", () => control.FindStatistics(StreamCluster.IdOf("abandoned"))!.QueuedItems == 0);
        Assert.Equal(0, sink.Waiting);
    }

    [Fact]
    public async Task Items_of_four_mebibytes_arrive_whole()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2);
        await cluster.PlaceSinkAsync("large", 1);
        IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, "large");
        PooledBuffer[] items = [.. Enumerable.Range(0, 8).Select(i => Payload.Make(i, (4 << 20) - i))];
        foreach (PooledBuffer item in items)
            await stream.OnNextAsync(item);
        List<Arrival> arrivals = await Sink.Of("large").TakeAsync(8);
        Assert.Equal(Enumerable.Range(0, 8).Select(i => ((long)i, (4 << 20) - i, true)), arrivals.Select(a => (a.Number, a.Length, a.IsIntact)));
        await Until.TrueAsync("all buffers are returned", () => Array.TrueForAll(items, Payload.IsReturned));
    }

    [Fact]
    public async Task An_item_over_the_bound_is_refused_and_returned()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(1, o => o.BytesPerItemMax = 2048);
        PooledBuffer item = Payload.Make(0, 2049);
        await Assert.ThrowsAsync<ArgumentException>(() => cluster.StreamFrom(0, "huge").OnNextAsync(item));
        Assert.True(Payload.IsReturned(item));
    }

    [Fact]
    public async Task A_buffer_shared_by_several_streams_is_returned_after_the_last_of_them()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2);
        PooledBuffer shared = Payload.Make(42, 100_000);
        string[] keys = [.. Enumerable.Range(0, 5).Select(i => $"cohort-{i}")];
        foreach (string key in keys)
            await cluster.StreamFrom(0, key).OnNextAsync(shared.Retain());
        foreach (string key in keys)
            Assert.True((await Sink.Of(key).NextAsync()).IsIntact);
        Assert.False(Payload.IsReturned(shared));
        shared.Release();
        await Until.TrueAsync("the buffer is returned", () => Payload.IsReturned(shared));
    }

    [Fact]
    public async Task Idle_streams_are_forgotten_and_come_back_when_used()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2, o => o.IdleTimeMax = TimeSpan.FromMilliseconds(200));
        IGridStreamControl control = cluster.ControlOf(0);
        for (int round = 0; round < 3; round++)
        {
            for (int s = 0; s < 20; s++)
            {
                string key = $"idle-{s}";
                await cluster.StreamFrom(0, key).OnNextAsync(Payload.Make(round));
                Assert.Equal(round, (await Sink.Of(key).NextAsync()).Number);
            }

            await Until.TrueAsync("no stream is known", () => control.GetStatistics().Count == 0);
        }
    }

    [Fact]
    public async Task More_streams_than_allowed_are_refused()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(1, o => o.StreamsMax = 3);
        for (int s = 0; s < 3; s++)
            await cluster.StreamFrom(0, $"few-{s}").OnNextAsync(Payload.Make(s));
        PooledBuffer item = Payload.Make(3);
        GridStreamException refused = await Assert.ThrowsAsync<GridStreamException>(() => cluster.StreamFrom(0, "few-3").OnNextAsync(item));
        Assert.Equal(GridStreamFailureReason.TooManyStreams, refused.Reason);
        Assert.True(Payload.IsReturned(item));
    }

    [Fact]
    public async Task Injected_faults_reach_the_consumer_and_no_other_stream()
    {
        var faults = new ScriptedFaults(StreamCluster.IdOf("faulty"));
        await using StreamCluster cluster = await StreamCluster.StartAsync(2, o => o.ItemsPerDeliveryMax = 8, faults);
        await cluster.PlaceSinkAsync("faulty", 1);
        PooledBuffer[] items = [.. Enumerable.Range(0, 6).Select(i => Payload.Make(i, 100))];
        await cluster.StreamFrom(0, "faulty").OnNextBatchAsync(items);
        List<Arrival> arrivals = await Sink.Of("faulty").TakeAsync(6);

        // Dropped: 1. Twice: 2. Damaged: 3. Cut: 4.
        Assert.Equal([(0, 100, true), (2, 100, true), (2, 100, true), (3, 100, false), (4, 50, true), (5, 100, true)],
            arrivals.Select(a => ((int)a.Number, a.Length, a.IsIntact)));
        await Until.TrueAsync("all buffers are returned", () => Array.TrueForAll(items, Payload.IsReturned));

        await cluster.StreamFrom(0, "flawless").OnNextBatchAsync(Enumerable.Range(0, 6).Select(i => Payload.Make(i, 100)));
        Assert.All(await Sink.Of("flawless").TakeAsync(6), a => Assert.True(a.IsIntact));
    }

    [Fact]
    public async Task Other_items_than_buffers_travel_too_also_from_a_grain()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2);
        await cluster.GetGrain<ITextRelayGrain>("relay").SayAsync("words", ["one", "two", "three"]);
        Assert.Equal(["one", "two", "three"], await cluster.GetGrain<ITextSinkGrain>("words").HeardAsync(3));
    }

    private sealed class ScriptedFaults(StreamId target) : IGridStreamFaults
    {
        public GridStreamFault OnItem(StreamId streamId, ReadOnlySpan<byte> bytes)
        {
            if (streamId != target)
                return default;
            return bytes[0] switch
            {
                1 => new(GridStreamFaultKind.Drop),
                2 => new(GridStreamFaultKind.Duplicate),
                3 => new(GridStreamFaultKind.FlipBit, 8 * 50 + 3),
                4 => new(GridStreamFaultKind.Cut, 50),
                _ => default,
            };
        }
    }
}
