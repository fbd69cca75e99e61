using System.Text;
using Grid.Storage;

namespace Grid.Tests.Simulation;

/// <summary>
/// Many seeds on all cores: each world in one thread, with nothing shared between two of them, so that a seed's run is the
/// same whatever runs beside it.
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

    /// <summary>What was found, by seed.</summary>
    public IReadOnlyDictionary<ulong, SimulationException> Broken => _broken;

    /// <summary>Told from time to time, while it goes on.</summary>
    public Action<string> Tells { get; init; } = _ => { };

    /// <summary>Runs them, until <paramref name="brokenMax"/> of them have failed.</summary>
    public SeedRun Go(int brokenMax = 1, bool explain = true)
    {
        _brokenMax = brokenMax;
        _explain = explain;
        Thread[] workers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(Work))];
        foreach (Thread worker in workers)
            worker.Start();
        foreach (Thread worker in workers)
            worker.Join();
        return this;
    }

    public override string ToString()
    {
        StringBuilder text = new($"{Done} seeds, {Steps} steps, {VirtualMs / 1000} virtual seconds, {Lost} shards without a copy left");
        text.AppendLine().AppendJoin(", ", _counts.Select(count => $"{count.Key} {count.Value}"));
        return text.ToString();
    }

    private void Work()
    {
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
            if (Done % 250 == 0)
                Tells($"{Done} seeds");
        }
    }
}
