using Grid.Formats.Buffers;
using Grid.Streams;
using Orleans.Streams;
using Orleans.TestingHost;
using Xunit;

namespace Grid.Cluster.Tests.Streams;

public class FailureTests
{
    [Fact]
    public async Task A_producer_learns_that_its_consumer_keeps_failing_and_begins_anew()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2, o => o.RetryTimeMax = TimeSpan.FromMilliseconds(300));
        Sink sink = Sink.Of("failing");
        sink.OnItem = _ => throw new InvalidOperationException("The sink is told to fail.");
        await cluster.PlaceSinkAsync("failing", 1);
        IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, "failing");
        PooledBuffer[] items = [.. Enumerable.Range(0, 5).Select(i => Payload.Make(i))];
        foreach (PooledBuffer item in items)
            await stream.OnNextAsync(item);

        IGridStreamControl control = cluster.ControlOf(0);
        await Until.TrueAsync("the stream has failed", () => control.FindStatistics(StreamCluster.IdOf("failing"))?.Failure is not null);
        PooledBuffer late = Payload.Make(5);
        GridStreamException failure = await Assert.ThrowsAsync<GridStreamException>(() => stream.OnNextAsync(late));
        Assert.Equal(GridStreamFailureReason.DeliveryFailed, failure.Reason);
        Assert.Equal(StreamCluster.IdOf("failing"), failure.StreamId);
        await Until.TrueAsync("all buffers are returned", () => Array.TrueForAll([.. items, late], Payload.IsReturned));

        sink.OnItem = null;
        Assert.Equal(0, control.Abandon(StreamCluster.IdOf("failing")));
        await stream.OnNextAsync(Payload.Make(6));
        Assert.Equal(6, (await sink.NextAsync()).Number);
    }

    [Fact]
    public async Task A_consumer_that_fails_for_a_moment_gets_the_items_again_in_order()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2, o => o.RetryTimeMax = TimeSpan.FromSeconds(30));
        int failures = 3;
        Sink sink = Sink.Of("hiccup");
        sink.OnItem = a => a.Number == 2 && --failures >= 0
            ? throw new InvalidOperationException("The sink is told to fail.")
            : Task.CompletedTask;
        await cluster.PlaceSinkAsync("hiccup", 1);
        IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, "hiccup");
        for (int i = 0; i < 20; i++)
            await stream.OnNextAsync(Payload.Make(i));

        // Items before the failing one in the same delivery come again: at least once, never out of order.
        long next = 0;
        while (next < 20)
        {
            long number = (await sink.NextAsync()).Number;
            Assert.True(number <= next, $"Item {next} is missing before item {number}.");
            next = number + 1;
        }
    }

    [Fact]
    public async Task A_consumer_that_cannot_be_activated_fails_its_stream_and_no_other()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2, o => o.RetryTimeMax = TimeSpan.FromMilliseconds(300));
        Sink sink = Sink.Of("stillborn");
        sink.OnActivation = () => throw new InvalidOperationException("The sink is told not to come to life.");
        IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, "stillborn");
        PooledBuffer item = Payload.Make(0);
        await stream.OnNextAsync(item);
        await cluster.StreamFrom(0, "healthy").OnNextAsync(Payload.Make(1));
        Assert.Equal(1, (await Sink.Of("healthy").NextAsync()).Number);

        IGridStreamControl control = cluster.ControlOf(0);
        await Until.TrueAsync("the stream has failed", () => control.FindStatistics(StreamCluster.IdOf("stillborn"))?.Failure is not null);
        Assert.Equal(
            GridStreamFailureReason.DeliveryFailed,
            (await Assert.ThrowsAsync<GridStreamException>(() => stream.OnNextAsync(Payload.Make(1)))).Reason);
        Assert.True(Payload.IsReturned(item));

        sink.OnActivation = null;
        control.Abandon(StreamCluster.IdOf("stillborn"));
        await stream.OnNextAsync(Payload.Make(2));
        Assert.Equal(2, (await sink.NextAsync()).Number);
    }

    [Fact]
    public async Task A_producer_learns_that_nobody_consumes()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(1);
        IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, StreamCluster.UnconsumedIdOf("x"));
        IGridStreamControl control = cluster.ControlOf(0);
        for (int round = 0; round < 2; round++)
        {
            PooledBuffer item = Payload.Make(1);
            await stream.OnNextAsync(item);
            await Until.TrueAsync("the stream has failed", () => control.FindStatistics(StreamCluster.UnconsumedIdOf("x"))?.Failure is not null);
            Assert.True(Payload.IsReturned(item));
            GridStreamException failure = await Assert.ThrowsAsync<GridStreamException>(() => stream.OnNextAsync(Payload.Make(2)));
            Assert.Equal(GridStreamFailureReason.NoConsumer, failure.Reason);
            control.Abandon(StreamCluster.UnconsumedIdOf("x"));
        }
    }

    [Fact]
    public async Task A_consumer_that_acknowledges_nothing_fails_its_stream_and_no_other()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2, o => o.DeliveryTimeMax = TimeSpan.FromSeconds(4));
        var gate = new TaskCompletionSource();
        Sink sink = Sink.Of("hung");
        sink.OnItem = _ => gate.Task;
        await cluster.PlaceSinkAsync("hung", 1);
        IAsyncStream<PooledBuffer> hung = cluster.StreamFrom(0, "hung");
        PooledBuffer[] items = [.. Enumerable.Range(0, 3).Select(i => Payload.Make(i))];
        foreach (PooledBuffer item in items)
            await hung.OnNextAsync(item);
        IGridStreamControl control = cluster.ControlOf(0);
        await Until.TrueAsync("the stream has failed", () => control.FindStatistics(StreamCluster.IdOf("hung"))?.Failure is not null);
        Assert.Equal(
            GridStreamFailureReason.DeliveryTimeout,
            (await Assert.ThrowsAsync<GridStreamException>(() => hung.OnNextAsync(Payload.Make(9)))).Reason);
        await Until.TrueAsync("all buffers are returned", () => Array.TrueForAll(items, Payload.IsReturned));

        await cluster.StreamFrom(0, "lively").OnNextAsync(Payload.Make(7));
        Assert.Equal(7, (await Sink.Of("lively").NextAsync()).Number);

        // The next session waits for the delivery under way, and only for that.
        control.Abandon(StreamCluster.IdOf("hung"));
        await hung.OnNextAsync(Payload.Make(10));
        gate.SetResult();
        Arrival arrival;
        while ((arrival = await sink.NextAsync()).Number != 10)
            Assert.InRange(arrival.Number, 0, 2);
        Assert.True(arrival.IsIntact);
    }

    [Fact]
    public async Task When_a_consumers_silo_dies_the_stream_goes_on_at_the_next_activation_or_fails_aloud()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(3);
        InProcessSiloHandle victim = cluster.Silos[2];
        await cluster.PlaceSinkAsync("dying", 2);
        await cluster.PlaceSinkAsync("staying", 1);
        IAsyncStream<PooledBuffer> dying = cluster.StreamFrom(0, "dying");
        IAsyncStream<PooledBuffer> staying = cluster.StreamFrom(0, "staying");
        await dying.OnNextAsync(Payload.Make(0));
        Assert.Equal(victim.SiloAddress, (await Sink.Of("dying").NextAsync()).Silo);

        Task kill = cluster.KillAsync(victim);
        bool told = false;
        long sent = 1;
        Arrival? after = null;
        Sink.Of("dying").OnItem = a =>
        {
            if (!a.Silo.Equals(victim.SiloAddress))
                Volatile.Write(ref after, a);
            return Task.CompletedTask;
        };
        for (int i = 0; i < 3000 && after is null && !told; i++)
        {
            try
            {
                await dying.OnNextAsync(Payload.Make(sent++));
            }
            catch (GridStreamException failure)
            {
                Assert.Equal(GridStreamFailureReason.DeliveryFailed, failure.Reason);
                told = true;
            }

            // The other stream must not wait for the dead one.
            await staying.OnNextAsync(Payload.Make(i));
            Assert.Equal(i, (await Sink.Of("staying").NextAsync()).Number);
            await Task.Delay(2, TestContext.Current.CancellationToken);
        }

        await kill;
        Assert.True(told || after is not null, "The producer was told nothing, and nothing arrived.");
        if (told)
        {
            cluster.ControlOf(0).Abandon(StreamCluster.IdOf("dying"));
            await dying.OnNextAsync(Payload.Make(sent));
            await Until.TrueAsync("the new session arrives elsewhere", () => Volatile.Read(ref after) is not null);
        }
    }

    [Fact]
    public async Task A_reactivated_consumer_goes_on_where_the_last_one_acknowledged()
    {
        await using StreamCluster cluster = await StreamCluster.StartAsync(2);
        Sink sink = Sink.Of("reborn");
        IAsyncStream<PooledBuffer> stream = cluster.StreamFrom(0, "reborn");
        for (int i = 0; i < 5; i++)
        {
            await stream.OnNextAsync(Payload.Make(i));
            Assert.Equal(i, (await sink.NextAsync()).Number);
            await cluster.DeactivateSinkAsync("reborn");
        }

        Assert.Equal(5, sink.Activations);
    }

    [Fact]
    public async Task A_stopping_silo_tells_its_producers()
    {
        StreamCluster cluster = await StreamCluster.StartAsync(2, o => o.BytesPerStreamMax = 1024);
        try
        {
            var gate = new TaskCompletionSource();
            Sink.Of("stopping").OnItem = _ => gate.Task;
            await cluster.PlaceSinkAsync("stopping", 0);
            Task held = cluster.StreamFrom(1, "stopping").OnNextAsync(Payload.Make(0, 2000));
            Task stop = cluster.StopAsync(cluster.Silos[1]);
            Assert.Equal(GridStreamFailureReason.Stopped, (await Assert.ThrowsAsync<GridStreamException>(() => held.WaitAsync(Until.Limit, TestContext.Current.CancellationToken))).Reason);
            gate.SetResult();
            await stop;
        }
        finally
        {
            await cluster.DisposeAsync();
        }
    }
}
