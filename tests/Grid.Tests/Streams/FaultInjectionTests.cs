using Grid.Formats.Buffers;
using Grid.Streams;
using Grid.Streams.Items;
using Grid.Streams.Queues;
using Xunit;

namespace Grid.Tests.Streams;

public class FaultInjectionTests
{
    [Theory]
    [InlineData(GridStreamFaultKind.None, 0, "11 22 33")]
    [InlineData(GridStreamFaultKind.Drop, 0, "11 33")]
    [InlineData(GridStreamFaultKind.Duplicate, 0, "11 22 22 33")]
    [InlineData(GridStreamFaultKind.Swap, 0, "22 11 33")]
    [InlineData(GridStreamFaultKind.FlipBit, 8, "11 23 33")]
    [InlineData(GridStreamFaultKind.Cut, 1, "11 2 33")]
    [InlineData(GridStreamFaultKind.Rewrite, 0, "11 97 33")]
    public void A_fault_changes_the_one_item_and_returns_every_buffer(GridStreamFaultKind kind, long at, string expected)
    {
        PooledBuffer[] items = [QueueBench.Item(1, 2), QueueBench.Item(2, 2), QueueBench.Item(3, 2)];
        PooledBuffer[] sent = FaultInjection.Apply(new Faults(kind, at), QueueBench.Id, ItemKind<PooledBuffer>.Instance, [.. items]);
        Assert.Equal(expected, string.Join(' ', sent.Select(i => string.Concat(i.Memory.ToArray()))));
        foreach (PooledBuffer item in sent)
            item.Release();
        Assert.All(items, i => Assert.True(QueueBench.IsReturned(i)));
    }

    [Fact]
    public void A_delivery_that_loses_all_its_items_is_acknowledged_by_itself()
    {
        using var bench = new QueueBench(faults: new Faults(GridStreamFaultKind.Drop, 0));
        PooledBuffer item = QueueBench.Item(2);
        bench.Send(item);
        StreamCursor cursor = bench.Queue.Open();
        Assert.Null(bench.Queue.Take(cursor));
        Assert.True(QueueBench.IsReturned(item));
        Assert.Equal(0, bench.Queue.GetStatistics().QueuedItems);
    }

    /// <summary>Does the same to every item that begins with 2.</summary>
    private sealed class Faults(GridStreamFaultKind kind, long at) : IGridStreamFaults
    {
        public GridStreamFault OnItem(StreamId streamId, ReadOnlySpan<byte> bytes) =>
            bytes[0] == 2 ? new GridStreamFault(kind, at, item => (item.WritableSpan[0], item.WritableSpan[1]) = (9, 7)) : default;
    }
}
