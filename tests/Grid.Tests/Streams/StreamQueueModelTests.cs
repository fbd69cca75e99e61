using CsCheck;
using Grid.Formats.Buffers;
using Grid.Streams;
using Grid.Streams.Items;
using Grid.Streams.Queues;
using Xunit;

namespace Grid.Tests.Streams;

/// <summary>Any order of what producer, agent and operator may do, against a list.</summary>
public class StreamQueueModelTests
{
    private const int HardMax = 1200;

    [Fact]
    public void Any_history_keeps_order_loses_nothing_in_silence_and_returns_every_buffer() =>
        Gen.Int[0, 99].Array[1, 120].Sample(Replay, iter: 2000);

    private static void Replay(int[] moves)
    {
        using var bench = new QueueBench(new GridStreamOptions
        {
            ItemsPerDeliveryMax = 4,
            BytesPerStreamMax = 1024,
            BytesPerStreamHardMax = HardMax,
        });
        var all = new List<PooledBuffer>();
        var queued = new List<byte>();
        byte[] underWay = [];
        bool isFailed = false;
        StreamCursor cursor = bench.Queue.Open();
        byte next = 0;

        foreach (int move in moves)
        {
            switch (move)
            {
                case < 50:
                    PooledBuffer item = QueueBench.Item(next, 1 + move);
                    all.Add(item);
                    bool isFull = bench.Queue.GetStatistics().QueuedBytes >= HardMax;
                    Task sent = bench.Send(item);
                    Assert.Equal(isFailed || isFull, sent.IsFaulted);
                    Assert.Equal(sent.IsFaulted || bench.Queue.GetStatistics().QueuedBytes < 1024, sent.IsCompleted);
                    if (!sent.IsFaulted)
                        queued.Add(next);
                    next++;
                    break;
                case < 85:
                    queued.RemoveRange(0, underWay.Length);
                    underWay = Values(bench.Queue.Take(cursor));
                    Assert.Equal(queued.Take(underWay.Length), underWay);
                    Assert.Equal(Math.Min(queued.Count, 4), underWay.Length);
                    break;
                case < 90:
                    bool concerns = underWay.Length > 0;
                    cursor.RecordDeliveryFailure();
                    isFailed |= concerns;
                    Drop(concerns);
                    break;
                case < 94:
                    Assert.Equal(queued.Count, bench.Queue.Abandon());
                    isFailed = false;
                    Drop(true);
                    break;
                case < 97:
                    cursor.Dispose();
                    cursor = bench.Queue.Open();
                    underWay = [];
                    break;
                default:
                    bench.Queue.Fail(GridStreamFailureReason.Stopped);
                    isFailed = true;
                    Drop(true);
                    break;
            }

            Assert.Equal(queued.Count, bench.Queue.GetStatistics().QueuedItems);
        }

        bench.Queue.Abandon();
        cursor.Dispose();
        Assert.All(all, i => Assert.True(QueueBench.IsReturned(i)));

        void Drop(bool really)
        {
            if (!really)
                return;
            queued.Clear();
            underWay = [];
        }
    }

    /// <summary>What the serializer would write: reading it so leaves no mark on the batch.</summary>
    private static byte[] Values(StreamBatch? batch)
    {
        if (batch is not PooledBatch pooled)
            return [];
        Assert.True(pooled.TryPin());
        byte[] values = [.. pooled.Items.ToArray().Select(i => i.Span[0])];
        pooled.Unpin();
        return values;
    }
}
