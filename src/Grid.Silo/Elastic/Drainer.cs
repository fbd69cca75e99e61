using Grid.Client.Contracts.Operator;
using Grid.Silo.Copies;
using Grid.Silo.Events;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Elastic;

/// <summary>
/// Empties this silo before it stops, or because an operator wants it: hands its primaries over, then waits until the copies that it
/// has are not needed any more. Making them elsewhere is the rebalance's work, which takes a draining silo for one that holds nothing.
/// </summary>
internal sealed partial class Drainer(
    SiloMembership membership,
    SiloBook book,
    SiloRole role,
    CopyHost host,
    GridSettings settings,
    HandOvers handOvers,
    Rebalancer rebalancer,
    EventRing events,
    ILogger<Drainer> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    /// <summary>Before everything else of the silo stops.</summary>
    private const int Stage = ServiceLifecycleStage.Active + 1;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _enough = new();

    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(nameof(Drainer), Stage, static _ => Task.CompletedTask, LeaveAsync);

    public void Dispose() => _enough.Dispose();

    /// <summary>From now on the silo is on its way out: not ready, and no target for anything.</summary>
    public void Leave() => role.Leave();

    /// <summary>Somebody does not want to wait any longer: the silo stops with what it has.</summary>
    public void EndWait() => _enough.Cancel();

    /// <summary>An operator's word.</summary>
    /// <returns>Why not; null when it is so.</returns>
    public async Task<string?> SetByHandAsync(bool draining)
    {
        if (role.Leaves)
            return draining ? null : $"silo {host.Silo} is about to stop";
        role.DrainsByHand = draining;
        LogByHand(draining);
        events.Add(EventKind.Drain, EventSeverity.Info, draining ? "an operator wants this silo to hold nothing" : "an operator lets this silo take part again");
        await book.TellAsync();
        rebalancer.Wake();
        if (draining)
            _ = Task.Run(() => EmptyAsync(() => role.DrainsByHand, _enough.Token), CancellationToken.None);
        return null;
    }

    /// <summary>The silo stops.</summary>
    private async Task LeaveAsync(CancellationToken cancellation)
    {
        role.Leave();
        await DrainAsync(cancellation);
        role.End();
    }

    private async Task DrainAsync(CancellationToken cancellation)
    {
        int limitMs = settings.Current.DrainMs;
        if (limitMs == 0 || cancellation.IsCancellationRequested || host.All.All(copy => copy.Copy.State == Replication.Copies.CopyState.Empty))
            return;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _enough.Token);
        limit.CancelAfter(limitMs);
        int copies = host.All.Count();
        LogLeaving(copies, limitMs);
        events.Add(EventKind.Drain, EventSeverity.Info, $"the silo stops: it hands over what it has, {copies} copies");
        await book.TellAsync();
        rebalancer.Wake();
        if (await EmptyAsync(static () => true, limit.Token) is not { } left)
        {
            LogUnknown();
            events.Add(EventKind.Drain, EventSeverity.Warning, "the silo leaves without knowing where else its shards are");
            return;
        }

        ShardCover[] thin = [.. left.Where(shard => shard.Elsewhere < shard.Wanted)];
        if (thin.Length == 0)
        {
            LogEmpty();
            events.Add(EventKind.Drain, EventSeverity.Info, "all that the silo had is elsewhere");
        }
        else
        {
            events.Add(EventKind.Drain, EventSeverity.Warning, $"the silo leaves {thin.Length} shards with fewer copies than are wanted");
            LogLeftThin(thin.Length, string.Join(", ", thin.Take(16).Select(shard => $"{shard.Shard} ({shard.Elsewhere} of {shard.Wanted})")) + (thin.Length > 16 ? " ..." : ""));
        }
    }

    /// <summary>Until nothing is needed here any more, the caller does not want it any more, or the time is over.</summary>
    /// <returns>The shards that the silo has a copy of, and how many others there are of each; null if that could not be found out.</returns>
    private async Task<IReadOnlyList<ShardCover>?> EmptyAsync(Func<bool> isWanted, CancellationToken enough)
    {
        IReadOnlyList<ShardCover>? left = null;
        while (true)
        {
            try
            {
                await book.RefreshAsync();
                await HandOverAsync();
                left = await CoverAsync();
            }
            catch (Exception failure) when (failure is OrleansException or TimeoutException)
            {
                LogFailed(failure);
            }

            if (enough.IsCancellationRequested || !isWanted() || (left is not null && left.All(static shard => shard.IsCovered) && !HasPrimaries()))
                return left;
            await Task.Delay(Pause, enough).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool HasPrimaries() => Targets().Length > 0 && host.All.Any(copy => copy.Primary is { IsDown: false } primary && ReceiversOf(copy, primary).Length > 0);

    /// <summary>The silos that stay.</summary>
    private string[] Targets()
    {
        string[] draining = book.Draining;
        return [.. membership.Current.Active.Where(silo => silo != host.Silo && !draining.Contains(silo))];
    }

    private string[] ReceiversOf(HostedCopy hosted, Replication.Primary.ShardPrimary primary)
    {
        string[] targets = Targets();
        return hosted.Use(_ => primary.Record.Members.Select(member => member.Silo).Where(targets.Contains).ToArray());
    }

    /// <summary>Hands over what can be handed over now: to the silo with the fewest primaries for its weight.</summary>
    private async Task HandOverAsync()
    {
        Dictionary<string, double> load = Targets().Select(book.Of).ToDictionary(facts => facts.Silo, facts => facts.Primaries / (double)facts.Weight);
        List<(int Shard, string To)> moves = [];
        foreach (HostedCopy hosted in host.All.OrderBy(hosted => hosted.Shard))
        {
            if (hosted.Primary is not { IsDown: false } primary)
                continue;
            string[] receivers = ReceiversOf(hosted, primary);
            if (receivers.Length == 0)
                continue;
            string receiver = receivers.MinBy(silo => (load.GetValueOrDefault(silo), silo))!;
            load[receiver] = load.GetValueOrDefault(receiver) + (1.0 / book.Of(receiver).Weight);
            moves.Add((hosted.Shard, receiver));
        }

        await Task.WhenAll(moves.Select(async move =>
        {
            if (await handOvers.MoveAsync(move.Shard, move.To) is { } problem)
                LogNotHandedOver(move.Shard, move.To, problem);
        }));
    }

    /// <summary>Of each shard with a copy here: how many in-sync copies there are on silos that stay.</summary>
    private async Task<IReadOnlyList<ShardCover>> CoverAsync()
    {
        string[] targets = Targets();
        int wanted = settings.Current.Replicas + 1;
        int reachable = Math.Min(wanted, targets.Length);
        Dictionary<int, string[]> inSync = [];
        foreach (SiloPlaces? places in await Task.WhenAll(membership.Current.Alive.Select(book.PlacesOfAsync)))
        {
            foreach (PrimaryPlace place in places?.Primaries ?? [])
                inSync[place.Shard] = place.InSync;
        }

        return [.. host.All
            .Where(static copy => copy.Copy.State != Replication.Copies.CopyState.Empty)
            .Select(copy => inSync.GetValueOrDefault(copy.Shard, []).Count(targets.Contains) is var elsewhere ? new ShardCover(copy.Shard, elsewhere, wanted, elsewhere >= reachable) : default)
            .OrderBy(static shard => shard.Shard)];
    }

    private readonly record struct ShardCover(int Shard, int Elsewhere, int Wanted, bool IsCovered);

    [LoggerMessage(Level = LogLevel.Information, Message = "An operator says whether this silo is to hold nothing: {Draining}")]
    private partial void LogByHand(bool draining);

    [LoggerMessage(Level = LogLevel.Information, Message = "The silo leaves: it hands its shards over, of which it has {Copies} copies, and waits up to {LimitMs} ms until they are elsewhere")]
    private partial void LogLeaving(int copies, int limitMs);

    [LoggerMessage(Level = LogLevel.Information, Message = "All that the silo had is elsewhere")]
    private partial void LogEmpty();

    [LoggerMessage(Level = LogLevel.Warning, Message = "The silo leaves {Shards} shards with fewer copies than are wanted: {Which}")]
    private partial void LogLeftThin(int shards, string which);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The silo leaves without knowing where else its shards are: the other silos did not say")]
    private partial void LogUnknown();

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard} is not on silo {Silo} yet: {Reason}")]
    private partial void LogNotHandedOver(int shard, string silo, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The silo could not look where its shards are; it tries again")]
    private partial void LogFailed(Exception failure);
}
