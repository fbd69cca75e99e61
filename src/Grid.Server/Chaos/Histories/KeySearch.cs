namespace Grid.Server.Chaos.Histories;

/// <summary>
/// Looks for an order of one key's operations in which every client was shown the truth, each operation taking place at one moment between
/// its call and its return.
/// </summary>
/// <remarks>
/// The search of Wing and Gong ("Testing and verifying concurrent objects", 1993) in the form that Lowe gave it ("Testing for
/// linearizability", 2016): just in time, that is, going through calls and returns as they came and letting an operation take place no earlier
/// than some return demands it; and each configuration (what took place, what the key is then) is looked at once. All configurations that
/// are possible up to an event are kept together, so that the event at which none is left is the point of the violation. Beside that
/// this search knows the object: versions grow, so writes that were shown one have one order; what only looks takes place as soon as it
/// fits; and operations of unknown outcome are tried only where one is needed (<see cref="Doubts"/>). Where there are too many
/// configurations those that rest on the fewest guesses go on: an order that is found then is one, but that there is none cannot be said any more.
/// </remarks>
internal sealed class KeySearch
{
    private readonly Register _register;
    private readonly Doubts _doubts;
    private readonly Budget _budget;
    private readonly LinearizabilityOptions _options;
    private readonly RegisterStep[] _steps;
    private readonly RegisterStep?[] _underWay;
    private readonly RegisterState[][] _atCall;
    private readonly Frontier _visited = new();
    private readonly Frontier _results = new();
    private List<Configuration> _frontier;
    private bool _isCut;

    public KeySearch(IReadOnlyList<HistoryOperation> operations, long originUnixMs, LinearizabilityOptions options, bool foresees = true)
    {
        _options = options;
        _budget = new Budget(options.StepsMax);
        Values = new Values { Foresees = foresees };
        _register = new Register(Values, options.ClockErrorMs);
        _doubts = new Doubts(_register, Values, _budget, configuration => Values.OnlyGrows && HasMissed(configuration));
        _steps = [.. operations
            .Where(operation => operation.Outcome != HistoryOutcome.Refused && (operation.Outcome != HistoryOutcome.Unknown || !operation.ChangesNothing))
            .Select((operation, i) => new RegisterStep(operation, i, Values, originUnixMs))];
        Values.Know(_steps);
        GiveShapes();
        Events = [.. _steps.Select(step => new Event(step.Source.CallUs, false, step))
            .Concat(_steps.Where(step => step.IsSure).Select(step => new Event(step.ReturnUs, true, step)))
            .OrderBy(one => one.AtUs).ThenBy(one => one.IsReturn)];
        int doubtful = _steps.Count(step => !step.IsSure);
        _underWay = new RegisterStep?[MostUnderWay()];
        _atCall = new RegisterState[_underWay.Length][];
        _frontier = [new Configuration(RegisterState.Empty, new ulong[(_underWay.Length + 63) / 64], new ulong[(doubtful + 63) / 64])];
    }

    public Values Values { get; }

    public IReadOnlyList<RegisterStep> Steps => _steps;

    /// <summary>The operation at whose return no order was left.</summary>
    public RegisterStep? Culprit { get; private set; }

    /// <summary>Some of what the key could have been when the culprit was begun.</summary>
    public IReadOnlyList<RegisterState> AtCall { get; private set; } = [];

    /// <summary>Some of what it could have been right before the culprit's return.</summary>
    public IReadOnlyList<RegisterState> BeforeReturn { get; private set; } = [];

    private Event[] Events { get; }

    public LinearizabilityVerdict Run()
    {
        Stack<int> free = new(Enumerable.Range(0, _underWay.Length).Reverse());
        int[] slotOf = new int[_steps.Length];
        foreach (Event next in Events)
        {
            if (!next.IsReturn)
            {
                if (next.Step.IsSure)
                    Call(next.Step, slotOf[next.Step.Index] = free.Pop());
                else
                    _doubts.Begin(next.Step);
                continue;
            }

            int slot = slotOf[next.Step.Index];
            List<Configuration> before = _frontier;
            Return(next.Step, slot);
            if (_budget.IsSpent || (_frontier.Count == 0 && _isCut))
                return LinearizabilityVerdict.GaveUp;
            if (_frontier.Count == 0)
            {
                Culprit = next.Step;
                AtCall = _atCall[slot];
                BeforeReturn = Some(before);
                return LinearizabilityVerdict.Violated;
            }

            _underWay[slot] = null;
            free.Push(slot);
        }

        return LinearizabilityVerdict.Linearizable;
    }

    private void Call(RegisterStep step, int slot)
    {
        _underWay[slot] = step;
        _atCall[slot] = Some(_frontier);
        foreach (Configuration configuration in _frontier)
        {
            if (_register.IsSeen(configuration.State, step))
                Configuration.Add(configuration.Done, slot);
        }
    }

    private void Return(RegisterStep step, int slot)
    {
        _visited.Clear();
        if (_frontier.TrueForAll(configuration => Configuration.Has(configuration.Done, slot)))
        {
            foreach (Configuration configuration in _frontier)
                Configuration.Remove(configuration.Done, slot);
            return;
        }

        _results.Clear();
        foreach (Configuration configuration in _frontier)
        {
            if (Configuration.Has(configuration.Done, slot))
            {
                Configuration.Remove(configuration.Done, slot);
                _results.Add(configuration);
            }
            else
            {
                Explore(configuration, step, slot);
            }
        }

        _frontier = [.. _results.All];
        if (_frontier.Count <= _options.FrontierMax)
            return;
        _isCut = true;
        _frontier = [.. _frontier.OrderBy(configuration => configuration.TakenCount).Take(_options.FrontierMax)];
    }

