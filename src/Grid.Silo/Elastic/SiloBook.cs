using System.Collections.Concurrent;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grid.Silo.Elastic;

/// <summary>
/// What is known of the silos: zone, weight, whether they drain. A silo tells the others when it changes; beside that they are asked
/// now and then.
/// </summary>
/// <remarks>Thread-safe. Bounded by the silos that are alive.</remarks>
internal sealed partial class SiloBook(
    IGridSiloServiceClient silos,
    SiloMembership membership,
    CopyHost host,
    SiloRole role,
    GridSettings settings,
    IOptions<GridZoneOptions> zone,
    ILogger<SiloBook> logger) : SiloLoop
{
    private static readonly TimeSpan AskPeriod = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan AnswerTime = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PlacesTime = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, SiloFacts> _known = new(StringComparer.Ordinal);
    private string[] _draining = [];

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    /// <summary>What this silo says of itself.</summary>
    public SiloFacts Own => new(
        host.Silo,
        zone.Value.Zone,
        settings.Current.Weight,
        role.IsDraining,
        role.Leaves,
        host.All.Count(static copy => copy.Primary is { IsDown: false }));

    /// <summary>The silos that drain, in their order; the same array until that changes.</summary>
    public string[] Draining => Volatile.Read(ref _draining);

    /// <summary>What is known of a silo that is alive; of one that has not answered yet, what it would be by default.</summary>
    public SiloFacts Of(string silo) => silo == host.Silo ? Own : _known.TryGetValue(silo, out SiloFacts facts) ? facts : new SiloFacts(silo, "", 100, false, false, 0);

    /// <summary>All silos that take part in the cluster's work.</summary>
    public SiloFacts[] Active => [.. membership.Current.Active.Select(Of)];

    /// <summary>Another silo told of itself.</summary>
    public void Note(SiloFacts facts)
    {
        _known[facts.Silo] = facts;
        Reckon();
    }

    /// <summary>Asks all silos anew.</summary>
    public async Task RefreshAsync()
    {
        IReadOnlyList<string> alive = membership.Current.Alive;
        foreach (string gone in _known.Keys.Except(alive))
            _known.TryRemove(gone, out _);
        await Task.WhenAll(alive.Where(silo => silo != host.Silo).Select(AskAsync));
        Reckon();
    }

    /// <summary>Tells all silos of this one.</summary>
    public async Task TellAsync()
    {
        Reckon();
        await Task.WhenAll(membership.Current.Alive.Where(silo => silo != host.Silo).Select(TellAsync));
    }

    /// <summary>The shards whose primaries are on a silo, and where their copies are; null when it does not say in time.</summary>
    public async Task<SiloPlaces?> PlacesOfAsync(string silo)
    {
        if (silo == host.Silo)
            return GridSiloService.Places(host);
        try
        {
            return await silos.At(SiloAddress.FromParsableString(silo)).GetPlacesAsync().AsTask().WaitAsync(PlacesTime);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNoAnswer(silo, failure.Message);
            return null;
        }
    }

    private async Task AskAsync(string silo)
    {
        try
        {
            _known[silo] = await silos.At(SiloAddress.FromParsableString(silo)).GetFactsAsync().AsTask().WaitAsync(AnswerTime);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNoAnswer(silo, failure.Message);
        }
    }

    private async Task TellAsync(string silo)
    {
        try
        {
            await silos.At(SiloAddress.FromParsableString(silo)).NoteFactsAsync(Own).AsTask().WaitAsync(AnswerTime);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNoAnswer(silo, failure.Message);
        }
    }

    private void Reckon()
    {
        string[] draining = [.. membership.Current.Alive.Where(silo => Of(silo).Draining)];
        if (!draining.SequenceEqual(Draining))
            Volatile.Write(ref _draining, draining);
    }

    protected override async Task RunAsync(CancellationToken stopping)
    {
        using PeriodicTimer timer = new(AskPeriod);
        do
            await RefreshAsync();
        while (await timer.WaitForNextTickAsync(stopping));
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Silo {Silo} does not answer about itself: {Reason}; what was known of it stays")]
    private partial void LogNoAnswer(string silo, string reason);
}
