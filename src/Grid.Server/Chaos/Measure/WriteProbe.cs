using System.Globalization;
using System.Text;
using Grid.Client;
using Grid.Client.Routing;
using Grid.Server.Chaos.Load;

namespace Grid.Server.Chaos.Measure;

/// <summary>One write of a probe.</summary>
/// <param name="Shard">Its key's shard.</param>
/// <param name="Key">Its key.</param>
/// <param name="CallUs">When it was begun.</param>
/// <param name="ReturnUs">When it ended.</param>
/// <param name="Failure">Why it failed; null if it was acknowledged.</param>
internal readonly record struct ProbedWrite(int Shard, int Key, long CallUs, long ReturnUs, string? Failure)
{
    /// <summary>How long it took, in milliseconds.</summary>
    public double Ms => (ReturnUs - CallUs) / 1000.0;
}

/// <summary>Writes to a few keys of every shard, one write after the other on each key, and keeps how long each took.</summary>
internal sealed class WriteProbe : IAsyncDisposable
{
    private const int KeysPerShard = 2;

    private readonly CancellationTokenSource _stop = new();
    private readonly HistoryClock _clock;
    private readonly List<ProbedWrite>[] _writes;
    private readonly Task[] _writers;
    private readonly long[] _acknowledged;
    private readonly byte[][] _keys;

    /// <summary>Begins.</summary>
    /// <param name="clients">Which write, in turn.</param>
    /// <param name="shards">Shards of the cluster.</param>
    /// <param name="pause">Between two writes to a key.</param>
    /// <param name="clock">What the times are on.</param>
    public WriteProbe(IReadOnlyList<ChaosClient> clients, int shards, TimeSpan pause, HistoryClock clock)
    {
        _clock = clock;
        _keys = Spread(shards);
        _writes = [.. _keys.Select(static _ => new List<ProbedWrite>())];
        _acknowledged = new long[_keys.Length];
        _writers = [.. _keys.Select((key, i) => WriteAsync(clients[i % clients.Count].Grid.GetKeyspace("probe"), i, ShardHash.Shard(key, shards), pause, _stop.Token))];
    }

    /// <summary>Ends; all writes.</summary>
    public async Task<IReadOnlyList<ProbedWrite>> StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writers);
        return [.. _writes.SelectMany(static writes => writes)];
    }

    /// <summary>Keys on which something is there that is older than what was acknowledged; after <see cref="StopAsync"/>.</summary>
    public async Task<int> CountLostAsync(ChaosClient client)
    {
        IKeyspace keyspace = client.Grid.GetKeyspace("probe");
        int lost = 0;
        for (int i = 0; i < _keys.Length; i++)
        {
            byte[]? found = await keyspace.GetAsync(_keys[i]);
            if (found is null ? _acknowledged[i] > 0 : long.Parse(Encoding.ASCII.GetString(found), CultureInfo.InvariantCulture) < _acknowledged[i])
                lost++;
        }

        return lost;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writers);
        _stop.Dispose();
    }

    private async Task WriteAsync(IKeyspace keyspace, int i, int shard, TimeSpan pause, CancellationToken stop)
    {
        await Task.Delay(pause * (i / (double)_keys.Length), CancellationToken.None);
        for (long number = 1; !stop.IsCancellationRequested; number++)
        {
            long called = _clock.NowUs;
            string? failure = null;
            try
            {
                await keyspace.SetAsync(_keys[i], Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)), cancellationToken: CancellationToken.None);
                _acknowledged[i] = number;
            }
            catch (Exception told)
            {
                failure = $"{told.GetType().Name}: {told.Message}";
            }

            _writes[i].Add(new ProbedWrite(shard, i, called, _clock.NowUs, failure));
            await Task.Delay(pause, CancellationToken.None);
        }
    }

    /// <summary>So many keys for every shard.</summary>
    private static byte[][] Spread(int shards)
    {
        int[] left = [.. Enumerable.Repeat(KeysPerShard, shards)];
        List<byte[]> keys = [];
        for (int i = 0; keys.Count < shards * KeysPerShard; i++)
        {
            byte[] key = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"probe:{i}"));
            if (left[ShardHash.Shard(key, shards)]-- > 0)
                keys.Add(key);
        }

        return [.. keys];
    }
}
