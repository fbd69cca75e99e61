using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Threading.Channels;
using Grid.Formats.Buffers;
using Orleans.Placement;
using Orleans.Streams;
using Orleans.Streams.Core;
using Xunit;

namespace Grid.Cluster.Tests.Streams;

internal interface ISinkGrain : IGrainWithStringKey
{
    Task<SiloAddress> WhereAsync();
}

/// <summary>What a test sees of one stream's consumer, whatever silo of this process it lives on.</summary>
internal sealed class Sink
{
    private static readonly ConcurrentDictionary<string, Sink> All = new();

    private readonly Channel<Arrival> _arrivals = Channel.CreateUnbounded<Arrival>();

    /// <summary>Called by the consumer with each item before it is taken; may wait and may throw.</summary>
    public Func<Arrival, Task>? OnItem { get; set; }

    /// <summary>Called by each new activation; may throw.</summary>
    public Func<Task>? OnActivation { get; set; }

    /// <summary>Activations of the consumer so far.</summary>
    public int Activations;

    public static Sink Of(string key) => All.GetOrAdd(key, static _ => new Sink());

    public async Task AcceptAsync(Arrival arrival)
    {
        if (OnItem is { } onItem)
            await onItem(arrival);
        Assert.True(_arrivals.Writer.TryWrite(arrival));
    }

    public async Task<Arrival> NextAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return await _arrivals.Reader.ReadAsync(limit.Token);
    }

    public async Task<List<Arrival>> TakeAsync(int count)
    {
        var arrivals = new List<Arrival>(count);
        for (int i = 0; i < count; i++)
            arrivals.Add(await NextAsync());
        return arrivals;
    }

    public int Waiting => _arrivals.Reader.Count;
}

/// <summary>One item as it arrived.</summary>
internal sealed record Arrival(long Number, int Length, bool IsIntact, SiloAddress Silo);

/// <summary>Consumes streams of pooled buffers and tells the test's <see cref="Sink"/>.</summary>
[ImplicitStreamSubscription(Namespace)]
[RandomPlacement]
internal sealed class SinkGrain(ILocalSiloDetails silo) :
    Grain, ISinkGrain, IStreamSubscriptionObserver, IAsyncObserver<PooledBuffer>
{
    public const string Namespace = "sink";

    private Sink _sink = null!;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _sink = Sink.Of(this.GetPrimaryKeyString());
        Interlocked.Increment(ref _sink.Activations);
        return _sink.OnActivation?.Invoke() ?? Task.CompletedTask;
    }

    public Task<SiloAddress> WhereAsync() => Task.FromResult(silo.SiloAddress);

    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        handleFactory.Create<PooledBuffer>().ResumeAsync(this);

    public async Task OnNextAsync(PooledBuffer item, StreamSequenceToken? token = null)
    {
        try
        {
            await _sink.AcceptAsync(Payload.Read(item.Span, silo.SiloAddress));
        }
        finally
        {
            item.ReleaseReceived();
        }
    }

    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
}

/// <summary>Items that tell their number and whether their bytes are the ones written.</summary>
internal static class Payload
{
    public static PooledBuffer Make(long number, int length = 32)
    {
        PooledBuffer item = PooledBuffer.Rent(length);
        Span<byte> bytes = item.GetSpan(length)[..length];
        for (int i = sizeof(long); i < length; i++)
            bytes[i] = (byte)(number + i * 31);
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        item.Advance(length);
        return item;
    }

    public static Arrival Read(ReadOnlySpan<byte> bytes, SiloAddress silo)
    {
        if (bytes.Length < sizeof(long))
            return new Arrival(-1, bytes.Length, false, silo);
        long number = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        bool isIntact = true;
        for (int i = sizeof(long); i < bytes.Length; i++)
            isIntact &= bytes[i] == (byte)(number + i * 31);
        return new Arrival(number, bytes.Length, isIntact, silo);
    }

    /// <summary>Whether the last reference has ended.</summary>
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
