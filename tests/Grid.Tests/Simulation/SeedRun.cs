using System.Diagnostics;
using System.Globalization;
using System.Text;
using Grid.Silo.Snapshots;
using Grid.Storage;

namespace Grid.Tests.Simulation;

/// <summary>
/// Many seeds on all cores: each world in one thread, with nothing shared between two of them, so that a seed's run is the
/// same whatever runs beside it; which has precedence.
/// </summary>
internal sealed class SeedRun(ulong from, long seeds, Func<SimPlan, SimPlan>? change = null)
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly SortedDictionary<ulong, SimulationException> _broken = [];
    private long _taken;
    private int _brokenMax;
    private bool _explain;

    /// <summary>Seeds that were run to their end.</summary>
    public long Done { get; private set; }

    public long Steps { get; private set; }

    public long VirtualMs { get; private set; }

    /// <summary>Shards that were left without a copy.</summary>
    public long Lost { get; private set; }

    /// <summary>How often each kind of thing happened.</summary>
    public IReadOnlyDictionary<string, long> Counts => _counts;

    /// <summary>How long it took.</summary>
    public TimeSpan Took { get; private set; }

    /// <summary>Processor time of the whole process meanwhile, be it for tests that ran beside it.</summary>
    public TimeSpan ProcessorTime { get; private set; }

    /// <summary>What it cost, in one line.</summary>
    public string Cost => string.Create(
        CultureInfo.InvariantCulture,
        $"{Done} seeds, {Steps} steps in {Took.TotalSeconds:F0} s on {Environment.ProcessorCount} processors, {ProcessorTime.TotalSeconds:F0} s of processor time, other tests' included");

    /// <summary>What was found, by seed.</summary>
    public IReadOnlyDictionary<ulong, SimulationException> Broken => _broken;

    /// <summary>A number that a run is told by a variable of the environment; null where it is not.</summary>
    public static long? Setting(string variable) =>
        long.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out long value) ? value : null;

    /// <summary>Runs them, until <paramref name="brokenMax"/> of them have failed.</summary>
    public SeedRun Go(int brokenMax = 1, bool explain = true)
    {
        _brokenMax = brokenMax;
        _explain = explain;
        long began = Stopwatch.GetTimestamp();
        TimeSpan processorBefore = Environment.CpuUsage.TotalTime;
        Thread[] workers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(Work))];
        foreach (Thread worker in workers)
            worker.Start();
        foreach (Thread worker in workers)
            worker.Join();
        Took = Stopwatch.GetElapsedTime(began);
        ProcessorTime = Environment.CpuUsage.TotalTime - processorBefore;
        return this;
    }

    public override string ToString()
    {
        StringBuilder text = new($"{Done} seeds, {Steps} steps, {VirtualMs / 1000} virtual seconds, {Lost} shards without a copy left");
        text.AppendLine().AppendLine(Cost).AppendJoin(", ", _counts.Select(count => $"{count.Key} {count.Value}"));
        return text.ToString();
    }

    private void Work()
    {
        // Beside it there may be tests of real clusters, whose silos are given up when they get no processor for a second.
        Niceness.OfThisThread(10);
        PagePool pages = new();
        while (TryTake(out ulong seed))
        {
            try
            {
                Note(Simulator.Run(seed, change, _explain, pages));
            }
            catch (SimulationException broken)
            {
                lock (_gate)
                    _broken.Add(seed, broken);
            }
        }
    }

    private bool TryTake(out ulong seed)
    {
        lock (_gate)
        {
            seed = from + (ulong)_taken;
            return _taken < seeds && _broken.Count < _brokenMax && _taken++ >= 0;
        }
    }

    private void Note(Simulator.Outcome outcome)
    {
        lock (_gate)
        {
            Done++;
            Steps += outcome.Steps;
            VirtualMs += outcome.VirtualMs;
            Lost += outcome.Lost;
            foreach ((string what, int times) in outcome.Counts)
                _counts[what] = _counts.GetValueOrDefault(what) + times;
        }
    }
}
