namespace Grid.Tests.Client;

/// <summary>A clock that stands still until it is told to go on, and fires its timers then, in their order.</summary>
internal sealed class VirtualTime : TimeProvider
{
    private readonly PriorityQueue<Timer, (long At, long Sequence)> _timers = new();
    private long _sequence;

    /// <summary>Milliseconds since the beginning.</summary>
    public long NowMs { get; private set; } = 1_000_000;

    public override long TimestampFrequency => 1000;

    public override long GetTimestamp() => NowMs;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000 + NowMs);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Timer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>When the next timer is due; null if none is set.</summary>
    public long? NextMs
    {
        get
        {
            while (_timers.TryPeek(out Timer? timer, out (long At, long Sequence) due))
            {
                if (timer.Due == due)
                    return due.At;
                _timers.Dequeue();
            }

            return null;
        }
    }

    /// <summary>Goes on to <paramref name="ms"/>, firing what is due on the way.</summary>
    public void AdvanceTo(long ms)
    {
        while (NextMs is { } next && next <= ms)
        {
            NowMs = Math.Max(NowMs, next);
            _timers.Dequeue().Fire();
        }

        NowMs = Math.Max(NowMs, ms);
    }

    private sealed class Timer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;

        public (long At, long Sequence) Due { get; private set; } = (-1, -1);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _period = period;
            Due = (-1, -1);
            if (dueTime != Timeout.InfiniteTimeSpan)
                Set(dueTime);
            return true;
        }

        public void Fire()
        {
            Due = (-1, -1);
            if (_period != Timeout.InfiniteTimeSpan && _period != TimeSpan.Zero)
                Set(_period);
            callback(state);
        }

        public void Dispose() => Due = (-1, -1);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Set(TimeSpan after)
        {
            Due = (time.NowMs + (long)after.TotalMilliseconds, time._sequence++);
            time._timers.Enqueue(this, Due);
        }
    }
}
