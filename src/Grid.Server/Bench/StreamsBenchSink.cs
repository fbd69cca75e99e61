using System.Buffers.Binary;
using System.Diagnostics;
using Grid.Formats.Buffers;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace Grid.Server.Bench;

/// <summary>What a consumer has seen since it was last asked to begin.</summary>
/// <param name="Items">Items received.</param>
/// <param name="LastAt">When the last one came, on the machine's monotonic clock (<see cref="Stopwatch.GetTimestamp"/>).</param>
[GenerateSerializer, Immutable]
internal sealed record SinkCount([property: Id(0)] long Items, [property: Id(1)] long LastAt);

internal interface IStreamsBenchSink : IGrainWithStringKey
{
    /// <summary>Where the consumer lives; forgets what it has seen.</summary>
    Task<SiloAddress> BeginAsync();

    [AlwaysInterleave]
    Task<SinkCount> CountAsync();

    /// <summary>The travel times of the items seen, in ticks of the monotonic clock, sorted.</summary>
    Task<long[]> SortedTimesAsync();
}

/// <summary>Consumes the stream of either provider; items begin with the time at which they were sent.</summary>
[ImplicitStreamSubscription(Namespace)]
[RandomPlacement]
internal sealed class StreamsBenchSink(ILocalSiloDetails silo) :
    Grain, IStreamsBenchSink, IStreamSubscriptionObserver, IAsyncObserver<PooledBuffer>, IAsyncObserver<byte[]>
{
    public const string Namespace = "streams-bench";
    private const int TimesMax = 1 << 20;

    private readonly List<long> _times = [];
    private long _items;
    private long _lastAt;

    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        handleFactory.ProviderName == StreamsBenchSilo.GridProvider
            ? handleFactory.Create<PooledBuffer>().ResumeAsync(this)
            : handleFactory.Create<byte[]>().ResumeAsync(this);

    public Task<SiloAddress> BeginAsync()
    {
        _times.Clear();
        _items = 0;
        return Task.FromResult(silo.SiloAddress);
    }

    public Task<SinkCount> CountAsync() => Task.FromResult(new SinkCount(_items, _lastAt));

    public Task<long[]> SortedTimesAsync()
    {
        long[] times = [.. _times];
        Array.Sort(times);
        return Task.FromResult(times);
    }

    public Task OnNextAsync(PooledBuffer item, StreamSequenceToken? token = null)
    {
        See(item.Span);
        item.ReleaseReceived();
        return Task.CompletedTask;
    }

    public Task OnNextAsync(byte[] item, StreamSequenceToken? token = null)
    {
        See(item);
        return Task.CompletedTask;
    }

    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;

    private void See(ReadOnlySpan<byte> bytes)
    {
        _items++;
        _lastAt = Stopwatch.GetTimestamp();
        if (_times.Count < TimesMax)
            _times.Add(_lastAt - BinaryPrimitives.ReadInt64LittleEndian(bytes));
    }
}