    /// <summary>Lets operations under way take place, in every order that makes sense, until the one that returns has.</summary>
    private void Explore(Configuration start, RegisterStep due, int dueSlot)
    {
        PriorityQueue<Configuration, int> open = new([(start, 0)]);
        Span<RegisterState> next = stackalloc RegisterState[Register.BranchesMax];
        while (open.TryDequeue(out Configuration? from, out _))
        {
            if (_visited.Count > _options.ConfigurationsMax)
            {
                _isCut = true;
                return;
            }

            ulong lowest = LowestVersionToCome(from);
            for (int slot = 0; slot < _underWay.Length; slot++)
            {
                if (_underWay[slot] is not { } step || Configuration.Has(from.Done, slot) || (step.IsVersioned && step.Version > lowest) || IsBehindItsLike(from, step))
                    continue;
                if (!_budget.Spend())
                    return;
                int count = _register.Apply(from.State, step, due, next);
                for (int i = 0; i < count; i++)
                    Advance(from, next[i], slot, dueSlot, open);
                bool guesses = step.Observes && next[..count].Contains(from.State) is false;
                if (count > 0 && !step.Carries && !guesses)
                    continue;
                foreach (Configuration chained in _doubts.Before(from, step, count > 0, due))
                {
                    count = _register.Apply(chained.State, step, due, next);
                    for (int i = 0; i < count; i++)
                        Advance(chained, next[i], slot, dueSlot, open);
                }
            }
        }
    }

    private void Advance(Configuration from, in RegisterState state, int slot, int dueSlot, PriorityQueue<Configuration, int> open)
    {
        Configuration to = from.Copy();
        to.State = state;
        Configuration.Add(to.Done, slot);
        if (Values.OnlyGrows && HasMissed(to))
            return;
        for (int i = 0; i < _underWay.Length; i++)
        {
            if (_underWay[i] is { } step && !Configuration.Has(to.Done, i) && _register.IsSeen(state, step))
                Configuration.Add(to.Done, i);
        }

        if (Configuration.Has(to.Done, dueSlot))
        {
            Configuration.Remove(to.Done, dueSlot);
            _results.Add(to);
        }
        else if (_visited.Add(to))
        {
            open.Enqueue(to, to.TakenCount);
        }
    }

    /// <summary>Versions grow: a write under way with a lower one than another has to go first.</summary>
    private ulong LowestVersionToCome(Configuration from)
    {
        ulong lowest = ulong.MaxValue;
        for (int slot = 0; slot < _underWay.Length; slot++)
        {
            if (_underWay[slot] is { IsVersioned: true } step && step.Version < lowest && !Configuration.Has(from.Done, slot))
                lowest = step.Version;
        }

        return lowest;
    }

    /// <summary>
    /// Of operations that asked the same and were shown the same, the one that returns first may as well go first: where another order is
    /// right, the one with the two exchanged is, too. (Not where time matters.)
    /// </summary>
    private bool IsBehindItsLike(Configuration from, RegisterStep step)
    {
        for (int slot = 0; slot < _underWay.Length && step.Shape >= 0; slot++)
        {
            if (_underWay[slot] is { } other && other.Shape == step.Shape && !Configuration.Has(from.Done, slot) && (other.ReturnUs, other.Index).CompareTo((step.ReturnUs, step.Index)) < 0)
                return true;
        }

        return false;
    }

    /// <summary>A counter that only grows has passed what an increment under way was shown.</summary>
    private bool HasMissed(Configuration configuration)
    {
        long counter = configuration.State.IsPresent ? Values.CounterOf(configuration.State.Value) ?? long.MinValue : long.MinValue;
        for (int slot = 0; slot < _underWay.Length; slot++)
        {
            if (_underWay[slot]?.Source.Number <= counter && !Configuration.Has(configuration.Done, slot))
                return true;
        }

        return false;
    }

    private void GiveShapes()
    {
        if (_steps.Any(step => step.Source.TimeToLiveMs > 0 || step.Source.ExpiresAtMs > 0))
            return;
        Dictionary<HistoryOperation, int> shapes = [];
        foreach (RegisterStep step in _steps.Where(step => step.IsSure))
        {
            HistoryOperation shape = step.Source with { Client = 0, CallUs = 0, ReturnUs = 0 };
            step.Shape = shapes.TryGetValue(shape, out int known) ? known : shapes[shape] = shapes.Count;
        }
    }

    private int MostUnderWay()
    {
        int now = 0, most = 1;
        foreach (Event next in Events.Where(next => next.Step.IsSure))
            most = Math.Max(most, now += next.IsReturn ? -1 : 1);
        return most;
    }

    private static RegisterState[] Some(List<Configuration> frontier) =>
        frontier.Count == 1 ? [frontier[0].State] : [.. frontier.Select(configuration => configuration.State).Distinct().Take(3)];

    private readonly record struct Event(long AtUs, bool IsReturn, RegisterStep Step);
}
