using System.Diagnostics;
using System.Diagnostics.Metrics;
using Grid.Client.Telemetry;
using Grid.Replication.Primary;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Grid.Storage;

namespace Grid.Silo.Telemetry;

/// <summary>What the silo's copies are and hold at the moment when somebody collects, on the meter "Grid".</summary>
/// <remarks>One look at the copies serves all instruments of one collection: each copy's gate is taken once.</remarks>
internal sealed class CopyInstruments : ILifecycleParticipant<ISiloLifecycle>
{
    private static readonly TimeSpan LookGoodFor = TimeSpan.FromMilliseconds(200);

    private readonly CopyHost _host;
    private readonly OperationMeter _operations;
    private readonly GridSettings _settings;
    private readonly GridHealth _health;
    private readonly ShardKeeper _keeper;
    private readonly PagePool _pages;
    private readonly Meter _meter;
    private readonly Lock _gate = new();
    private CopyLook[] _looks = [];
    private long _lookedAt;

    public CopyInstruments(CopyHost host, OperationMeter operations, GridSettings settings, GridHealth health, ShardKeeper keeper, PagePool pages, IMeterFactory meters)
    {
        _host = host;
        _operations = operations;
        _settings = settings;
        _health = health;
        _keeper = keeper;
        _pages = pages;
        _meter = meters.Create(GridTelemetry.MeterName);
    }

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(CopyInstruments),
        ServiceLifecycleStage.RuntimeInitialize,
        _ =>
        {
            CreateOfSilo();
            CreateOfCopies();
            CreateOfLinks();
            CreateOfKeyspaces();
            return Task.CompletedTask;
        });

    private void CreateOfSilo()
    {
        _meter.CreateObservableGauge("grid.silo.ready", () => _health.Obstacles().Count == 0 ? 1 : 0, "1", "1 while the silo takes part in the cluster's work, otherwise 0.");
        _meter.CreateObservableUpDownCounter("grid.silo.shards.unserved", () => _keeper.Problems.Count, "{shard}", "Shards that this silo looks after and that nobody serves.");
        _meter.CreateObservableUpDownCounter("grid.silo.memory.usage", () => _pages.SlabBytesHeld, "By", "Memory of the silo's page pool: entries, logs not included.");
        _meter.CreateObservableUpDownCounter("grid.silo.memory.limit", static () => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, "By", "Memory that the process may have: its container's limit, or the machine's.");
    }

    private void CreateOfCopies()
    {
        Counts("grid.copies", "{copy}", "Copies on this silo, each with its role, state and phase.", look => One(1, Of(look), Role(look), State(look), Tag(GridAttributes.CopyPhase, Word(look.Phase))));
        Values("grid.copy.position", "{mutation}", "Offsets of the copy: end of its log, applied, committed as far as it knows.", static look =>
        [
            new(look.LogEnd, Of(look), Role(look), Tag(GridAttributes.Position, "log_end")),
            new(look.Applied, Of(look), Role(look), Tag(GridAttributes.Position, "applied")),
            new(look.Committed, Of(look), Role(look), Tag(GridAttributes.Position, "committed")),
        ]);
        Values("grid.copy.epoch", "{epoch}", "The reign of the primary here, or the highest that the replica has seen.", look => One(look.Epoch, Of(look), Role(look)));
        Values("grid.copy.faulted", "1", "1 from the third damaged payload in a row until the fault ends, otherwise 0.", look => One(look.Faulted ? 1 : 0, Of(look)));
        Counts("grid.backlog.usage", "By", "Recent mutations that the copy keeps for partial resyncs.", look => One(look.BacklogBytes, Of(look), Role(look)));
        _meter.CreateObservableUpDownCounter("grid.backlog.limit", () => _settings.Current.BacklogBytesMax, "By", "What a copy's backlog may hold when nothing pins more.");
        _meter.CreateObservableGauge("grid.replication.lag.time", LagTimes, "s", "How old the state may be that the replica shows.");
    }

    private void CreateOfLinks()
    {
        Values("grid.shard.in_sync", "{copy}", "Members of the shard's in-sync set, the primary included; told by the primary.", static look => look.InSync == 0 ? [] : One(look.InSync, Of(look)));
        Values("grid.shard.wanted", "{copy}", "Copies wanted of the shard, the primary included; told by the primary.", look => look.InSync == 0 ? [] : One(_settings.Current.Replicas + 1, Of(look)));
        Counts("grid.replication.links", "{link}", "Links of primaries here, by phase.", static look => look.Links.Select(link => new Measurement<long>(1, Of(look), To(link), Tag(GridAttributes.LinkPhase, Word(link.Phase.ToString())))));
        Values("grid.replication.lag", "{mutation}", "Mutations that the replica has not acknowledged; while it loads, all that the log holds.", static look => look.Links.Select(link => new Measurement<long>(link.LagMutations, Of(look), To(link))));
        Values("grid.replication.lag.size", "By", "Bytes of them.", static look => look.Links.Select(link => new Measurement<long>(link.LagBytes, Of(look), To(link))));
        Counts("grid.replication.pinned.usage", "By", "Log that the primary must keep because the replica was not sent it yet.", static look => look.Links.Select(link => new Measurement<long>(link.PinnedBytes, Of(look), To(link))));
        Counts("grid.replication.kept.usage", "By", "Mutations that the replica keeps until its load is done.", static look => look.Links.Select(link => new Measurement<long>(link.KeptBytes, Of(look), To(link))));
        Values("grid.replication.laggard", "1", "1 while the replica cannot keep up with the writes, otherwise 0.", static look => look.Links.Select(link => new Measurement<long>(link.CannotKeepUp ? 1 : 0, Of(look), To(link))));
    }

    private void CreateOfKeyspaces()
    {
        PerKeyspace("grid.keyspace.entries", "{entry}", "Entries of the keyspace in the copies here.", static statistics => statistics.Entries);
        PerKeyspace("grid.keyspace.data.size", "By", "Keys and values of those entries.", static statistics => statistics.KeyBytes + statistics.ValueBytes);
        PerKeyspace("grid.keyspace.memory.usage", "By", "All memory that they take: pages, index, tables.", static statistics => statistics.MemoryBytes);
    }

    private void Values(string name, string unit, string what, Func<CopyLook, IEnumerable<Measurement<long>>> of) =>
        _meter.CreateObservableGauge(name, () => Looks().SelectMany(of), unit, what);

    private void Counts(string name, string unit, string what, Func<CopyLook, IEnumerable<Measurement<long>>> of) =>
        _meter.CreateObservableUpDownCounter(name, () => Looks().SelectMany(of), unit, what);

    private void PerKeyspace(string name, string unit, string what, Func<KeyspaceStatistics, long> value) => _meter.CreateObservableUpDownCounter(
        name,
        () => Looks()
            .SelectMany(look => look.Keyspaces.Select(keyspace => (look.Role, _operations.TallyOf(keyspace.Keyspace).Keyspace, Value: value(keyspace.Statistics))))
            .GroupBy(static part => (part.Role, part.Keyspace), static part => part.Value)
            .Select(static sum => new Measurement<long>(sum.Sum(), Tag(GridAttributes.Keyspace, sum.Key.Keyspace), Tag(GridAttributes.Role, sum.Key.Role))),
        unit,
        what);

    private IEnumerable<Measurement<double>> LagTimes()
    {
        foreach (CopyLook look in Looks())
        {
            if (look.LagSeconds is { } seconds)
                yield return new Measurement<double>(seconds, Of(look));
        }
    }

    private CopyLook[] Looks()
    {
        lock (_gate)
        {
            if (_lookedAt == 0 || Stopwatch.GetElapsedTime(_lookedAt) > LookGoodFor)
            {
                _looks = CopyLook.All(_host);
                _lookedAt = Stopwatch.GetTimestamp();
            }

            return _looks;
        }
    }

    private static Measurement<long>[] One(long value, params KeyValuePair<string, object?>[] tags) => [new(value, tags)];

    private static KeyValuePair<string, object?> Of(CopyLook look) => Tag(GridAttributes.Shard, look.Shard);

    private static KeyValuePair<string, object?> Role(CopyLook look) => Tag(GridAttributes.Role, look.Role);

    private static KeyValuePair<string, object?> State(CopyLook look) => Tag(GridAttributes.CopyState, Word(look.State.ToString()));

    private static KeyValuePair<string, object?> To(LinkView link) => Tag(GridAttributes.Silo, GridAttributes.EndpointOf(link.Silo));

    private static KeyValuePair<string, object?> Tag(string name, object value) => GridAttributes.Tag(name, value);

    private static string Word(string name) => name.ToLowerInvariant();
}
