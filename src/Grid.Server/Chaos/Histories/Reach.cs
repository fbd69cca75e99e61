namespace Grid.Server.Chaos.Histories;

/// <summary>
/// How far the increments of unknown outcome could take a counter, all together: going backwards from what was shown, each asks for another
/// counter before it, and somewhere that has to end.
/// </summary>
internal sealed class Reach(Values values)
{
    private Int128 _down;
    private Int128 _up;
    private Int128? _lowest;
    private Int128? _highest;

    /// <summary>One more was begun.</summary>
    public void Add(RegisterStep step)
    {
        _down += Math.Min(step.Source.Delta, 0);
        _up += Math.Max(step.Source.Delta, 0);
        if (step.Action == HistoryAction.Set)
            CanStartAt(values.CounterOf(step.Value));
        if (step.Action is HistoryAction.Delete or HistoryAction.Clear || step.Source.TimeToLiveMs > 0)
            CanStartAt(0);
    }

    /// <summary>True when the need's counter is not beyond all reach.</summary>
    public bool Includes(in Need need, in RegisterState from)
    {
        if (need.Value == RegisterState.Absent || values.CounterOf(need.Value) is not { } counter)
            return true;
        Int128 start = from.IsPresent ? values.CounterOf(from.Value) ?? 0 : 0;
        Int128 gone = from.ExpiresFromMs == RegisterState.Never ? start : 0;
        Int128 lowest = Int128.Min(Int128.Min(start, gone), _lowest ?? start), highest = Int128.Max(Int128.Max(start, gone), _highest ?? start);
        return counter >= lowest + _down && counter <= highest + _up;
    }

    private void CanStartAt(long? counter)
    {
        if (counter is not { } start)
            return;
        _lowest = _lowest is { } lowest ? Int128.Min(lowest, start) : start;
        _highest = _highest is { } highest ? Int128.Max(highest, start) : start;
    }
}
