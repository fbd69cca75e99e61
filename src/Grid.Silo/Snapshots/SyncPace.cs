namespace Grid.Silo.Snapshots;

/// <summary>
/// Spreads what a silo's syncs send over time, so that together they stay under <see cref="GridOptions.SyncBytesPerSecondMax"/>.
/// </summary>
/// <remarks>Thread-safe. Whoever sends reserves its bytes first and waits until their time has come: first come, first served, without a burst beyond one piece of each sender.</remarks>
internal sealed class SyncPace(GridSettings settings, TimeProvider time)
{
    private readonly Lock _lock = new();
    private long _freeAt;

    /// <summary>Reserves the time that <paramref name="bytes"/> take; gives how long to wait before they may be sent.</summary>
    public TimeSpan Reserve(long bytes) => Take(bytes).Wait;

    /// <summary>
    /// Waits until <paramref name="bytes"/> may be sent; meanwhile calls <paramref name="stillThere"/> once per <paramref name="signPeriod"/>, so that
    /// nobody takes a slow pace for death. Who is cancelled meanwhile sends nothing: his time is for whoever comes next.
    /// </summary>
    public async ValueTask WaitAsync(long bytes, TimeSpan signPeriod, Action stillThere, CancellationToken cancellation)
    {
        (TimeSpan left, long taken) = Take(bytes);
        try
        {
            cancellation.ThrowIfCancellationRequested();
            while (left > TimeSpan.Zero)
            {
                TimeSpan wait = left < signPeriod ? left : signPeriod;
                await Task.Delay(wait, time, cancellation);
                left -= wait;
                if (left > TimeSpan.Zero)
                    stillThere();
            }
        }
        catch
        {
            GiveBack(taken);
            throw;
        }
    }

    private (TimeSpan Wait, long Taken) Take(long bytes)
    {
        long rate = settings.Current.SyncBytesPerSecondMax;
        if (rate == 0)
            return (TimeSpan.Zero, 0);
        lock (_lock)
        {
            long now = time.GetTimestamp();
            long begin = Math.Max(now, _freeAt);
            long taken = (long)(bytes * (double)time.TimestampFrequency / rate);
            _freeAt = begin + taken;
            return (time.GetElapsedTime(now, begin), taken);
        }
    }

    private void GiveBack(long taken)
    {
        lock (_lock)
            _freeAt -= taken;
    }
}
