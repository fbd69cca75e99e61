using System.Buffers.Binary;
using System.Diagnostics;
using Grid.Formats.Buffers;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime.Placement;
using Orleans.Streams;

namespace Grid.Server.Bench;

/// <summary>The measurements, made from the producing silo.</summary>
internal sealed class StreamsBenchRun
{
    /// <summary>Memory streams keep an item in blocks of 1 MiB; one that does not fit blocks its queue for good.</summary>
    private const int MemoryStreamItemBytesMax = 1 << 20;

    private readonly IGrainFactory _grains;
    private readonly SiloAddress _consumer;
    private readonly StreamsBenchOptions _options;
    private readonly TextWriter _progress;

    private StreamsBenchRun(IGrainFactory grains, SiloAddress consumer, StreamsBenchOptions options, TextWriter progress)
    {
        _grains = grains;
        _consumer = consumer;
        _options = options;
        _progress = progress;
    }

    public static async Task<StreamsBenchReport> RunAsync(
        IServiceProvider silo,
        StreamsBenchOptions options,
        TextWriter progress,
        CancellationToken cancellationToken)
    {
        SiloAddress own = silo.GetRequiredService<ILocalSiloDetails>().SiloAddress;
        SiloAddress other = (await silo.GetRequiredService<IGrainFactory>().GetGrain<IManagementGrain>(0).GetHosts(true, cancellationToken))
            .Keys.Single(s => !s.Equals(own));
        var run = new StreamsBenchRun(silo.GetRequiredService<IGrainFactory>(), other, options, progress);
        var grid = new Source<PooledBuffer>(silo, StreamsBenchSilo.GridProvider, MakePooled, int.MaxValue, long.MaxValue, long.MaxValue);
        var memory = new Source<byte[]>(
            silo,
            StreamsBenchSilo.MemoryProvider,
            MakeArray,
            MemoryStreamItemBytesMax,
            options.MemoryStreamBytesMax,
            options.MemoryStreamItemsMax);
        return new StreamsBenchReport(
            await run.MeasureAsync(grid, cancellationToken),
            await run.MeasureAsync(memory, cancellationToken));
    }

    private static PooledBuffer MakePooled(int size)
    {
        PooledBuffer item = PooledBuffer.Rent(size);
        BinaryPrimitives.WriteInt64LittleEndian(item.GetSpan(size), Stopwatch.GetTimestamp());
        item.Advance(size);
        return item;
    }

    private static byte[] MakeArray(int size)
    {
        byte[] item = GC.AllocateUninitializedArray<byte>(size);
        BinaryPrimitives.WriteInt64LittleEndian(item, Stopwatch.GetTimestamp());
        return item;
    }

    private async Task<StreamsBenchProvider> MeasureAsync<T>(Source<T> source, CancellationToken cancellationToken)
    {
        var throughputs = new List<StreamsBenchThroughput>();
        foreach (int size in _options.Sizes.Where(s => s < source.ItemBytesMax))
            throughputs.Add(await ThroughputAsync(source, size, _options.Outstanding, cancellationToken));
        throughputs.Add(await ThroughputAsync(source, _options.SmallSize, Math.Max(_options.Outstanding, 256), cancellationToken));

        var latencies = new List<StreamsBenchLatency>();
        foreach (int rate in _options.Rates)
            latencies.Add(await LatencyAsync(source, rate, cancellationToken));
        return new StreamsBenchProvider(source.Provider, throughputs, latencies);
    }

    private async Task<StreamsBenchThroughput> ThroughputAsync<T>(
        Source<T> source,
        int size,
        int outstanding,
        CancellationToken cancellationToken)
    {
        (IAsyncStream<T> stream, IStreamsBenchSink sink) = await OpenAsync(source, cancellationToken);
        long allocatedBefore = GC.GetTotalAllocatedBytes();
        long start = Stopwatch.GetTimestamp();
        long sent = 0;
        long refused = 0;
        var underWay = new Queue<Task>();
        while (Stopwatch.GetElapsedTime(start) < _options.Duration && sent * size < source.BytesMax && sent < source.ItemsMax)
        {
            cancellationToken.ThrowIfCancellationRequested();
            while (underWay.Count >= outstanding)
                await underWay.Dequeue();
            underWay.Enqueue(SendAsync());
            sent++;
        }

        await Task.WhenAll(underWay);
        SinkCount count = await WaitForAsync(sink, sent, cancellationToken);
        var result = new StreamsBenchThroughput(
            size,
            sent,
            count.Items,
            refused,
            count.Items == 0 ? 0 : Stopwatch.GetElapsedTime(start, count.LastAt).TotalSeconds,
            (GC.GetTotalAllocatedBytes() - allocatedBefore) / (double)sent);
        await _progress.WriteLineAsync(
            $"{source.Provider,-6} {size,9:N0} B  {result.MegabytesPerSecond,8:N1} MB/s  {result.ItemsPerSecond,11:N0} items/s  "
            + $"{result.Received:N0} of {sent:N0} items in {result.Seconds:N2} s, {refused:N0} refused, "
            + $"{result.AllocatedBytesPerItem:N0} B allocated per item");
        return result;

        async Task SendAsync()
        {
            T item = source.Make(size);
            while (true)
            {
                try
                {
                    await stream.OnNextAsync(item);
                    return;
                }
                catch (Exception exception) when (Source<T>.MayRepeat && exception is not OperationCanceledException)
                {
                    // Memory streams refuse items beyond their queue's size instead of holding the producer.
                    Interlocked.Increment(ref refused);
                    await Task.Delay(20, cancellationToken);
                }
            }
        }
    }

