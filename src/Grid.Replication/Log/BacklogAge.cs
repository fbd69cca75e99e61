namespace Grid.Replication.Log;

/// <summary>
/// Knows which mutations are too old to be kept for partial resyncs. The log itself has no time: what is noted here from
/// time to time is where it ended when.
/// </summary>
/// <remarks>As exact as a sixteenth of the bound. Not thread-safe.</remarks>
internal sealed class BacklogAge
{
    private const int Samples = 16;

    private readonly Queue<(long AtMs, long LogEnd)> _samples = new(Samples + 2);
    private long _sampledAtMs = long.MinValue / 2;
    private long _tooOld;

    /// <summary>Notes where the log ends now, and gives the last offset that is older than <paramref name="ageMsMax"/>; 0 when none is.</summary>
    public long Note(long nowMs, long logEnd, long ageMsMax)
    {
        if (ageMsMax == 0)
            return 0;
        if (nowMs - _sampledAtMs >= ageMsMax / Samples)
        {
            _sampledAtMs = nowMs;
            _samples.Enqueue((nowMs, logEnd));
        }

        while (_samples.TryPeek(out (long AtMs, long LogEnd) oldest) && nowMs - oldest.AtMs >= ageMsMax)
        {
            _tooOld = oldest.LogEnd;
            _samples.Dequeue();
        }

        return _tooOld;
    }
}
