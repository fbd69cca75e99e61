using Grid.Formats.Operations;

namespace Grid.Server.Chaos.Histories;

/// <summary>What a step must find so that what it was shown can be so. Wider than the truth where that is simpler, never narrower.</summary>
/// <param name="Present">There may be an entry.</param>
/// <param name="Missing">There may be none.</param>
/// <param name="Value">The entry's value; <see cref="RegisterState.Absent"/> for any.</param>
/// <param name="Version">The entry's version; 0 for any.</param>
internal readonly record struct Need(bool Present, bool Missing, int Value, ulong Version)
{
    /// <summary>Whatever there is will do.</summary>
    public static readonly Need Anything = new(true, true, RegisterState.Absent, 0);
    private static readonly Need NoEntry = new(false, true, RegisterState.Absent, 0);

    private static Need Entry(int value = RegisterState.Absent, ulong version = 0) => new(true, false, value, version);

    /// <summary>What has to be there before <paramref name="step"/>, so that what <paramref name="after"/> says is there behind it.</summary>
    public static Need Before(RegisterStep step, in Need after, Values values)
    {
        Need need = Find(step, after, values);
        return need is { Version: not 0, Value: RegisterState.Absent } ? need with { Value = values.ValueOf(need.Version) } : need;
    }

    private static Need Find(RegisterStep step, in Need after, Values values)
    {
        ulong required = step.Condition == WriteCondition.IfVersion ? step.Source.IfVersion : 0;
        return (step.Action, step.Outcome) switch
        {
            (_, HistoryOutcome.Absent) => NoEntry,
            (_, HistoryOutcome.Failed) => step.Condition switch
            {
                WriteCondition.IfAbsent => Entry(step.Found, step.Version),
                WriteCondition.IfPresent => NoEntry,
                _ when step.Version != 0 => Entry(step.Found, step.Version),
                _ => Anything,
            },
            (HistoryAction.Get or HistoryAction.Exists, _) => Entry(step.Found, step.Version),
            (HistoryAction.Set, _) => step.Condition switch
            {
                WriteCondition.None => Anything,
                WriteCondition.IfAbsent => NoEntry,
                _ => Entry(version: required),
            },
            (HistoryAction.Delete, _) => Entry(version: required),
            (HistoryAction.Expire, _) => Entry(after.Value, required),
            (HistoryAction.Increment, HistoryOutcome.Done or HistoryOutcome.Unknown) => BeforeIncrement(step, after, values),
            (HistoryAction.Clear, _) when step.IsSure => Anything,
            _ => Entry(),
        };
    }

    /// <summary>True when a step of unknown outcome can leave behind what is needed.</summary>
    public bool IsMetBy(RegisterStep step, Values values)
    {
        bool expires = step.Source.TimeToLiveMs > 0 || step.Carries;
        bool fits = Version == 0 || Version == step.Version || (step.Version == 0 && !values.IsGiven(Version));
        return step.Action switch
        {
            HistoryAction.Set => (Missing && expires) || (Present && fits && (Value == RegisterState.Absent || Value == step.Value)),
            HistoryAction.Increment or HistoryAction.Expire => (Missing && expires) || (Present && fits),
            _ => Missing,
        };
    }

    private static Need BeforeIncrement(RegisterStep step, in Need after, Values values)
    {
        long? number = step.Source.Number ?? (after.Value == RegisterState.Absent ? null : values.CounterOf(after.Value));
        if (number is not { } counter || Overflows(counter, step.Source.Delta))
            return Anything;
        long before = counter - step.Source.Delta;
        return new Need(true, before == 0, values.NumberOf(before), 0);
    }

    private static bool Overflows(long counter, long delta) =>
        delta > 0 ? counter < long.MinValue + delta : counter > long.MaxValue + delta;
}
