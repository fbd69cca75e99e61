using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Grid.Replication.Time;
using Grid.Storage;

namespace Grid.Tests.Simulation;

/// <summary>An invariant that did not hold, with all that is needed to see it again.</summary>
public sealed class SimulationException(string message) : Exception(message);

/// <summary>
/// A cluster in one thread on virtual time: silos with their copies, primaries and replicas, the calls and streams
/// between them, the store of shard records, clients, and a nemesis. The same seed gives the same run.
/// </summary>
internal sealed partial class World
{
    public const long UnixEpochMs = 1_700_000_000_000;

    private const long StepsMax = 500_000;

    private readonly PriorityQueue<Event, (long AtUs, long Order)> _events = new();
    private readonly SortedSet<int> _touched = [];
    private readonly Queue<string> _transcript = new();
    private long _order;

    public World(ulong seed, SimPlan plan, SimRandom random, PagePool pages, bool records = false)
    {
        Seed = seed;
        Plan = plan;
        Random = random;
        Pages = pages;
        Records = records;
        Store = new RecordStore(this);
        Oracles = [.. Enumerable.Range(0, plan.Shards).Select(shard => new Oracle(this, shard))];
        Histories = [.. Enumerable.Range(0, plan.Shards).Select(shard => new ClientHistory(this, shard))];
        Directory = new SimSilo?[plan.Shards];
        for (int i = 0; i < plan.Silos; i++)
            Join(i);
        for (int i = 0; i < plan.Clients; i++)
            Clients.Add(new SimClient(this, (ulong)(i + 1), unordered: i > 0 && random.Chance(0.2)));
    }

    public ulong Seed { get; }

    /// <summary>True in a run that keeps a transcript.</summary>
    public bool Records { get; }

    public SimPlan Plan { get; }

    public SimRandom Random { get; }

    /// <summary>What a run gives back the next one of the same thread takes.</summary>
    public PagePool Pages { get; }

    public RecordStore Store { get; }

    public IReadOnlyList<Oracle> Oracles { get; }

    /// <summary>What clients saw of each shard.</summary>
    public IReadOnlyList<ClientHistory> Histories { get; }

    /// <summary>The most by which the wall clock of any silo was ever wrong.</summary>
    public int ClockErrorMs { get; set; }

    public List<SimClient> Clients { get; } = [];

    public long NowUs { get; private set; }

    public long NowMs => NowUs / 1000;

    public long Steps { get; private set; }

    /// <summary>How often each kind of thing happened: what a run was good for.</summary>
    public Dictionary<string, int> Counts { get; } = new(StringComparer.Ordinal);

    public void Count(string what) => CollectionsMarshal.GetValueRefOrAddDefault(Counts, what, out _)++;

    /// <summary>True while things may go wrong by chance.</summary>
    public bool Chaos { get; set; } = true;

    public Instant Now(SimSilo? silo) => new(silo?.MonotonicMs(NowMs) ?? NowMs, UnixEpochMs + NowMs + (silo?.ClockSkewMs ?? 0));

    /// <summary>Has something done later, on a silo's turn if one is given: never on a dead silo, later on a frozen one.</summary>
    public void After(long delayUs, SimSilo? silo, Action action) =>
        _events.Enqueue(new Event(silo, action), (NowUs + Math.Max(delayUs, 0), _order++));

    public void Touch(int shard) => _touched.Add(shard);

    public void RunFor(long ms) => RunUntil(NowMs + ms, () => false);

    /// <summary>Runs until something is so; false when time was up before.</summary>
    public bool RunUntil(long untilMs, Func<bool> done)
    {
        long nextLook = NowUs;
        while (_events.TryPeek(out Event next, out (long AtUs, long Order) when) && when.AtUs <= untilMs * 1000)
        {
            _events.Dequeue();
            NowUs = Math.Max(NowUs, when.AtUs);
            if (next.Silo is { } silo)
            {
                if (!silo.Up)
                    continue;
                if (silo.FrozenUntilUs > NowUs)
                {
                    _events.Enqueue(next, (silo.FrozenUntilUs, when.Order));
                    continue;
                }
            }

            Step(next);
            if (NowUs >= nextLook)
            {
                if (done())
                    return true;
                nextLook = NowUs + 20_000;
            }
        }

        NowUs = Math.Max(NowUs, untilMs * 1000);
        return done();
    }

    public void Note([InterpolatedStringHandlerArgument("")] ref NoteText what)
    {
        if (!Records)
            return;
        _transcript.Enqueue($"{NowUs / 1000.0,10:F3}  {what.Take()}");
        if (_transcript.Count > 400)
            _transcript.Dequeue();
    }

    public SimulationException Violation(string what) => new(
        $"{what}\nat {NowUs / 1000.0:F3} ms, step {Steps}, planted {Plan.Planted}/{Plan.Broken}; replay: GRID_SEED={Seed} {(Plan.Weather == "" ? "" : $"GRID_WEATHER={Plan.Weather} ")}dotnet test tests/Grid.Tests -c Release --filter FullyQualifiedName~Whatever_goes_wrong"
        + (Records ? "\n" + string.Join('\n', _transcript) : ""));

    private void Step(in Event next)
    {
        if (++Steps > StepsMax)
            throw Violation($"Invariant 12: the run does not come to rest within {StepsMax} steps");
        try
        {
            next.Action();
            foreach (int shard in _touched)
                Oracles[shard].Check();
        }
        catch (Exception e) when (e is not SimulationException)
        {
            throw Violation($"{e.GetType().Name} out of a state machine: {e.Message}\n{e.StackTrace}");
        }

        _touched.Clear();
    }

    private readonly record struct Event(SimSilo? Silo, Action Action);
}
