using System.Globalization;
using System.Text;
using Grid.Client;

namespace Grid.Server.Chaos.Load;

/// <summary>
/// Many writes, too many to keep: each key has one writer, which writes growing numbers, so that whatever is read must be at least the last number that
/// was acknowledged before, and at most the last one that was tried.
/// </summary>
internal sealed class WriteFlood : IAsyncDisposable
{
    private const int Keys = 4000;
    private const int ReadEvery = 16;
    private const int WrongKept = 20;

    private readonly CancellationTokenSource _stop = new();
    private readonly long[] _acknowledged = new long[Keys];
    private readonly long[] _tried = new long[Keys];
    private readonly List<string> _wrong = [];
    private readonly Task[] _writers;
    private long _writes;
    private long _failed;

    /// <summary>Begins.</summary>
    public WriteFlood(IReadOnlyList<ChaosClient> clients, string keyspace, int rate, Durability durability)
    {
        TimeSpan period = TimeSpan.FromSeconds((double)Keys / rate);
        CallOptions options = new() { Durability = durability };
        _writers = [.. Enumerable.Range(0, Keys).Select(key => Task.Run(() => WriteAsync(clients[key % clients.Count].Grid.GetKeyspace(keyspace), key, period, options, _stop.Token)))];
    }

    /// <summary>Writes that were acknowledged.</summary>
    public long Writes => Volatile.Read(ref _writes);

    /// <summary>Writes and reads that failed, or whose outcome is not known.</summary>
    public long Failed => Volatile.Read(ref _failed);

    /// <summary>What was read and cannot be; the first of it.</summary>
    public IReadOnlyList<string> Wrong
    {
        get
        {
            lock (_wrong)
                return [.. _wrong];
        }
    }

    /// <summary>Ends the writers.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writers);
    }

    /// <summary>Reads every key once more.</summary>
    public async Task ReadAllAsync(ChaosClient client, string keyspace)
    {
        IKeyspace all = client.Grid.GetKeyspace(keyspace);
        for (int key = 0; key < Keys; key++)
            await ReadAsync(all, key);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task WriteAsync(IKeyspace keyspace, int key, TimeSpan period, CallOptions options, CancellationToken stop)
    {
        await Task.Delay(period * ((double)key / Keys), CancellationToken.None);
        while (!stop.IsCancellationRequested)
        {
            Task pause = Task.Delay(period, CancellationToken.None);
            long number = ++_tried[key];
            try
            {
                await keyspace.SetAsync(KeyOf(key), Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)), default, options, CancellationToken.None).ConfigureAwait(false);
                _acknowledged[key] = number;
                Interlocked.Increment(ref _writes);
            }
            catch (GridException)
            {
                // It counts as tried, not as acknowledged.
                Interlocked.Increment(ref _failed);
            }

            if (number % ReadEvery == 0)
                await ReadAsync(keyspace, key).ConfigureAwait(false);
            await pause.ConfigureAwait(false);
        }
    }

    private async Task ReadAsync(IKeyspace keyspace, int key)
    {
        try
        {
            byte[]? found = await keyspace.GetAsync(KeyOf(key)).ConfigureAwait(false);
            long number = found is null ? 0 : long.Parse(found, CultureInfo.InvariantCulture);
            if (number >= _acknowledged[key] && number <= _tried[key])
                return;
            lock (_wrong)
            {
                if (_wrong.Count < WrongKept)
                    _wrong.Add(string.Create(CultureInfo.InvariantCulture, $"flood:{key}: {_acknowledged[key]} was acknowledged, {_tried[key]} tried, {number} is there"));
            }
        }
        catch (GridException)
        {
            // A read that was not answered tells nothing.
            Interlocked.Increment(ref _failed);
        }
    }

    private static byte[] KeyOf(int key) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"flood:{key}"));
}
