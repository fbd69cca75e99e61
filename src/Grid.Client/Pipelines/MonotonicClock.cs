namespace Grid.Client.Pipelines;

/// <summary>Milliseconds that never go back, from an arbitrary start; cheap enough to be read for every operation.</summary>
internal sealed class MonotonicClock(TimeProvider time)
{
    private readonly bool _system = ReferenceEquals(time, TimeProvider.System);

    /// <summary>Where the time comes from.</summary>
    public TimeProvider Time => time;

    /// <summary>Now.</summary>
    public long NowMs => _system ? Environment.TickCount64 : (long)time.GetElapsedTime(0).TotalMilliseconds;
}
