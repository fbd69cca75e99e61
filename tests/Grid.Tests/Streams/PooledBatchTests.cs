using Grid.Client.Contracts;
using Grid.Formats.Buffers;
using Grid.Streams;
using Grid.Streams.Items;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.Streams;
using Xunit;

namespace Grid.Tests.Streams;

public class PooledBatchTests
{
    private static readonly Serializer Serializer = new ServiceCollection()
        .AddSerializer(b => b.AddAssembly(typeof(PooledBatch).Assembly).AddAssembly(typeof(PooledBufferCodec).Assembly))
        .BuildServiceProvider()
        .GetRequiredService<Serializer>();

    private static T RoundTrip<T>(IBatchContainer batch) =>
        Assert.IsType<T>(Serializer.Deserialize<IBatchContainer>(Serializer.SerializeToArray(batch)));

    [Fact]
    public void A_batch_survives_the_wire_and_its_readers_own_what_they_got()
    {
        PooledBuffer[] items = [QueueBench.Item(1, 0 + 1), QueueBench.Item(2, 300_000), PooledBuffer.Rent(10), QueueBench.Item(3, 77)];
        var batch = PooledBatch.ToSend(QueueBench.Id, 12345, items);
        var received = RoundTrip<PooledBatch>(batch);

        Assert.Equal(12345, received.Sequence);
        PooledBuffer[] got = [.. received.GetEvents<PooledBuffer>().Select(e => e.Item1)];
        Assert.Equal(items.Select(i => i.Memory.ToArray()), got.Select(i => i.Memory.ToArray()));
        Assert.All(got, i => Assert.True(i.IsReceived));
        batch.End(acknowledged: true);
        Assert.All(items, i => Assert.True(QueueBench.IsReturned(i)));
        foreach (PooledBuffer item in got)
            item.ReleaseReceived();
        Assert.All(got, i => Assert.True(QueueBench.IsReturned(i)));
    }

    [Fact]
    public void A_withdrawn_batch_travels_empty_instead_of_as_other_peoples_bytes()
    {
        var batch = PooledBatch.ToSend(QueueBench.Id, 7, [QueueBench.Item(1)]);
        batch.Withdraw();
        var received = RoundTrip<PooledBatch>(batch);
        Assert.Equal(7, received.Sequence);
        Assert.Empty(received.GetEvents<PooledBuffer>());
    }

    [Fact]
    public void A_reader_that_came_first_keeps_the_buffers_until_it_is_done()
    {
        PooledBuffer item = QueueBench.Item(1);
        var batch = PooledBatch.ToSend(QueueBench.Id, 0, [item]);
        Assert.True(batch.TryPin());
        batch.Withdraw();
        batch.End(acknowledged: false);
        Assert.False(QueueBench.IsReturned(item));
        batch.Unpin();
        Assert.True(QueueBench.IsReturned(item));
        Assert.False(batch.TryPin());
    }

    [Theory]
    [InlineData(true, 1, true)]
    [InlineData(false, 1, false)]
    [InlineData(true, 2, false)]
    public void Buffers_read_on_the_producers_silo_are_returned_only_when_nobody_can_hold_them(
        bool acknowledged,
        int attempts,
        bool isReturned)
    {
        PooledBuffer item = QueueBench.Item(1);
        var batch = PooledBatch.ToSend(QueueBench.Id, 0, [item]);
        for (int i = 0; i < attempts; i++)
            Assert.Single(batch.GetEvents<PooledBuffer>());
        batch.End(acknowledged);
        Assert.Equal(isReturned, QueueBench.IsReturned(item));
    }

    [Fact]
    public void A_consumer_of_another_type_is_told_what_the_stream_carries()
    {
        var batch = PooledBatch.ToSend(QueueBench.Id, 0, [QueueBench.Item(1)]);
        InvalidCastException error = Assert.Throws<InvalidCastException>(() => batch.GetEvents<string>().Count());
        Assert.Contains("PooledBuffer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_do_not_add_up_are_refused()
    {
        byte[] good = Serializer.SerializeToArray<IBatchContainer>(
            PooledBatch.ToSend(QueueBench.Id, 0, [QueueBench.Item(9, 5), QueueBench.Item(8, 5)]));
        int refused = 0;
        for (int i = 0; i < good.Length; i++)
        {
            byte[] bad = [.. good];
            bad[i] ^= 0x81;
            try
            {
                Serializer.Deserialize<IBatchContainer>(bad);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 8, good.Length);
        for (int length = 0; length < good.Length - 1; length++)
            Assert.ThrowsAny<Exception>(() => Serializer.Deserialize<IBatchContainer>(good.AsSpan(0, length).ToArray()));
    }

    [Fact]
    public void A_plain_batch_survives_the_wire()
    {
        var batch = new ItemBatch<string>(QueueBench.Id, 3, ["a", "b"]);
        var received = RoundTrip<ItemBatch<string>>(batch);
        Assert.Equal(["a", "b"], received.GetEvents<string>().Select(e => e.Item1));
        Assert.Equal(3, received.Sequence);
    }

    [Fact]
    public void A_failure_says_on_another_silo_what_it_says_on_its_own()
    {
        var thrown = GridStreamException.For(QueueBench.Id, GridStreamFailureReason.Full);
        var received = (GridStreamException)Serializer.Deserialize<Exception>(Serializer.SerializeToArray<Exception>(thrown))!;
        Assert.Equal((thrown.StreamId, thrown.Reason, thrown.Message), (received.StreamId, received.Reason, received.Message));
    }

    [Fact]
    public void A_pooled_buffer_survives_the_wire_and_one_handed_over_ends_there()
    {
        PooledBuffer kept = QueueBench.Item(4, 1000);
        PooledBuffer received = Serializer.Deserialize<PooledBuffer>(Serializer.SerializeToArray(kept))!;
        Assert.Equal(kept.Span, received.Span);
        Assert.True(received.IsReceived);
        Assert.False(QueueBench.IsReturned(kept));

        byte[] bytes = Serializer.SerializeToArray(kept.HandOver());
        Assert.True(QueueBench.IsReturned(kept));
        Assert.Equal(received.Span, Serializer.Deserialize<PooledBuffer>(bytes)!.Span);
        Assert.Null(Serializer.Deserialize<PooledBuffer>(Serializer.SerializeToArray<PooledBuffer>(null!)));
    }
}
