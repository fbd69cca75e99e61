using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Grid.Server.Bench;

/// <summary>
/// The longest times between two ticks. Those during which the thread was taken off its core (as Linux counts it) or the collector was at work are
/// told apart; a hypervisor's doing cannot be seen from within, so that a loop doing nothing is measured for the same time.
/// </summary>
internal sealed class PauseMeter
{

    private readonly long _started = Stopwatch.GetTimestamp();
    private long _last = Stopwatch.GetTimestamp();
    private readonly long _floor = Stopwatch.Frequency / 20_000;
    private long _disturbances = Disturbances();
    private long _longest;
    private long _longestDisturbed;

    /// <summary>Starts a gap now: what lies before is not measured.</summary>
    public void Reset()
    {
        _disturbances = Disturbances();
        _last = Stopwatch.GetTimestamp();
    }

    /// <summary>Ends a gap and starts the next one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Tick()
    {
        long gap = Stopwatch.GetTimestamp() - _last;
        if (gap > _floor)
            Note(gap);
        _last = Stopwatch.GetTimestamp();
    }

    /// <summary>Reports what was seen, after running an idle loop for as long.</summary>
    public void Report(Action<StorageBenchResult> report, string name)
    {
        TimeSpan ran = Stopwatch.GetElapsedTime(_started);
        var idle = new PauseMeter();
        while (Stopwatch.GetElapsedTime(idle._started) < ran)
            idle.Tick();
        Report(report, $"longest: {name}", Milliseconds(_longest), Milliseconds(_longestDisturbed));
        Report(report, "  the same, idle loop of the same length", Milliseconds(idle._longest), Milliseconds(idle._longestDisturbed));
    }

    private static void Report(Action<StorageBenchResult> report, string name, double undisturbed, double disturbed)
    {
        report(new StorageBenchResult(name, "ms", undisturbed, undisturbed));
        report(new StorageBenchResult("  when the thread was interrupted", "ms", disturbed, disturbed));
    }

    private static double Milliseconds(long ticks) => ticks * 1e3 / Stopwatch.Frequency;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Note(long gap)
    {
        // A switch since the last long gap may be older than this one; it then errs for the disturbed, never for a long gap of our own twice.
        long disturbances = Disturbances();
        ref long longest = ref disturbances == _disturbances ? ref _longest : ref _longestDisturbed;
        longest = Math.Max(longest, gap);
        _disturbances = disturbances;
    }

    private static long Disturbances()
    {
        long count = GC.CollectionCount(0);
        if (OperatingSystem.IsLinux())
        {
            // https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
            foreach (string line in File.ReadLines("/proc/thread-self/status"))
            {
                if (line.Contains("ctxt_switches", StringComparison.Ordinal))
                    count += long.Parse(line.AsSpan(line.IndexOf(':') + 1), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);
            }
        }

        return count;
    }
}
