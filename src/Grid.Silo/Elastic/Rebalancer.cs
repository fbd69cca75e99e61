using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Replication.Layout;
using Grid.Silo.Copies;
using Grid.Silo.Events;
using Grid.Silo.Grains;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Elastic;

/// <summary>
/// Carries the cluster from the layout that it has to the one that it should have, a few shards at a time. One silo leads; that two
/// believe it for a moment does no harm, since what is told to a primary is only where its copies are to be: the primary itself sees to it that
/// there are never fewer of them.
/// </summary>
internal sealed partial class Rebalancer(
    SiloMembership membership,
    SiloBook book,
    CopyHost host,
    GridSettings settings,
    IGrainFactory grains,
    EventRing events,
    Troubles troubles,
    HandOvers handOvers,
    ILogger<Rebalancer> logger) : SiloLoop
{
    private const string Looking = "rebalance";

    private static readonly TimeSpan QuickPeriod = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan IdlePeriod = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StepTime = TimeSpan.FromSeconds(10);

    /// <summary>How long silos that drain have for handing their primaries over before copies are made elsewhere all the same.</summary>
    private static readonly TimeSpan HandOversFirst = TimeSpan.FromSeconds(3);

    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly RebalancePlan _plan = new();
    private MembershipVersion _membershipSeen;
    private long _changedAtMs;
    private long _handingOverSinceMs;
    private RebalanceStatus? _status;

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    /// <summary>What it is at; null while another silo leads.</summary>
    public RebalanceStatus? Status => Volatile.Read(ref _status);

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _wake.Dispose();
    }

    /// <summary>Has it look at once.</summary>
    public void Wake()
    {
        if (_wake.CurrentCount == 0)
        {
            try
            {
                _wake.Release();
            }
            catch (SemaphoreFullException)
            {
                // Somebody else did.
                return;
            }
        }
    }

    protected override async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            bool busy = false;
            try
            {
                busy = await LookAsync();
                troubles.Works(Looking, null, "the rebalance sees the cluster again");
            }
            catch (Exception failure)
            {
                LogFailed(failure);
                troubles.Failed(Looking, EventSeverity.Warning, null, $"the rebalance cannot look at the cluster; it tries again: {failure.Message}");
            }

            await _wake.WaitAsync(busy ? QuickPeriod : IdlePeriod, stopping);
        }
    }

    /// <summary>The first of the silos that stay, by name: whoever that is knows it.</summary>
    private bool Leads(SiloMembership.View view)
    {
        string[] draining = book.Draining;
        string[] staying = [.. view.Active.Except(draining)];
        IReadOnlyList<string> candidates = staying.Length > 0 ? staying : view.Active;
        return candidates.Count > 0 && candidates[0] == membership.Local;
    }

    /// <summary>Looks at the cluster and takes the next steps.</summary>
    /// <returns>True while there is something to do.</returns>
    private async Task<bool> LookAsync()
    {
        SiloMembership.View view = membership.Current;
        long nowMs = SiloClock.Now.MonotonicMs;
        if (view.Version != _membershipSeen)
            (_membershipSeen, _changedAtMs) = (view.Version, nowMs);
        if (!Leads(view))
        {
            _plan.Forget();
            Volatile.Write(ref _status, null);
            return false;
        }

        await book.RefreshAsync();
        if (await PresentAsync(view) is not { } present)
            return true;
        if (HandsOver(present, nowMs))
            return true;
        GridOptions options = settings.Current;

        // While a silo leaves, every move beside those that it needs makes writes wait longer: the machines are busy, and so is the directory of grains.
        bool isQuiet = nowMs - _changedAtMs >= options.RebalanceDelayMs && !book.Active.Any(static silo => silo.Leaving);
        LayoutSilo[] layout = [.. book.Active.Select(facts => facts.ToLayout())];
        IReadOnlyList<(ShardPresent Shard, ShardStep Step)> steps = _plan.Next(present, options.Replicas, layout, options.Rebalance && isQuiet, options.MovesMax, nowMs);
        string state = _plan.Left > 0 ? "Moving" : !options.Rebalance ? "Paused" : isQuiet ? "Settled" : "Waiting";
        Volatile.Write(ref _status, _plan.ToStatus(host.Silo, state, nowMs));
        await Task.WhenAll(steps.Select(step => TakeAsync(step.Shard, step.Step)));
        return _plan.Left > 0 || !isQuiet;
    }

    /// <summary>
    /// True while a silo that drains has primaries that it can hand over, which it does by itself: writes wait for that, so nothing else is to burden the
    /// machines meanwhile.
    /// </summary>
    private bool HandsOver(ShardPresent[] present, long nowMs)
    {
        string[] draining = book.Draining;
        if (!present.Any(shard => draining.Contains(shard.Primary) && !shard.InSync.All(draining.Contains)))
        {
            _handingOverSinceMs = 0;
            return false;
        }

        if (_handingOverSinceMs == 0)
            _handingOverSinceMs = nowMs;
        return nowMs - _handingOverSinceMs < HandOversFirst.TotalMilliseconds;
    }

    /// <summary>A move that waited for its turn while a silo began to leave would stand in the way of that silo's own.</summary>
    private string? WhyNotNow() => _handingOverSinceMs == 0 && book.Active.Any(static silo => silo.Leaving) ? "a silo leaves, which comes first" : null;

    /// <summary>Where every shard is; null when a silo that is alive does not say.</summary>
    private async Task<ShardPresent[]?> PresentAsync(SiloMembership.View view)
    {
        ShardPresent[] present = [.. Enumerable.Range(0, settings.Current.ShardCount).Select(shard => new ShardPresent(shard, "", [], [], null, 0))];
        long[] epochs = new long[present.Length];
        foreach ((string silo, SiloPlaces? places) in view.Alive.Zip(await Task.WhenAll(view.Alive.Select(book.PlacesOfAsync))))
        {
            if (places is null)
                return null;
            foreach (PrimaryPlace place in places.Primaries.Where(place => place.Shard < present.Length && place.Epoch > epochs[place.Shard]))
            {
                epochs[place.Shard] = place.Epoch;
                present[place.Shard] = place.ToPresent(silo);
            }
        }

        return present;
    }

    private async Task TakeAsync(ShardPresent shard, ShardStep step)
    {
        IShardReplicationGrain grain = grains.GetGrain<IShardReplicationGrain>(shard.Shard);
        try
        {
            if (step.Want is { } want && await grain.WantAsync([.. want], byOperator: false).AsTask().WaitAsync(StepTime) is { } refused)
                LogNotMoved(shard.Shard, refused);
            if (step.HandOverTo is { } receiver)
            {
                LogHandsOver(shard.Shard, shard.Primary, receiver);
                if (!troubles.IsFailing(Moving(shard.Shard)))
                    events.Add(EventKind.Move, EventSeverity.Info, shard.Shard, 0, "the rebalance moves the primary", receiver);
                if (await handOvers.MoveAsync(shard.Shard, receiver, WhyNotNow) is { } problem)
                    NotMoved(shard.Shard, problem, receiver, isPutOff: WhyNotNow() is not null);
                else
                    troubles.Works(Moving(shard.Shard), shard.Shard, "the rebalance has moved the primary after all");
            }
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            NotMoved(shard.Shard, failure.Message, step.HandOverTo ?? "", isPutOff: false);
        }
    }

    private void NotMoved(int shard, string reason, string receiver, bool isPutOff)
    {
        LogNotMoved(shard, reason);
        if (!isPutOff)
            troubles.Failed(Moving(shard), EventSeverity.Warning, shard, $"the rebalance could not move the shard; it tries again: {reason}", receiver);
    }

    private static string Moving(int shard) => string.Create(CultureInfo.InvariantCulture, $"rebalance, shard {shard}");

    [LoggerMessage(Level = LogLevel.Warning, Message = "The rebalance could not look at the cluster; it tries again")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard}: its primary moves from {From} to {To}")]
    private partial void LogHandsOver(int shard, string from, string to);

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard} is not moved yet: {Reason}")]
    private partial void LogNotMoved(int shard, string reason);
}
