using Grid.Client.Bundles;
using Grid.Client.Contracts;
using Grid.Client.Pipelines;
using Grid.Formats.Buffers;

namespace Grid.Client.Hosting;

/// <summary>
/// The way from a client of the cluster to the shards: bundles through the fronts of the silos, plain grain calls where no front
/// is known. Looks for fronts in the background, while it is used.
/// </summary>
/// <remarks>
/// Orleans sends a front's key to a gateway of its own choice and then keeps to it, so keys are tried until each silo that has a
/// gateway has one. Shards on other silos go through any front, which passes them on.
/// </remarks>
internal sealed class FrontTransport : IGridTransport
{
    private const int KeysMax = 256;
    private const int KeysPerLook = 4;
    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookTimeout = TimeSpan.FromMilliseconds(500);

    private readonly IGrainFactory _grains;
    private readonly OrleansTransport _plain;
    private readonly BundlingTransport _bundling;
    private readonly BundleSettings _settings;
    private readonly IWorkQueue _work;
    private readonly MonotonicClock _clock;
    private readonly CancellationTokenSource _closing = new();
    private readonly GatewayAlarm _alarm;
    private readonly Dictionary<string, Front> _fronts = [];
    private int _nextKey;
    private bool _complete;
    private int _looking;
    private bool _used;

    public FrontTransport(IGrainFactory grains, BundleSettings settings, IWorkQueue work, TimeProvider time, GatewayAlarm? alarm = null)
    {
        _alarm = alarm ?? new GatewayAlarm();
        _grains = grains;
        _settings = settings;
        _work = work;
        _clock = new MonotonicClock(time);
        _plain = new OrleansTransport(grains);
        _bundling = new BundlingTransport(_plain, throughOthers: true);
    }

    /// <summary>A silo's front, by the key that leads there.</summary>
    private sealed record Front(int Key, BundleRoute Route);

    public ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request)
    {
        if (!Volatile.Read(ref _used))
            Volatile.Write(ref _used, true);
        return _bundling.ExecuteAsync(shard, request);
    }

    public async ValueTask<ClusterInfo> GetAsync()
    {
        ClusterInfo info = await _plain.GetAsync().ConfigureAwait(false);
        if (_settings.UnderWayMax > 0 && Interlocked.Exchange(ref _looking, 1) == 0)
            _ = KeepLookingAsync(_closing.Token);
        return info;
    }

    public void Dispose()
    {
        _closing.Cancel();
        _closing.Dispose();
    }

    private async Task KeepLookingAsync(CancellationToken closing)
    {
        try
        {
            while (!closing.IsCancellationRequested)
            {
                Task lost = _alarm.NextLoss;
                await LookAsync().ConfigureAwait(false);
                do
                    await WaitAsync(lost, closing).ConfigureAwait(false);
                while (!lost.IsCompleted && !Volatile.Read(ref _used));
                Volatile.Write(ref _used, false);
            }
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested)
        {
            // The client is closed.
            _bundling.Routes = [];
        }
    }

    /// <summary>Until the next look is due: from time to time, and at once when the connection to a gateway broke.</summary>
    private async Task WaitAsync(Task lost, CancellationToken closing)
    {
        using CancellationTokenSource over = CancellationTokenSource.CreateLinkedTokenSource(closing);
        await Task.WhenAny(lost, Task.Delay(LookPeriod, _clock.Time, over.Token)).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        closing.ThrowIfCancellationRequested();
    }

    /// <summary>Asks the known fronts anew, and some keys more while there are silos without one.</summary>
    private async Task LookAsync()
    {
        List<int> keys = [.. _fronts.Values.Select(static front => front.Key)];
        for (int i = 0; i < KeysPerLook && _nextKey < KeysMax && !_complete; i++)
            keys.Add(_nextKey++);
        (int Key, FrontInfo? Info)[] answers = await Task.WhenAll(keys.Select(AskAsync)).ConfigureAwait(false);
        FrontInfo? newest = null;
        HashSet<string> heard = [];
        foreach ((int key, FrontInfo? info) in answers)
        {
            if (info is null)
                continue;
            newest = info;
            if (!heard.Add(info.Silo))
                continue;
            if (_fronts.TryGetValue(info.Silo, out Front? front) && front.Key == key && !front.Route.IsBroken)
                continue;
            front?.Route.Abandon("another way to the silo was found");
            _fronts[info.Silo] = new Front(key, MakeRoute(key));
        }

        foreach (string silo in _fronts.Keys.Where(silo => !heard.Contains(silo)).ToArray())
        {
            _fronts.Remove(silo, out Front? gone);
            gone!.Route.Abandon("the silo's front does not answer any more");
        }

        _complete = newest is not null && newest.Silos.All(_fronts.ContainsKey);
        if (_fronts.Count == 0)
            _nextKey = 0;
        _bundling.Routes = newest is null ? [] : RoutesBy(newest);
    }

    private async Task<(int Key, FrontInfo? Info)> AskAsync(int key)
    {
        try
        {
            return (key, await _grains.GetGrain<IFrontGrain>(key).DescribeAsync().AsTask().WaitAsync(LookTimeout, _clock.Time).ConfigureAwait(false));
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            // No front behind that key now: plain grain calls do without, and it is looked for again.
            return (key, null);
        }
    }

    /// <summary>What waits in a route that breaks goes through another front: of a plain call that a gateway forwarded to a silo that then died nothing is heard.</summary>
    private BundleRoute MakeRoute(int key) =>
        new(new GrainCarrier(_grains.GetGrain<IFrontGrain>(key)), _bundling, _settings, _work, _clock);

    private BundleRoute?[] RoutesBy(FrontInfo info)
    {
        BundleRoute[] all = [.. _fronts.OrderBy(static front => front.Key, StringComparer.Ordinal).Select(static front => front.Value.Route)];
        return [.. info.SiloOfShard.Select((silo, shard) =>
            (uint)silo < (uint)info.Silos.Length && _fronts.TryGetValue(info.Silos[silo], out Front? direct)
                ? direct.Route
                : all.Length == 0 ? null : all[shard % all.Length])];
    }

    private sealed class GrainCarrier(IFrontGrain front) : IBundleCarrier
    {
        public ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle) => front.ExecuteAsync(bundle);

        public ValueTask<BatchBundle> CollectAsync(long ticket) => front.CollectAsync(ticket);
    }
}
