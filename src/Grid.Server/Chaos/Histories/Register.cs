using Grid.Formats.Operations;

namespace Grid.Server.Chaos.Histories;

/// <summary>
/// What operations do to one key, one at a time: the sequential object against which histories are checked. An entry with an expiry may
/// vanish by itself once its time has come, within <paramref name="clockErrorMs"/> by which each primary's clock and that of the history may
/// differ; and it must not be seen any later. Who gives it its time and who lets it go may be two primaries, one fast and one slow.
/// </summary>
internal sealed class Register(Values values, long clockErrorMs)
{
    /// <summary>Most states that one operation can lead to from one state: the entry had expired, or not.</summary>
    public const int BranchesMax = 2;

    /// <summary>Takes a step, if what was shown can be so; gives the states to which it may lead.</summary>
    /// <param name="state">What there is.</param>
    /// <param name="step">The step.</param>
    /// <param name="due">The step at whose return all this is done: what begins later comes later.</param>
    /// <param name="next">Gets the states.</param>
    public int Apply(in RegisterState state, RegisterStep step, RegisterStep due, Span<RegisterState> next)
    {
        int count = 0;
        if (MayLive(state, step) && TryApply(state, step, out next[0]) && MayFollow(state, next[0], due))
            count++;
        bool mayVanish = state.IsPresent && state.ExpiresFromMs != RegisterState.Never && Math.Min(step.ReturnMs, due.ReturnMs) >= state.ExpiresFromMs - clockErrorMs;
        if (mayVanish && TryApply(state.Gone, step, out next[count]) && MayFollow(state, next[count], due) && (count == 0 || next[0] != next[1]))
            count++;
        return count;
    }

    /// <summary>What only one has written, and somebody who has not even begun will be shown, cannot be gone by now.</summary>
    private bool MayFollow(in RegisterState state, in RegisterState next, RegisterStep due) =>
        !state.IsPresent || state.Value == next.Value || values.LastShownUs(state.Value) <= due.ReturnUs;

    /// <summary>True when the step only looks, and what it was shown is just what there is: then it may as well take place now.</summary>
    public bool IsSeen(in RegisterState state, RegisterStep step) =>
        step.Observes && MayLive(state, step) && TryApply(state, step, out RegisterState next) && next == state;

    private bool MayLive(in RegisterState state, RegisterStep step) =>
        !state.IsPresent || state.ExpiresToMs == RegisterState.Never || step.CallMs <= state.ExpiresToMs + clockErrorMs;

    private bool TryApply(in RegisterState state, RegisterStep step, out RegisterState next)
    {
        switch (step.Action)
        {
            case HistoryAction.Get or HistoryAction.Exists:
                return Observe(state, step, present: step.Outcome == HistoryOutcome.Done, out next);
            case HistoryAction.Set:
                return Set(state, step, out next);
            case HistoryAction.Delete:
                return Delete(state, step, out next);
            case HistoryAction.Expire:
                return Expire(state, step, out next);
            case HistoryAction.Increment:
                return Increment(state, step, out next);
            default:
                next = state.Gone;
                return step.IsSure || state.IsPresent;
        }
    }

    /// <summary>What was shown fits, and tells more of what there is.</summary>
    private bool Observe(in RegisterState state, RegisterStep step, bool present, out RegisterState next)
    {
        next = state;
        if (state.IsPresent != present)
            return false;
        if (!present)
            return true;
        if (step.Found != RegisterState.Absent && step.Found != state.Value)
            return false;
        if (step.Version != 0 && !state.TryKnowVersion(step.Version, values, out next))
            return false;
        return step.Source.ExpiresAtMs is not { } shown || TryKnowExpiry(next, shown, out next);
    }

    private bool Set(in RegisterState state, RegisterStep step, out RegisterState next)
    {
        if (step.Outcome == HistoryOutcome.Failed)
            return Fail(state, step, out next);
        return Meets(state, step, out next) && Write(next, step, step.Value, inherits: step.Source.KeepsExpiry && step.Source.TimeToLiveMs == 0, out next);
    }

