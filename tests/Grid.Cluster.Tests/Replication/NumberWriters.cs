using System.Collections.Concurrent;
using System.Globalization;
using Grid.Formats.Operations;
using Xunit;

namespace Grid.Cluster.Tests.Replication;

/// <summary>
/// Clients that write growing numbers, each to a key of its own; a number counts only once it was acknowledged. Each looks at what is there before it writes: its
/// next number would hide that the last one was lost.
/// </summary>
internal sealed class NumberWriters : IAsyncDisposable
{
    private readonly GridCluster _cluster;
    private readonly CancellationTokenSource _stop = new();
    private readonly long[] _acknowledged;
    private readonly Task[] _writers;
    private readonly string _padding;
    private readonly ConcurrentQueue<string> _losses = new();

    /// <param name="cluster">Where they write.</param>
    /// <param name="keys">One writer each.</param>
    /// <param name="padding">Characters behind each number: with enough of them what replicates it is packed.</param>
    public NumberWriters(GridCluster cluster, int keys, int padding = 0)
    {
        _cluster = cluster;
        _padding = new string('.', padding);
        _acknowledged = new long[keys];
        _writers = [.. Enumerable.Range(0, keys).Select(key => WriteAsync(key, _stop.Token))];
    }

    /// <summary>Writes acknowledged.</summary>
    public long Acknowledged => Enumerable.Range(0, _acknowledged.Length).Sum(key => Volatile.Read(ref _acknowledged[key]));

    /// <summary>Ends the writing, and finds in the grid everything that was acknowledged.</summary>
    public async Task StopAndFindAllAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writers);
        RawClient client = new(_cluster.Client, _cluster.Shards);
        for (int key = 0; key < _acknowledged.Length; key++)
            Compare(key, await client.GetAsync(key));
        Assert.Empty(_losses);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writers);
        _stop.Dispose();
    }

    private void Compare(int key, string? value)
    {
        long found = long.Parse(value?.TrimEnd('.') ?? "0", CultureInfo.InvariantCulture);
        if (found < _acknowledged[key])
            _losses.Enqueue($"key {key}: {_acknowledged[key]} was acknowledged, {found} is there");
    }

    private async Task WriteAsync(int key, CancellationToken stop)
    {
        RawClient client = new(_cluster.Client, _cluster.Shards, RawClient.ShortPatience);
        for (long number = 1; !stop.IsCancellationRequested; number++)
        {
            try
            {
                (BatchStatus read, string? value) = await client.TryGetAsync(key);
                if (read == BatchStatus.Ok)
                    Compare(key, value);
                if (await client.SetAsync(key, string.Create(CultureInfo.InvariantCulture, $"{number}{_padding}")) == (BatchStatus.Ok, OperationStatus.Ok))
                {
                    Volatile.Write(ref _acknowledged[key], number);
                    continue;
                }
            }
            catch (Exception failure) when (failure is OrleansException or TimeoutException)
            {
                // What became of it is not known: it does not count.
            }

            await Task.Delay(10, CancellationToken.None);
        }
    }
}
