using System.Globalization;
using Grid.Server.Chaos.Histories;

namespace Grid.Server.Chaos.Load;

/// <summary>The load of a round: many callers over several clients, each recorded.</summary>
internal sealed class MixedLoad : IAsyncDisposable
{
    private const int LastReaders = 64;

    private readonly CancellationTokenSource _stop = new();
    private readonly List<CallRecorder> _recorders = [];
    private readonly HistoryClock _clock;
    private readonly Task[] _callers;

    /// <summary>Begins.</summary>
    public MixedLoad(IReadOnlyList<ChaosClient> clients, string keyspace, ChaosOptions options, RoundPlan plan, HistoryClock clock)
    {
        _clock = clock;
        int callers = clients.Count * options.Outstanding;
        TimeSpan period = TimeSpan.FromSeconds((double)callers / options.Rate);
        _callers = new Task[callers];
        for (int i = 0; i < callers; i++)
        {
            CallRecorder recorder = new(i, clock);
            _recorders.Add(recorder);
            MixedCaller caller = new(
                clients[i % clients.Count].Grid.GetKeyspace(keyspace), string.Create(CultureInfo.InvariantCulture, $"{i}"), options.Keys, unchecked((plan.Seed * 7919) + i), recorder, plan.Durability);
            _callers[i] = RunAsync(caller, period, new Random(i), _stop.Token);
        }
    }

    /// <summary>Calls that ended so far, roughly.</summary>
    public int Count => _recorders.Sum(static recorder => recorder.Operations.Count);

    /// <summary>Failures that the client's contract does not know.</summary>
    public IReadOnlyList<string> Unexpected => [.. _recorders.SelectMany(static recorder => recorder.Unexpected).Distinct()];

    /// <summary>Ends the callers, each after the call that it has under way.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_callers);
    }

    /// <summary>Reads every key once more, now that nobody writes; what is read is part of the history.</summary>
    public async Task<IReadOnlyList<HistoryOperation>> ReadAllAsync(ChaosClient client, string keyspace, int keys)
    {
        // Side by side: each key of a shard that is lost costs its reader the whole time-out.
        CallRecorder[] recorders = [.. Enumerable.Range(_recorders.Count, Math.Min(keys, LastReaders)).Select(number => new CallRecorder(number, _clock))];
        _recorders.AddRange(recorders);
        await Task.WhenAll(recorders.Select(async (recorder, first) =>
        {
            MixedCaller reader = new(client.Grid.GetKeyspace(keyspace), "", keys, 0, recorder);
            for (int key = first; key < keys; key += recorders.Length)
                await reader.ReadAsync(key);
        }));
        return [.. recorders.SelectMany(static recorder => recorder.Operations)];
    }

    /// <summary>Everything that was recorded; after <see cref="StopAsync"/>.</summary>
    public History History() => new(_clock.OriginUnixMs, [.. _recorders.SelectMany(static recorder => recorder.Operations)]);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private static async Task RunAsync(MixedCaller caller, TimeSpan period, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            Task pause = Task.Delay(period * (2 * random.NextDouble()), CancellationToken.None);
            await caller.CallAsync().ConfigureAwait(false);
            await pause.ConfigureAwait(false);
        }
    }
}
