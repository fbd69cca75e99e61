using Microsoft.Extensions.Logging;

namespace Grid.Silo.Copies;

/// <summary>
/// Wakes the primaries and replicas of this silo about every 50 ms, all of them by one timer: a silo without work wakes twenty times a second, not twenty
/// times for each of its copies, and what copies then send to the same silo, like requests for leases, goes there together.
/// </summary>
/// <remarks>
/// Thread-safe. Of each copy one turn waits at most, however long it takes. Many copies are woken in parts, one part after the other, so that what clients
/// ask for does not wait behind all of them. A grain timer for each copy would cost a message through the silo for each tick.
/// </remarks>
internal sealed partial class CopyClock : IDisposable
{
    /// <summary>How often each copy is woken.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(50);

    /// <summary>As many copies are woken at once.</summary>
    public const int TogetherMax = 64;

    /// <summary>More than <see cref="TogetherMax"/> are woken in so many parts.</summary>
    public const int Parts = 5;

    private readonly Lock _gate = new();
    private readonly ILogger<CopyClock> _logger;
    private readonly ITimer _timer;
    private Waker[] _wakers = [];
    private uint _beats;

    public CopyClock(TimeProvider time, ILogger<CopyClock> logger)
    {
        _logger = logger;

        // Whoever asks for the clock first must not have its trace go on in every turn.
        using (ExecutionContext.SuppressFlow())
            _timer = time.CreateTimer(static clock => ((CopyClock)clock!).Beat(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Has a copy woken from now on, until what is returned is disposed; then no turn begins any more.</summary>
    /// <param name="turns">The scheduler of the copy's turns.</param>
    /// <param name="turn">What it does; a failure is logged, and the next turn comes all the same.</param>
    public IDisposable Wake(TaskScheduler turns, Action turn)
    {
        Waker waker = new(this, turns, turn);
        Set(static (wakers, added) => [.. wakers, added], waker);
        return waker;
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Set(Func<Waker[], Waker, Waker[]> change, Waker waker)
    {
        lock (_gate)
        {
            TimeSpan before = PeriodFor(_wakers.Length);
            Volatile.Write(ref _wakers, change(_wakers, waker));
            TimeSpan period = PeriodFor(_wakers.Length);
            if (period != before)
                _timer.Change(period, period);
        }
    }

    private static TimeSpan PeriodFor(int copies) => copies == 0 ? Timeout.InfiniteTimeSpan : Period / PartsFor(copies);

    private static int PartsFor(int copies) => copies <= TogetherMax ? 1 : Parts;

    private void Beat()
    {
        Waker[] wakers = Volatile.Read(ref _wakers);
        int parts = PartsFor(wakers.Length);
        for (int i = (int)(Interlocked.Increment(ref _beats) % parts); i < wakers.Length; i += parts)
            wakers[i].Wake();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A copy's turn by the clock failed: a defect; the next one comes all the same")]
    private partial void LogTurnFailed(Exception failure);

    /// <summary>One copy.</summary>
    private sealed class Waker(CopyClock clock, TaskScheduler turns, Action turn) : IDisposable
    {
        private int _waits;
        private volatile bool _isOver;

        public void Wake()
        {
            if (Interlocked.Exchange(ref _waits, 1) == 0)
                _ = Task.Factory.StartNew(static waker => ((Waker)waker!).Turn(), this, CancellationToken.None, TaskCreationOptions.DenyChildAttach, turns);
        }

        public void Dispose()
        {
            if (_isOver)
                return;
            _isOver = true;
            clock.Set(static (wakers, gone) => [.. wakers.Where(waker => waker != gone)], this);
        }

        private void Turn()
        {
            Volatile.Write(ref _waits, 0);
            if (_isOver)
                return;
            try
            {
                turn();
            }
            catch (Exception failure)
            {
                clock.LogTurnFailed(failure);
            }
        }
    }
}
