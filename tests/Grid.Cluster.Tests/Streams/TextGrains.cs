using Orleans.Concurrency;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace Grid.Cluster.Tests.Streams;

internal interface ITextRelayGrain : IGrainWithStringKey
{
    Task SayAsync(string stream, string[] texts);
}

internal interface ITextSinkGrain : IGrainWithStringKey
{
    /// <summary>The first texts, once there are so many.</summary>
    [AlwaysInterleave]
    Task<string[]> HeardAsync(int count);
}

/// <summary>Produces a stream from within a grain.</summary>
internal sealed class TextRelayGrain : Grain, ITextRelayGrain
{
    public async Task SayAsync(string stream, string[] texts)
    {
        IAsyncStream<string> target = this.GetStreamProvider(StreamCluster.Provider).GetStream<string>(TextSinkGrain.Namespace, stream);
        foreach (string text in texts)
            await target.OnNextAsync(text);
    }
}

/// <summary>Consumes a stream of strings in batches.</summary>
[ImplicitStreamSubscription(Namespace)]
internal sealed class TextSinkGrain : Grain, ITextSinkGrain, IStreamSubscriptionObserver, IAsyncBatchObserver<string>
{
    public const string Namespace = "text";

    private readonly List<string> _heard = [];
    private readonly List<(int Count, TaskCompletionSource Reached)> _waiting = [];

    public async Task<string[]> HeardAsync(int count)
    {
        if (_heard.Count < count)
        {
            var reached = new TaskCompletionSource();
            _waiting.Add((count, reached));
            await reached.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }

        return [.. _heard.Take(count)];
    }

    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        handleFactory.Create<string>().ResumeAsync(this);

    public Task OnNextAsync(IList<SequentialItem<string>> items)
    {
        _heard.AddRange(items.Select(static i => i.Item));
        foreach ((int count, TaskCompletionSource reached) in _waiting)
        {
            if (_heard.Count >= count)
                reached.TrySetResult();
        }

        return Task.CompletedTask;
    }

    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
}
