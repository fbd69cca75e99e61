using System.Diagnostics;
using System.Runtime.InteropServices;
using Grid.Replication.Time;

namespace Grid.Silo.Services;

/// <summary>The silo's clocks, as the state machines want them.</summary>
internal static partial class SiloClock
{
    private const int ClockBootTime = 7;

    /// <summary>The present: a monotonic clock that counts suspension where the system has one, and the wall clock.</summary>
    public static Instant Now => new(MonotonicMs(), DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());

    private static long MonotonicMs()
    {
        if (OperatingSystem.IsLinux() && ClockGetTime(ClockBootTime, out TimeSpec time) == 0)
            return (time.Seconds * 1000) + (time.Nanoseconds / 1_000_000);
        return Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000);
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
