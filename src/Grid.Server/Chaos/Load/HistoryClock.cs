using System.Diagnostics;

namespace Grid.Server.Chaos.Load;

/// <summary>The clock of a run's histories.</summary>
internal sealed class HistoryClock
{
    private readonly long _origin = Stopwatch.GetTimestamp();

    /// <summary>When it showed 0.</summary>
    public long OriginUnixMs { get; } = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    /// <summary>Microseconds since its origin.</summary>
    public long NowUs => (long)Stopwatch.GetElapsedTime(_origin).TotalMicroseconds;
}
