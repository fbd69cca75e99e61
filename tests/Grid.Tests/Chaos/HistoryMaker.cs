using Grid.Formats.Mutations;
using Grid.Formats.Operations;
using Grid.Server.Chaos.Histories;
using Grid.Tests.Simulation;

namespace Grid.Tests.Chaos;

/// <summary>What histories are made like.</summary>
internal sealed record HistoryMix
{
    public int Operations { get; init; } = 7;

    public int Clients { get; init; } = 3;

    /// <summary>Values to choose from; 0 = each write has a value of its own.</summary>
    public int Values { get; init; } = 3;

    /// <summary>What is done, each action as often as it is named.</summary>
    public string Actions { get; init; } = "get get get exists set set set set delete delete expire increment increment";

    /// <summary>Share of operations of which nothing is heard.</summary>
    public double Unknown { get; init; } = 0.2;

    /// <summary>Share of answers that show a version, where the grid has one to show.</summary>
    public double ShowsVersion { get; init; } = 0.7;

    /// <summary>Share of writes with a time to live.</summary>
    public double Expires { get; init; }
}

/// <summary>
/// Makes histories with a true register: every operation takes place at one moment between its call and its return (or later, or never,
/// if its outcome is unknown).
/// </summary>
internal sealed class HistoryMaker(SimRandom random, HistoryMix mix)
{
    private readonly string[] _actions = mix.Actions.Split(' ');
    private readonly List<ulong> _versions = [0x9999];
    private (string Value, ulong Version, long ExpiresAtMs)? _entry;
    private long _offset;
    private long _epoch = 1;

    public History Make()
    {
        List<(long AtUs, HistoryOperation Asked)> moments = [];
        long[] free = new long[mix.Clients];
        for (int i = 0; i < mix.Operations; i++)
        {
            int client = random.Below(mix.Clients);
            long call = free[client] + random.Between(0, 2000), at = call + random.Between(1, 1500), back = at + random.Between(1, 1500);
            free[client] = back;
            HistoryOperation asked = Invent(client, call, i);
            if (!random.Chance(mix.Unknown))
                moments.Add((at, asked with { ReturnUs = back }));
            else if (random.Chance(0.7))
                moments.Add((call + random.Between(1, random.Chance(0.5) ? 1500 : 20_000), asked));
            else
                moments.Add((long.MaxValue, asked));
        }

        return new History(KeyHistory.OriginUnixMs, [.. moments.OrderBy(moment => moment.AtUs).Select(moment => moment.AtUs == long.MaxValue ? moment.Asked : Take(moment.Asked, moment.AtUs))]);
    }

    private HistoryOperation Invent(int client, long call, int i)
    {
        string name = random.Pick(_actions);
        HistoryAction action = Enum.GetValues<HistoryAction>().First(action => HistoryText.NameOf(action) == name);
        bool conditional = random.Chance(0.4);
        WriteCondition condition = !conditional ? WriteCondition.None
            : action == HistoryAction.Set ? (WriteCondition)random.Between(1, 3)
            : action == HistoryAction.Delete ? WriteCondition.IfVersion : WriteCondition.None;
        return new HistoryOperation
        {
            Client = client,
            CallUs = call,
            Keyspace = "ks",
            Key = "k",
            Action = action,
            Value = action != HistoryAction.Set ? "" : mix.Values == 0 ? $"v{i}" : random.Below(mix.Values) is var value && value == 0 ? "x" : $"{value}",
            Condition = condition,
            IfVersion = condition == WriteCondition.IfVersion ? random.Pick(_versions[^Math.Min(3, _versions.Count)..]) : 0,
            KeepsExpiry = mix.Expires > 0 && random.Chance(0.3) && action is HistoryAction.Set or HistoryAction.Increment,
            TimeToLiveMs = random.Chance(mix.Expires) && action is HistoryAction.Set or HistoryAction.Increment or HistoryAction.Expire ? random.Between(1, 8) : 0,
            Delta = action == HistoryAction.Increment ? random.Between(1, 2) : 0,
            Outcome = HistoryOutcome.Unknown,
        };
    }

    /// <summary>The operation takes place.</summary>
    private HistoryOperation Take(HistoryOperation asked, long atUs)
    {
        long nowMs = KeyHistory.OriginUnixMs + (atUs / 1000);
        if (_entry is { ExpiresAtMs: > 0 } old && old.ExpiresAtMs <= nowMs)
            _entry = null;
        (string Value, ulong Version, long ExpiresAtMs)? found = _entry;
        bool holds = asked.Condition switch
        {
            WriteCondition.None => true,
            WriteCondition.IfAbsent => found is null,
            WriteCondition.IfPresent => found is not null,
            _ => found?.Version == asked.IfVersion,
        };
        HistoryOutcome outcome = HistoryOutcome.Done;
        long? number = null;
        switch (asked.Action)
        {
            case HistoryAction.Set when holds:
                Write(asked.Value, asked.KeepsExpiry && asked.TimeToLiveMs == 0 ? found?.ExpiresAtMs ?? 0 : Expiry(asked, nowMs));
                break;
            case HistoryAction.Set:
                outcome = HistoryOutcome.Failed;
                break;
            case HistoryAction.Delete when found is not null && holds:
                _entry = null;
                break;
            case HistoryAction.Delete:
                outcome = found is null && asked.Condition == WriteCondition.None ? HistoryOutcome.Absent : HistoryOutcome.Failed;
                break;
            case HistoryAction.Increment when found is { } entry && !long.TryParse(entry.Value, out _):
                outcome = HistoryOutcome.NotANumber;
                break;
            case HistoryAction.Increment:
                number = (found is { } counter ? long.Parse(counter.Value) : 0) + asked.Delta;
                Write($"{number}", asked.KeepsExpiry && found is not null ? found.Value.ExpiresAtMs : Expiry(asked, nowMs));
                break;
            case HistoryAction.Expire when found is { } touched:
                Write(touched.Value, Expiry(asked, nowMs));
                break;
            default:
                outcome = found is null ? HistoryOutcome.Absent : HistoryOutcome.Done;
                break;
        }

        return asked.ReturnUs is null ? asked : Show(asked with { Outcome = outcome, Number = number }, outcome == HistoryOutcome.Done ? _entry : found);
    }

    private HistoryOperation Show(HistoryOperation told, (string Value, ulong Version, long ExpiresAtMs)? entry)
    {
        if (entry is not { } shown || told.Outcome == HistoryOutcome.Absent || told.Action == HistoryAction.Delete)
            return told;
        bool showsValue = told.Action == HistoryAction.Get || (told.Outcome == HistoryOutcome.Failed && told.Condition == WriteCondition.IfAbsent);
        return told with
        {
            Found = showsValue ? shown.Value : null,
            Version = random.Chance(mix.ShowsVersion) ? shown.Version : 0,
            ExpiresAtMs = mix.Expires > 0 && random.Chance(0.5) ? shown.ExpiresAtMs : null,
        };
    }

    private void Write(string value, long expiresAtMs)
    {
        if (random.Chance(0.05))
            _epoch++;
        _entry = (value, EntryVersion.Pack(_epoch, _offset += random.Between(1, 3)), expiresAtMs);
        _versions.Add(_entry.Value.Version);
    }

    private static long Expiry(HistoryOperation asked, long nowMs) => asked.TimeToLiveMs == 0 ? 0 : nowMs + asked.TimeToLiveMs;
}
