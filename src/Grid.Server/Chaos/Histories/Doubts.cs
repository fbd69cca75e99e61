using Grid.Formats.Operations;

namespace Grid.Server.Chaos.Histories;

/// <summary>
/// The operations of unknown outcome. Each may have taken place at any time from its call on, but it is worth a try only right before
/// something that was shown what nobody else can have left: anywhere else the history goes on as well without it. So those are looked for that can
/// leave what is needed, those that can leave what these need, and so on; and only chains of them are tried.
/// </summary>
internal sealed class Doubts(Register register, Values values, Budget budget, Func<Configuration, bool> isDead)
{
    /// <summary>Increments by different amounts ask for every sum of some of them: beyond so many needs anything is taken for needed, which finds no less.</summary>
    private const int NeedsMax = 1000;

    private readonly List<Kind> _kinds = [];
    private readonly Dictionary<(int Own, HistoryOperation? Asked), int> _kindOf = [];
    private readonly Dictionary<int, List<int>> _setsOf = [];
    private readonly List<int> _others = [];
    private readonly List<int> _all = [];
    private readonly Reach _reach = new(values);
    private readonly HashSet<Need> _needs = [];
    private readonly HashSet<int> _needed = [];
    private bool _needsNone;
    private readonly HashSet<int> _useful = [];
    private readonly Frontier _reached = new();
    private int _count;

    /// <summary>One was begun.</summary>
    public void Begin(RegisterStep step)
    {
        int number = _count++;
        _reach.Add(step);
        (int, HistoryOperation?) asked = WhatIsAsked(step, number);
        if (_kindOf.TryGetValue(asked, out int known))
        {
            _kinds[known].Numbers.Add(number);
            return;
        }

        int kind = _kinds.Count;
        _kindOf.Add(asked, kind);
        _kinds.Add(new Kind(step, [number]));
        _all.Add(kind);
        if (step.Action != HistoryAction.Set || step.Source.TimeToLiveMs > 0 || step.Carries)
            _others.Add(kind);
        else if (_setsOf.TryGetValue(step.Value, out List<int>? sets))
            sets.Add(kind);
        else
            _setsOf.Add(step.Value, [kind]);
    }

    /// <summary>The configurations to which chains lead behind which <paramref name="step"/> may find what it needs.</summary>
    /// <param name="from">Where they begin.</param>
    /// <param name="step">The step.</param>
    /// <param name="isFine">True when it may take place without any of them, too.</param>
    /// <param name="due">The step at whose return all this is done.</param>
    public IReadOnlyList<Configuration> Before(Configuration from, RegisterStep step, bool isFine, RegisterStep due)
    {
        bool asks = step.Carries || step.Source.KeepsExpiry || step.Condition != WriteCondition.None || step.Action is not (HistoryAction.Set or HistoryAction.Clear);
        if (_count == 0 || !asks)
            return [];
        _needs.Clear();
        _needed.Clear();
        _needsNone = false;
        _useful.Clear();
        _reached.Clear();
        FindUseful(Need.Before(step, new Need(true, true, RegisterState.Absent, 0), values), from, due);
        List<int> deeper = [];
        List<Configuration> found = [];
        bool onlyShown = isFine && from.State is { IsPresent: true, ExpiresFromMs: RegisterState.Never };
        foreach (int kind in _useful)
        {
            if (onlyShown && values.IsHidden(_kinds[kind].Step))
                continue;

            // What leaves the same whatever it finds has no need of a longer chain.
            if (TryTake(from, kind, due, found) == 0 || _kinds[kind].Step.Carries)
                deeper.Add(kind);
        }

        for (int i = 0; i < found.Count && deeper.Count > 0 && !budget.IsSpent; i++)
        {
            foreach (int kind in deeper)
                TryTake(found[i], kind, due, found);
        }

        return found;
    }

    /// <summary>Whatever can leave what is needed, or what one of those needs itself.</summary>
    private void FindUseful(in Need first, Configuration from, RegisterStep due)
    {
        Queue<Need> open = new([first]);
        _needs.Add(first);
        while (open.TryDequeue(out Need need) && !budget.IsSpent)
        {
            _needsNone |= need.Missing;
            if (need.Present)
                _needed.Add(need.Value);
            if (need is { Present: true, Value: RegisterState.Absent })
            {
                Examine(_all, need, from, due, open);
                continue;
            }

            Examine(_others, need, from, due, open);
            if (need.Present && _setsOf.TryGetValue(need.Value, out List<int>? sets))
                Examine(sets, need, from, due, open);
        }
    }

    private void Examine(List<int> kinds, in Need need, Configuration from, RegisterStep due, Queue<Need> open)
    {
        Span<RegisterState> next = stackalloc RegisterState[Register.BranchesMax];
        foreach (int kind in kinds)
        {
            RegisterStep step = _kinds[kind].Step;
            if (!need.IsMetBy(step, values) || (step.Version != 0 && step.Version <= from.State.Newest) || _kinds[kind].FirstLeft(from) < 0)
                continue;
            _useful.Add(kind);
            if (!budget.Spend() || (!step.Carries && register.Apply(from.State, step, due, next) > 0))
                continue;
            Need before = Need.Before(step, need, values);
            if (!_reach.Includes(before, from.State))
                continue;
            if (_needs.Count >= NeedsMax)
                before = Need.Anything;
            if (_needs.Add(before))
                open.Enqueue(before);
        }
    }

    private int TryTake(Configuration from, int kind, RegisterStep due, List<Configuration> found)
    {
        int number = _kinds[kind].FirstLeft(from);
        if (number < 0 || !budget.Spend())
            return 0;
        Span<RegisterState> next = stackalloc RegisterState[Register.BranchesMax];
        int count = register.Apply(from.State, _kinds[kind].Step, due, next);
        foreach (RegisterState state in next[..count])
        {
            Configuration to = from.Copy();
            to.State = state;
            Configuration.Add(to.Taken, number);
            if (state != from.State && IsNeeded(state) && !isDead(to) && _reached.Add(to))
                found.Add(to);
        }

        return count;
    }

    private bool IsNeeded(in RegisterState state) => state.IsPresent
        ? _needed.Contains(RegisterState.Absent) || _needed.Contains(state.Value) || (_needsNone && state.ExpiresFromMs != RegisterState.Never)
        : _needsNone;

    /// <summary>
    /// Those that ask for the same stand for each other, unless time matters to them; and those that write what nobody was ever shown, whatever it is.
    /// </summary>
    private (int Own, HistoryOperation? Asked) WhatIsAsked(RegisterStep step, int number) => step.Source.TimeToLiveMs > 0
        ? (number, null)
        : (-1, step.Source with { Client = 0, CallUs = 0, ReturnUs = null, Value = values.IsHidden(step) ? "" : step.Source.Value });

    /// <summary>Operations that stand for each other, in the order of their calls: the first goes first.</summary>
    private sealed record Kind(RegisterStep Step, List<int> Numbers)
    {
        /// <summary>Number of the first that has not been used up; -1 if all have.</summary>
        public int FirstLeft(Configuration configuration)
        {
            int low = 0, high = Numbers.Count;
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (Configuration.Has(configuration.Taken, Numbers[middle]))
                    low = middle + 1;
                else
                    high = middle;
            }

            return low == Numbers.Count ? -1 : Numbers[low];
        }
    }
}
