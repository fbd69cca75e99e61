using Grid.Client.Contracts.Operator;

namespace Grid.Silo.Events;

/// <summary>The last things that happened at this silo, for whoever asks: what the log says, in short.</summary>
/// <remarks>Thread-safe. Bounded: the oldest go, and long texts are cut.</remarks>
internal sealed class EventRing(string silo, TimeProvider time)
{
    /// <summary>Events kept.</summary>
    public const int EventsMax = 1024;

    private const int TextLengthMax = 400;

    private readonly Lock _gate = new();
    private readonly ClusterEvent[] _ring = new ClusterEvent[EventsMax];
    private long _count;

    public EventRing(ILocalSiloDetails silo, TimeProvider time)
        : this(silo.SiloAddress.ToParsableString(), time)
    {
    }

    /// <summary>Something happened to a shard.</summary>
    public void Add(EventKind kind, EventSeverity severity, int shard, long epoch, string text, string about = "") => Add(kind, severity, (int?)shard, epoch, text, about);

    /// <summary>Something happened to the silo, or to another one.</summary>
    public void Add(EventKind kind, EventSeverity severity, string text, string about = "") => Add(kind, severity, null, 0, text, about);

    /// <summary>Another silo came or went.</summary>
    public void AddSilo(EventKind kind, EventSeverity severity, string text, string about, string name) => Add(kind, severity, null, 0, text, about, name);

    /// <summary>What is kept of a query, oldest first.</summary>
    public List<ClusterEvent> Get(EventQuery query)
    {
        List<ClusterEvent> found = [];
        int most = Math.Clamp(query.Most, 1, EventsMax * 4);
        lock (_gate)
        {
            for (long number = _count - 1; number >= Math.Max(0, _count - EventsMax) && found.Count < most; number--)
            {
                ClusterEvent happened = _ring[number % EventsMax];
                if ((query.After is not { } after || happened.Time > after) && (query.Shard is not { } shard || happened.Shard == shard) && query.Kinds?.Contains(happened.Kind) != false)
                    found.Add(happened);
            }
        }

        found.Reverse();
        return found;
    }

    private void Add(EventKind kind, EventSeverity severity, int? shard, long epoch, string text, string about, string aboutName = "")
    {
        string kept = text.Length <= TextLengthMax ? text : string.Concat(text.AsSpan(0, TextLengthMax), " ...");
        lock (_gate)
        {
            _ring[_count % EventsMax] = new ClusterEvent
            {
                Time = time.GetUtcNow(),
                Silo = silo,
                Number = _count,
                Kind = kind,
                Severity = severity,
                Shard = shard,
                Epoch = epoch,
                About = about,
                Text = kept,
                AboutName = aboutName,
            };
            _count++;
        }
    }
}