    private async Task<StreamsBenchLatency> LatencyAsync<T>(Source<T> source, int rate, CancellationToken cancellationToken)
    {
        (IAsyncStream<T> stream, IStreamsBenchSink sink) = await OpenAsync(source, cancellationToken);
        long start = Stopwatch.GetTimestamp();
        long sent = 0;
        TimeSpan elapsed;
        while ((elapsed = Stopwatch.GetElapsedTime(start)) < _options.Duration)
        {
            for (long due = (long)(elapsed.TotalSeconds * rate); sent < due; sent++)
                await stream.OnNextAsync(source.Make(_options.SmallSize));
            await Task.Delay(1, cancellationToken);
        }

        await WaitForAsync(sink, sent, cancellationToken);
        long[] times = await sink.SortedTimesAsync();
        var result = new StreamsBenchLatency(rate, times.Length, At(0.5), At(0.99));
        await _progress.WriteLineAsync(
            $"{source.Provider,-6} {rate,9:N0} items/s  p50 {result.P50Ms,8:N3} ms  p99 {result.P99Ms,8:N3} ms  ({times.Length:N0} items)");
        return result;

        double At(double part) => times.Length == 0
            ? double.NaN
            : times[(int)((times.Length - 1) * part)] * 1000.0 / Stopwatch.Frequency;
    }

    /// <summary>A fresh stream with its consumer in the other process, warmed up.</summary>
    private async Task<(IAsyncStream<T> Stream, IStreamsBenchSink Sink)> OpenAsync<T>(
        Source<T> source,
        CancellationToken cancellationToken)
    {
        (string key, IStreamsBenchSink sink) = await PlaceSinkAsync(source.Provider, cancellationToken);
        const int warmUp = 2000;
        IAsyncStream<T> stream = source.Streams.GetStream<T>(StreamId.Create(StreamsBenchSink.Namespace, key));
        for (int i = 0; i < warmUp; i++)
            await stream.OnNextAsync(source.Make(_options.SmallSize));
        SinkCount seen = await WaitForAsync(sink, warmUp, cancellationToken);
        if (seen.Items < warmUp)
            throw new TimeoutException($"Of {warmUp} items to warm up, {source.Provider} streams delivered {seen.Items}.");
        await sink.BeginAsync();
        return (stream, sink);
    }

    /// <summary>A consumer in the other process, which this one's placement may take a moment to know.</summary>
    private async Task<(string Key, IStreamsBenchSink Sink)> PlaceSinkAsync(string provider, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            string key = $"{provider}-{Guid.NewGuid():N}";
            IStreamsBenchSink sink = _grains.GetGrain<IStreamsBenchSink>(key);
            RequestContext.Set(IPlacementDirector.PlacementHintKey, _consumer);
            SiloAddress placed = await sink.BeginAsync();
            RequestContext.Clear();
            if (placed.Equals(_consumer))
                return (key, sink);
            if (Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(20))
                throw new TimeoutException($"Consumers come to life on {placed} instead of {_consumer}.");
            await Task.Delay(100, cancellationToken);
        }
    }

    /// <summary>Waits until the consumer has seen so many items, or has seen none for too long.</summary>
    private async Task<SinkCount> WaitForAsync(IStreamsBenchSink sink, long items, CancellationToken cancellationToken)
    {
        long movedAt = Stopwatch.GetTimestamp();
        SinkCount last = await sink.CountAsync();
        while (last.Items < items && Stopwatch.GetElapsedTime(movedAt) < _options.StallLimit)
        {
            await Task.Delay(10, cancellationToken);
            SinkCount now = await sink.CountAsync();
            if (now.Items != last.Items)
                movedAt = Stopwatch.GetTimestamp();
            last = now;
        }

        return last;
    }

    /// <summary>One provider with items of its kind.</summary>
    private sealed class Source<T>(
        IServiceProvider silo,
        string provider,
        Func<int, T> make,
        int itemBytesMax,
        long bytesMax,
        long itemsMax)
    {
        public string Provider => provider;

        public IStreamProvider Streams { get; } = silo.GetRequiredKeyedService<IStreamProvider>(provider);

        /// <summary>Items must be smaller than this.</summary>
        public int ItemBytesMax => itemBytesMax;

        public long BytesMax => bytesMax;

        public long ItemsMax => itemsMax;

        /// <summary>Whether a refused item still exists: pooled buffers are handed over with the call.</summary>
        public static bool MayRepeat => typeof(T) != typeof(PooledBuffer);

        public T Make(int size) => make(size);
    }
}
