using System.Diagnostics;
using Grid.Client.Contracts.Operator;
using Grid.Replication.Primary;
using Grid.Silo.Copies;
using Grid.Silo.Services;
using Grid.Silo.Telemetry;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Events;

/// <summary>Keeps what this silo did in each of the last seconds: the curves of the admin page.</summary>
/// <remarks>Thread-safe. Bounded: five minutes.</remarks>
internal sealed class SiloSampler(CopyHost host, OperationMeter operations, TimeProvider time, ILogger<SiloSampler> logger) : SiloLoop
{
    /// <summary>Samples kept.</summary>
    public const int SamplesMax = 300;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Queue<SiloSample> _samples = new(SamplesMax);

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    /// <summary>The samples after a moment, oldest first.</summary>
    public SiloSamples Get(DateTimeOffset? after)
    {
        lock (_gate)
        {
            return new SiloSamples
            {
                Silo = host.Silo,
                Samples = [.. _samples.Where(sample => after is not { } from || sample.Time > from)],
                Answered = true,
                MemoryLimitBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
                Version = typeof(SiloSampler).Assembly.GetName().Version?.ToString(3) ?? "",
            };
        }
    }

    protected override async Task RunAsync(CancellationToken stopping)
    {
        using PeriodicTimer timer = new(Period, time);
        OperationSnapshot before = operations.Snapshot();
        TimeSpan worked = Environment.CpuUsage.TotalTime;
        while (await timer.WaitForNextTickAsync(stopping))
        {
            OperationSnapshot now = operations.Snapshot();
            TimeSpan works = Environment.CpuUsage.TotalTime;
            SiloSample sample = Between(before, now, works - worked);
            (before, worked) = (now, works);
            lock (_gate)
            {
                if (_samples.Count == SamplesMax)
                    _samples.Dequeue();
                _samples.Enqueue(sample);
            }
        }
    }

    private SiloSample Between(in OperationSnapshot before, in OperationSnapshot now, TimeSpan processor)
    {
        double seconds = Math.Max(0.001, Stopwatch.GetElapsedTime(before.Timestamp, now.Timestamp).TotalSeconds);
        DurationCounts durations = now.Durations.Since(before.Durations);
        long dataBytes = 0;
        long lag = 0;
        double lagMs = 0;
        foreach (HostedCopy hosted in host.All)
        {
            (long bytes, long behind, double behindMs) = hosted.Use(copy => Look(hosted, copy));
            dataBytes += bytes;
            lag = Math.Max(lag, behind);
            lagMs = Math.Max(lagMs, behindMs);
        }

        return new SiloSample
        {
            Time = time.GetUtcNow(),
            Reads = (now.Reads - before.Reads) / seconds,
            Writes = (now.Writes - before.Writes) / seconds,
            Failed = (now.Failed - before.Failed) / seconds,
            P50Us = durations.Percentile(0.5).TotalMicroseconds,
            P99Us = durations.Percentile(0.99).TotalMicroseconds,
            DataBytes = dataBytes,
            ProcessBytes = Environment.WorkingSet,
            Processors = processor.TotalSeconds / seconds,
            LagMutations = lag,
            LagMs = lagMs,
        };
    }

    private static (long Bytes, long Lag, double LagMs) Look(HostedCopy hosted, Replication.Copies.ShardCopy copy)
    {
        if (hosted.IsFreed)
            return default;
        if (hosted.Primary is { IsDown: false } primary)
            return (copy.Store.MemoryBytes, primary.ViewLinks().Where(static link => link.Phase == LinkPhase.Online).Select(static link => link.LagMutations).DefaultIfEmpty().Max(), 0);
        long freshAtMs = copy.FreshAtMs;
        return (copy.Store.MemoryBytes, 0, freshAtMs == long.MinValue ? 0 : Math.Max(0, SiloClock.Now.MonotonicMs - freshAtMs));
    }
}
