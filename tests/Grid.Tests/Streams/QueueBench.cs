using Grid.Formats.Buffers;
using Grid.Streams;
using Grid.Streams.Queues;

namespace Grid.Tests.Streams;

/// <summary>One stream's queue with a clock and a bell that the test watches; no Orleans around it.</summary>
internal sealed class QueueBench : IStreamBell, IDisposable
{
    private readonly StreamInstruments _instruments = new("test", static () => []);

    public QueueBench(GridStreamOptions? options = null, IGridStreamFaults? faults = null)
    {
        Queue = new StreamQueue<PooledBuffer>(
            Id,
            new StreamSetting(options ?? new GridStreamOptions(), Time, _instruments, faults, (_, reason) => Failures.Add(reason)),
            this);
    }

    public static StreamId Id { get; } = StreamId.Create("test", "stream");

    public FakeTime Time { get; } = new();

    public StreamQueue<PooledBuffer> Queue { get; }

    public List<GridStreamFailureReason> Failures { get; } = [];

    public int Rings { get; private set; }

    public int Nudges { get; private set; }

    public void Ring() => Rings++;

    public void Nudge() => Nudges++;

    public void Dispose() => _instruments.Dispose();

    public Task Send(params PooledBuffer[] items) => Queue.Enqueue(items)!;

    public static PooledBuffer Item(byte value, int length = 10)
    {
        PooledBuffer item = PooledBuffer.Rent(length);
        item.GetSpan(length)[..length].Fill(value);
        item.Advance(length);
        return item;
    }

    public static bool IsReturned(PooledBuffer item)
    {
        try
        {
            return item.Memory.Length < 0;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }
}
