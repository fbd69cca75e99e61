using Grid.Client.Contracts.Operator;
using Grid.Silo.Events;
using Grid.Silo.Services;

namespace Grid.Silo.Grains;

/// <content>What happened, and what the silos do: asked of all of them and laid side by side.</content>
internal sealed partial class OperatorGrain
{
    private const int EventsAskedMax = EventRing.EventsMax * 4;

    /// <inheritdoc/>
    public async Task<EventPage> GetEventsAsync(EventQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        EventQuery bounded = query with { Most = Math.Clamp(query.Most, 1, EventsAskedMax) };
        (string Silo, IReadOnlyList<ClusterEvent>? Answer)[] answers = await AskEachAsync(silo => silo.GetEventsAsync(bounded));
        ClusterEvent[] events =
        [
            .. answers
                .SelectMany(static answer => answer.Answer ?? [])
                .OrderBy(static happened => happened.Time)
                .ThenBy(static happened => happened.Silo, StringComparer.Ordinal)
                .ThenBy(static happened => happened.Number)
                .DistinctBy(static happened => Identity(happened)),
        ];
        return new EventPage { Events = [.. events.TakeLast(bounded.Most)], Silent = Silent(answers) };
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<SiloSamples>> GetSamplesAsync(DateTimeOffset? after)
    {
        (string Silo, SiloSamples? Answer)[] answers = await AskEachAsync(silo => silo.GetSamplesAsync(after));
        return [.. answers.Select(static answer => answer.Answer ?? new SiloSamples { Silo = answer.Silo, Samples = [], Answered = false })];
    }

    /// <inheritdoc/>
    public async Task<KeyspacePage> GetKeyspacesAsync(string? name)
    {
        (string Silo, IReadOnlyList<KeyspaceReport>? Answer)[] answers = await AskEachAsync(silo => silo.GetKeyspacesAsync(name));
        return new KeyspacePage { Keyspaces = KeyspaceCensus.Merge(answers.SelectMany(static answer => answer.Answer ?? [])), Silent = Silent(answers) };
    }

    /// <summary>All silos see who comes and goes: one of them is enough.</summary>
    private static (EventKind Kind, string Silo, long Number) Identity(ClusterEvent happened) =>
        happened.Kind is EventKind.SiloJoined or EventKind.SiloLeft or EventKind.SiloDead ? (happened.Kind, happened.About, 0) : (happened.Kind, happened.Silo, happened.Number);

    private static string[] Silent<T>((string Silo, T? Answer)[] answers)
        where T : class => [.. answers.Where(static answer => answer.Answer is null).Select(static answer => answer.Silo)];

    private Task<(string Silo, T? Answer)[]> AskEachAsync<T>(Func<IGridSiloService, ValueTask<T>> ask)
        where T : class => Task.WhenAll(membership.Current.Alive.Select(silo => AskOneAsync(silo, ask)));

    private async Task<(string Silo, T? Answer)> AskOneAsync<T>(string silo, Func<IGridSiloService, ValueTask<T>> ask)
        where T : class
    {
        try
        {
            return (silo, await ask(silos.At(SiloAddress.FromParsableString(silo))).AsTask().WaitAsync(AnswerTime));
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNoAnswer(silo, failure.Message);
            return (silo, null);
        }
    }
}
