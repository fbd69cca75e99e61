using System.Diagnostics;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Chaos.Faults;
using Grid.Server.Chaos.Histories;
using Grid.Server.Chaos.Load;
using Grid.Server.Chaos.Network;
using Grid.Server.Chaos.Processes;
using Grid.Server.Digests;

namespace Grid.Server.Chaos;

/// <summary>One round: faults under load for a time, then everything mended, and what the clients were told checked.</summary>
internal sealed class ChaosRound(ChaosNetwork network, ChaosCluster cluster, ClusterObserver observer, IReadOnlyList<ChaosClient> clients, ChaosOptions options, RoundPlan plan, int number, Action<string> progress)
{
    private static readonly TimeSpan WholeTime = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan DigestTime = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan HearTime = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(1);

    private readonly List<string> _faults = [];
    private readonly FaultRunner _runner = new(network, cluster, observer);

    private string Keyspace => string.Create(CultureInfo.InvariantCulture, $"chaos-{number}");

    private string FloodKeyspace => string.Create(CultureInfo.InvariantCulture, $"flood-{number}");

    private bool IsOver(HistoryClock clock) => clock.NowUs >= plan.Time.TotalMicroseconds || (plan.FaultsMax > 0 && _faults.Count >= plan.FaultsMax);

    /// <summary>Runs it.</summary>
    public async Task<ChaosReport> RunAsync(CancellationToken cancellation)
    {
        string? problem = await cluster.UntilWholeAsync(observer, WholeTime, cancellation);
        if (problem is not null)
            return Failed($"before the first fault: {problem}");
        HistoryClock clock = new();
        await using MixedLoad load = new(clients, Keyspace, options, plan, clock);
        await using WriteFlood? flood = options.Flood > 0 ? new WriteFlood(clients, FloodKeyspace, options.Flood, plan.Durability) : null;
        await Task.Delay(Calm, cancellation);
        problem = plan.Overlap ? await OverlapAsync(clock, cancellation) : await OneByOneAsync(clock, cancellation);
        problem ??= plan.Overlap ? await SettleAsync(cancellation) : null;
        await Task.Delay(Calm, cancellation);
        await load.StopAsync();
        if (flood is not null)
            await flood.StopAsync();
        ClusterStatus? status = await observer.TryGetStatusAsync();
        int unavailable = status?.Shards.Count(static shard => shard.Primary is null) ?? 0;
        IReadOnlyList<HistoryOperation> last = await load.ReadAllAsync(clients[0], Keyspace, options.Keys);
        if (unavailable == 0 && last.Count(static read => read.Outcome == HistoryOutcome.Refused) is > 0 and int refused)
            problem ??= $"{refused} keys cannot be read though every shard has a primary";
        if (flood is not null)
            await flood.ReadAllAsync(clients[0], FloodKeyspace);
        int differing = unavailable == 0 ? await CountDifferingAsync(cancellation) : 0;
        progress($"round {number}: checking {load.Count:N0} calls");
        return Check(load, flood, problem, unavailable, differing);
    }

    /// <summary>The next fault comes when the cluster is whole again after the one before.</summary>
    private async Task<string?> OneByOneAsync(HistoryClock clock, CancellationToken cancellation)
    {
        FaultPlan faults = new(plan.Seed, cluster.Count, plan.Faults);
        while (!IsOver(clock))
        {
            Fault fault = faults.Next();
            progress($"round {number}, {clock.NowUs / 1e6:0.0} s: {fault}");
            await _runner.CarryOutAsync(fault, cancellation);
            await _runner.MendAsync(fault);
            long mended = Stopwatch.GetTimestamp();

            // One that has been away answers from what it knew before, until it has heard what happened.
            if (fault.Kind is not (FaultKind.Kill or FaultKind.Restart or FaultKind.Stop) && fault.Time > Calm)
                await Task.Delay(HearTime, cancellation);
            string? missing = await cluster.UntilWholeAsync(observer, WholeTime, cancellation);
            _faults.Add(string.Create(CultureInfo.InvariantCulture, $"{fault}, whole after {Stopwatch.GetElapsedTime(mended).TotalMilliseconds:0} ms"));
            if (missing is not null)
                return $"after {fault} the cluster is not whole within {WholeTime.TotalSeconds} s: {missing}";
        }

        return null;
    }

    /// <summary>Faults come at random, some at a time. One that costs a silo its data only while no shard depends on that silo alone.</summary>
    private async Task<string?> OverlapAsync(HistoryClock clock, CancellationToken cancellation)
    {
        FaultPlan faults = new(plan.Seed, cluster.Count, plan.Faults);
        List<Task> underWay = [];
        while (!IsOver(clock))
        {
            Fault fault = faults.Next();
            if (CostsData(fault) && !await MayLoseAsync(fault.Silos[0]))
            {
                await Task.Delay(Pause, cancellation);
                continue;
            }

            progress($"round {number}, {clock.NowUs / 1e6:0.0} s: {fault}");
            _faults.Add($"{fault}");
            underWay.Add(CarryOutAndMendAsync(fault, cancellation));
            await Task.Delay(faults.NextPause(), cancellation);
            if (underWay.Count(static task => !task.IsCompleted) >= 3)
                await Task.WhenAny(underWay.Where(static task => !task.IsCompleted));
        }

        await Task.WhenAll(underWay);
        return null;
    }