    private bool Delete(in RegisterState state, RegisterStep step, out RegisterState next)
    {
        if (step.Outcome == HistoryOutcome.Failed)
            return Fail(state, step, out next);
        if (step.Outcome == HistoryOutcome.Absent)
            return Observe(state, step, present: false, out next);
        bool holds = Meets(state, step, out next);
        next = next.Gone;
        return state.IsPresent && holds;
    }

    private bool Expire(in RegisterState state, RegisterStep step, out RegisterState next)
    {
        if (step.Outcome == HistoryOutcome.Failed)
            return Fail(state, step, out next);
        if (step.Outcome == HistoryOutcome.Absent)
            return Observe(state, step, present: false, out next);
        return Meets(state, step, out next) && state.IsPresent && Write(next, step, state.Value, inherits: false, out next);
    }

    private bool Increment(in RegisterState state, RegisterStep step, out RegisterState next)
    {
        next = state;
        long? counter = state.IsPresent ? values.CounterOf(state.Value) : 0;
        if (step.Outcome == HistoryOutcome.NotANumber)
            return counter is null && Observe(state, step, present: true, out next);
        if (counter is not { } before)
            return false;
        bool overflows = step.Source.Delta > 0 ? before > long.MaxValue - step.Source.Delta : before < long.MinValue - step.Source.Delta;
        if (step.Outcome == HistoryOutcome.Overflow)
            return overflows && (!state.IsPresent || Observe(state, step, present: true, out next));
        if (overflows || (step.Source.Number is { } shown && shown != before + step.Source.Delta))
            return false;
        return Write(state, step, values.NumberOf(before + step.Source.Delta), inherits: step.Source.KeepsExpiry && state.IsPresent, out next);
    }

    /// <summary>The condition holds.</summary>
    private bool Meets(in RegisterState state, RegisterStep step, out RegisterState next)
    {
        next = state;
        return step.Condition switch
        {
            WriteCondition.None => true,
            WriteCondition.IfAbsent => !state.IsPresent,
            WriteCondition.IfPresent => state.IsPresent,
            _ => state.IsPresent && state.TryKnowVersion(step.Source.IfVersion, values, out next),
        };
    }

    /// <summary>The condition does not hold, and what was shown of the entry fits.</summary>
    private bool Fail(in RegisterState state, RegisterStep step, out RegisterState next)
    {
        next = state;
        if (step.Condition is WriteCondition.None || (step.Condition == WriteCondition.IfAbsent && !state.IsPresent) || (step.Condition == WriteCondition.IfPresent && state.IsPresent))
            return false;
        if (step.Condition == WriteCondition.IfVersion && state.IsPresent && state.Version != 0 && state.Version == step.Source.IfVersion)
            return false;
        bool shows = step.Version != 0 || step.Found != RegisterState.Absent;
        return state.IsPresent ? Observe(state, step, present: true, out next) : !shows;
    }

    private bool Write(in RegisterState state, RegisterStep step, int value, bool inherits, out RegisterState next)
    {
        next = state;
        if (step.Version != 0 && step.Version <= state.Newest)
            return false;
        (long from, long to) = inherits ? (state.ExpiresFromMs, state.ExpiresToMs)
            : step.Source.TimeToLiveMs == 0 ? (RegisterState.Never, RegisterState.Never)
            : (Later(step.CallMs, step.Source.TimeToLiveMs - clockErrorMs), Later(step.ReturnMs, step.Source.TimeToLiveMs + clockErrorMs));
        next = new RegisterState(value, step.Version, Math.Max(state.Newest, step.Version), from, to);
        return step.Source.ExpiresAtMs is not { } shown || TryKnowExpiry(next, shown, out next);
    }

    private static bool TryKnowExpiry(in RegisterState state, long shownMs, out RegisterState next)
    {
        next = state;
        if (shownMs == 0)
            return state.ExpiresFromMs == RegisterState.Never;
        bool fits = state.ExpiresFromMs == state.ExpiresToMs
            ? shownMs == state.ExpiresFromMs
            : shownMs >= state.ExpiresFromMs && shownMs <= state.ExpiresToMs;
        next = state with { ExpiresFromMs = shownMs, ExpiresToMs = shownMs };
        return fits;
    }

    private static long Later(long ms, long byMs) => ms == RegisterState.Never ? RegisterState.Never : ms + byMs;
}
