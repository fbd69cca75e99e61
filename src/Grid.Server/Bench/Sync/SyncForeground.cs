using System.Diagnostics;

namespace Grid.Server.Bench.Sync;

/// <summary>How long writes took while something else went on; milliseconds.</summary>
/// <param name="Writes">Writes acknowledged.</param>
/// <param name="PerSecond">Writes per second.</param>
/// <param name="P50Ms">Half of them took at most this.</param>
/// <param name="P99Ms">99% of them took at most this.</param>
/// <param name="MaxMs">The longest one.</param>
/// <param name="Failed">Writes that failed.</param>
internal sealed record ForegroundLatency(long Writes, double PerSecond, double P50Ms, double P99Ms, double MaxMs, long Failed);

/// <summary>
/// Writes at a fixed rate, whatever becomes of the earlier ones, so that a stall is seen by every write that falls into it: records of
/// the set, drawn at random, get the value of another record.
/// </summary>
/// <remarks>A thread of its own keeps the pace. A write's time runs from its call to its acknowledgement.</remarks>
internal sealed class SyncForeground : IDisposable
{
    private const int OutstandingMax = 20_000;

    private readonly DataSet _set;
    private readonly long _records;
    private readonly int _perSecond;
    private readonly Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>, ValueTask> _write;
    private readonly byte[] _key = new byte[DataSet.KeyBytes];
    private readonly byte[] _value = new byte[DataSet.ValueBytesMax];
    private readonly Lock _gate = new();
    private readonly Thread _thread;
    private LatencyHistogram _latencies = new();
    private DataSetRandom _random = new(0x46, 0);
    private volatile bool _stopping;
    private long _since = Stopwatch.GetTimestamp();
    private long _failed;
    private int _outstanding;

    /// <summary>Starts to write.</summary>
    /// <param name="set">Where records come from.</param>
    /// <param name="records">Records in use.</param>
    /// <param name="perSecond">The rate.</param>
    /// <param name="write">Writes a key and a value, both of which it may use until it returns.</param>
    public SyncForeground(DataSet set, long records, int perSecond, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>, ValueTask> write)
    {
        _set = set;
        _records = records;
        _perSecond = perSecond;
        _write = write;
        _thread = new Thread(Run) { IsBackground = true, Name = "bench foreground" };
        _thread.Start();
    }

    /// <summary>What has been measured since the last call, and starts anew.</summary>
    public ForegroundLatency Take()
    {
        lock (_gate)
        {
            double seconds = Stopwatch.GetElapsedTime(_since).TotalSeconds;
            ForegroundLatency taken = new(
                _latencies.Count, _latencies.Count / seconds, Ms(_latencies.Percentile(50)), Ms(_latencies.Percentile(99)), Ms(_latencies.Max), Interlocked.Exchange(ref _failed, 0));
            _latencies = new LatencyHistogram();
            _since = Stopwatch.GetTimestamp();
            return taken;
        }
    }

    /// <summary>Ends the writes. May be called again.</summary>
    public void Dispose()
    {
        _stopping = true;
        _thread.Join();
    }

    private static double Ms(long nanoseconds) => nanoseconds / 1e6;

    private void Run()
    {
        long began = Stopwatch.GetTimestamp();
        long done = 0;
        while (!_stopping)
        {
            long due = (long)(Stopwatch.GetElapsedTime(began).TotalSeconds * _perSecond);
            for (; done < due && Volatile.Read(ref _outstanding) < OutstandingMax; done++)
                WriteOne();
            Thread.Sleep(1);
        }
    }

    private void WriteOne()
    {
        _set.WriteKey((long)(_random.Next() % (ulong)_records), _key);
        int length = _set.WriteValue((long)(_random.Next() % (ulong)_records), _value);
        Interlocked.Increment(ref _outstanding);
        long began = Stopwatch.GetTimestamp();
        _ = MeasureAsync(_write(_key, _value.AsMemory(0, length)), began);
    }

    private async Task MeasureAsync(ValueTask write, long began)
    {
        try
        {
            await write;
            long took = (long)(Stopwatch.GetElapsedTime(began).TotalMicroseconds * 1000);
            lock (_gate)
                _latencies.Record(took);
        }
        catch (Exception failure) when (failure is Client.GridException or IOException)
        {
            Interlocked.Increment(ref _failed);
        }
        finally
        {
            Interlocked.Decrement(ref _outstanding);
        }
    }
}