    private async Task CarryOutAndMendAsync(Fault fault, CancellationToken cancellation)
    {
        await _runner.CarryOutAsync(fault, cancellation);
        await _runner.MendAsync(fault);
    }

    private static bool CostsData(Fault fault) => fault.Kind is FaultKind.Kill or FaultKind.Restart or FaultKind.Stop or FaultKind.LongFreeze;

    /// <summary>Whether each shard of which a silo holds an in-sync copy has another one, as far as can be seen.</summary>
    private async Task<bool> MayLoseAsync(int silo)
    {
        if (await observer.TryGetStatusAsync() is not { } status)
            return false;
        string[] addresses = [.. status.Silos.Where(known => known.Name == ChaosCluster.NameOf(silo)).Select(static known => known.Address)];
        return status.Shards.All(shard => shard.Primary is not null && (!shard.InSync.Any(addresses.Contains) || shard.InSync.Count > 2));
    }

    /// <summary>After overlapping faults: whole, or, with all silos there, unavailable for good where all in-sync copies of a shard are gone.</summary>
    private async Task<string?> SettleAsync(CancellationToken cancellation)
    {
        if (await cluster.UntilWholeAsync(observer, SettleTime, cancellation) is null)
            return null;
        if (await observer.TryGetStatusAsync() is { } status && status.Shards.Any(static shard => shard.Primary is null && shard.Problem is not null))
            return status.Silos.Count(static silo => silo.State == "Active") == cluster.Count ? null : await cluster.UntilWholeAsync(observer, WholeTime, cancellation);
        return await cluster.UntilWholeAsync(observer, WholeTime, cancellation);
    }

    private async Task<int> CountDifferingAsync(CancellationToken cancellation)
    {
        int differing = 0;
        long began = Stopwatch.GetTimestamp();
        for (int shard = 0; shard < options.Shards; shard++)
        {
            ShardDigest digest;
            do
            {
                digest = ShardDigest.Compare(shard, await observer.Operator.DigestAsync(shard).WaitAsync(DigestTime, cancellation));
            }
            while (digest.Verdict != DigestVerdict.Equal && Stopwatch.GetElapsedTime(began) < DigestTime);
            if (digest.Verdict != DigestVerdict.Equal)
                differing++;
        }

        return differing;
    }

    private ChaosReport Check(MixedLoad load, WriteFlood? flood, string? problem, int unavailable, int differing)
    {
        History history = load.History();
        IReadOnlyList<KeyVerdict> verdicts = LinearizabilityChecker.Check(history);
        KeyVerdict[] bad = [.. verdicts.Where(static verdict => verdict.Verdict != LinearizabilityVerdict.Linearizable)];
        ChaosReport report = new()
        {
            Seed = plan.Seed,
            MustLose = plan.MustLose,
            Faults = _faults,
            Outcomes = ChaosReport.Count(history),
            LongestMs = history.Operations.Select(static operation => ((operation.ReturnUs ?? 0) - operation.CallUs) / 1000.0).DefaultIfEmpty().Max(),
            Keys = verdicts.Count,
            Violated = bad.Count(static verdict => verdict.Verdict == LinearizabilityVerdict.Violated),
            GaveUp = bad.Count(static verdict => verdict.Verdict == LinearizabilityVerdict.GaveUp),
            FloodWrites = flood?.Writes ?? 0,
            FloodFailed = flood?.Failed ?? 0,
            FloodWrong = flood?.Wrong ?? [],
            Differing = differing,
            Unavailable = unavailable,
            Unexpected = load.Unexpected,
            Problem = problem,
        };
        return report.IsGood ? report : report with { Evidence = Keep(history, bad) };
    }

    private ChaosReport Failed(string problem) => new() { Seed = plan.Seed, MustLose = plan.MustLose, Faults = _faults, Problem = problem, Evidence = options.Folder };

    /// <summary>Writes what a reader needs: an excerpt and the whole history of each key that is wrong, beside the silos' logs.</summary>
    private string Keep(History history, KeyVerdict[] bad)
    {
        string folder = Directory.CreateDirectory(Path.Combine(options.Folder, string.Create(CultureInfo.InvariantCulture, $"round-{number}"))).FullName;
        File.WriteAllLines(Path.Combine(folder, "faults.txt"), _faults);
        foreach (KeyVerdict verdict in bad)
        {
            string file = Path.Combine(folder, verdict.Key.Replace(':', '-'));
            File.WriteAllText(file + ".txt", verdict.Excerpt);
            using StreamWriter writer = new(file + ".history");
            HistoryText.Write(writer, history with { Operations = [.. history.Operations.Where(operation => operation.Key == verdict.Key).OrderBy(static operation => operation.CallUs)] });
        }

        return folder;
    }
}
