using System.CommandLine;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Entries;
using Grid.Server.Terminals;
using Spectre.Console;

namespace Grid.Server.Status;

/// <summary><c>grid events</c>: what happened lately, on all silos.</summary>
internal static class EventsVerb
{
    private const int MostMax = 4096;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>While following, this much is asked for again: clocks differ, and a silo may have been silent.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(10);

    public static Command Create()
    {
        Option<bool> follow = new("--follow", "-f") { Description = "Go on with what happens, until Ctrl-C." };
        Option<bool> json = new("--json") { Description = "An object a line." };
        Option<int?> shard = new("--shard") { Description = "Only events of this shard.", HelpName = "N" };
        Option<TimeSpan?> since = new("--since") { Description = "Only what happened since so long ago: 30s, 10m, 2h.", HelpName = "TIME", CustomParser = TimeText.Parse };
        Option<int> most = new("--most") { Description = "The newest so many, at most 4096.", HelpName = "COUNT", DefaultValueFactory = static _ => 100 };
        most.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(most) is not (>= 1 and <= MostMax))
                result.AddError($"--most is 1 to {MostMax}.");
        });
        ConnectOptions connect = new();
        Command events = new("events", "Shows what happened lately: failovers, hand-overs, syncs, in-sync changes, silos that came and went, errors. Each silo keeps its last 1024 events in memory.") { follow, json, shard, since, most };
        connect.AddTo(events);
        events.SetAction(async (parsed, cancellation) =>
        {
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            EventQuery query = new()
            {
                After = parsed.GetValue(since) is { } age ? DateTimeOffset.UtcNow - age : null,
                Shard = parsed.GetValue(shard),
                Most = parsed.GetValue(most),
            };
            ClusterStatus status = await cluster.Operator.AskStatusAsync(cancellation);
            if (query.Shard is { } number && (number < 0 || number >= status.Shards.Count))
                throw new CommandException(ExitCode.Usage, $"'{number}' is no shard: 0 to {status.Shards.Count - 1}.");
            EventPrinter printer = new(status.Silos, parsed.GetValue(json));
            DateTimeOffset newest = printer.Print(await cluster.Operator.GetEventsAsync(query));
            if (parsed.GetValue(follow))
                await FollowAsync(cluster.Operator, query, newest, printer, cancellation);
            return ExitCode.Done;
        });
        return events;
    }

    private static async Task FollowAsync(IGridOperatorGrain grid, EventQuery query, DateTimeOffset newest, EventPrinter printer, CancellationToken cancellation)
    {
        DateTimeOffset began = query.After ?? DateTimeOffset.MinValue;
        using PeriodicTimer timer = new(Period);
        while (await StatusVerb.TickAsync(timer, cancellation))
        {
            DateTimeOffset from = newest == default ? began : newest - Overlap;
            DateTimeOffset last = printer.Print(await grid.GetEventsAsync(query with { After = from > began ? from : began == DateTimeOffset.MinValue ? null : began, Most = MostMax }));
            newest = last > newest ? last : newest;
        }
    }
}

/// <summary>Writes events, each once.</summary>
internal sealed class EventPrinter(IReadOnlyList<Client.Contracts.Operator.SiloStatus> silos, bool json)
{
    private const int RememberedMax = 16_384;

    private readonly Dictionary<string, string> _names = silos.ToDictionary(static silo => silo.Address, static silo => silo.Name);
    private readonly Queue<(string, long)> _order = new();
    private readonly HashSet<(string, long)> _printed = [];
    private readonly HashSet<string> _silent = [];

    /// <summary>Writes those that were not written before.</summary>
    /// <returns>When the newest happened.</returns>
    public DateTimeOffset Print(EventPage page)
    {
        foreach (string silo in page.Silent.Where(_silent.Add))
            Terminal.Note($"silo {NameOf(silo)} does not answer: its events are missing");
        _silent.IntersectWith(page.Silent);
        foreach (ClusterEvent happened in page.Events)
        {
            if (!_printed.Add((happened.Silo, happened.Number)))
                continue;
            _order.Enqueue((happened.Silo, happened.Number));
            if (_order.Count > RememberedMax)
                _printed.Remove(_order.Dequeue());
            if (happened.AboutName.Length > 0)
                _names[happened.About] = happened.AboutName;
            if (json)
                Terminal.WriteJson(EventLine.Of(happened, NameOf(happened.Silo)), oneLine: true);
            else
                Terminal.Out.MarkupLine(Line(happened));
        }

        return page.Events.Count > 0 ? page.Events[^1].Time : default;
    }

    /// <summary>An event in one line, as markup.</summary>
    /// <param name="happened">The event.</param>
    /// <param name="width">Characters at the most: what does not fit is cut.</param>
    public string Line(ClusterEvent happened, int width = int.MaxValue)
    {
        string color = happened.Severity switch { EventSeverity.Error => "red", EventSeverity.Warning => "yellow", _ => "default" };
        string shard = happened.Shard is { } number ? $"shard {number.ToString(CultureInfo.InvariantCulture)} " : "";
        string about = happened.About.Length > 0 && happened.About != happened.Silo && happened.AboutName.Length == 0 ? $" (about {NameOf(happened.About)})" : "";
        string head = $"{happened.Time.ToLocalTime():HH:mm:ss.fff} ";
        string kind = $"{happened.Severity,-7} {happened.Kind,-14}";
        string text = $"{NameOf(happened.Silo)}: {shard}{SiloNames.InText(happened.Text, NameOf)}{about}";
        int left = Math.Max(1, width - head.Length - kind.Length - 1);
        return $"{head}[{color}]{kind}[/] {Markup.Escape(text.Length <= left ? text : string.Concat(text.AsSpan(0, left - 1), "…"))}";
    }

    private string NameOf(string silo) => _names.GetValueOrDefault(silo, silo.Split('@')[0]);
}

/// <summary>An event as JSON.</summary>
internal sealed record EventLine(DateTimeOffset Time, string Silo, string Name, long Number, string Kind, string Severity, int? Shard, long Epoch, string About, string Text)
{
    public static EventLine Of(ClusterEvent happened, string name) => new(
        happened.Time, happened.Silo, name, happened.Number, happened.Kind.ToString(), happened.Severity.ToString(), happened.Shard, happened.Epoch, happened.About, happened.Text);
}
