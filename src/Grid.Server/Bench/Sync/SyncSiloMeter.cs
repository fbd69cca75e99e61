using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime;
using Grid.Silo;
using Grid.Storage;
using Grid.Streams;
using Microsoft.Extensions.DependencyInjection;

namespace Grid.Server.Bench.Sync;

/// <summary>Watches the memory of its own process, and counts what full syncs send.</summary>
internal sealed class SyncSiloMeter : IDisposable
{
    private static readonly TimeSpan SampleEvery = TimeSpan.FromMilliseconds(10);

    private readonly PagePool _pages;
    private readonly IGridStreamControl _streams;
    private readonly IClusterMembershipService _membership;
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _counted = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly Thread _sampler;
    private readonly Lock _gate = new();
    private Memory _began;
    private Memory _peak;
    private TimeSpan _pausesBefore;
    private TimeSpan _cpuBefore;
    private TimeSpan _compilingBefore;
    private long _compiledBefore;
    private long _allocatedBefore;
    private int[] _collectionsBefore = [0, 0, 0];
    private long _joinedAt;

    public SyncSiloMeter(IServiceProvider silo)
    {
        _pages = silo.GetRequiredService<PagePool>();
        _streams = silo.GetRequiredKeyedService<IGridStreamControl>(GridConstants.StreamProvider);
        _membership = silo.GetRequiredService<IClusterMembershipService>();
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Grid" && instrument.Name.StartsWith("grid.sync.", StringComparison.Ordinal))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Count(instrument.Name, value));
        _listener.Start();
        Begin();
        _ = WatchMembershipAsync(_stopping.Token);
        _sampler = new Thread(SampleUntilStopped) { IsBackground = true, Name = "bench memory" };
        _sampler.Start();
    }

    /// <summary>Everything counts from now.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            _began = _peak = Sample();
            _pausesBefore = GC.GetTotalPauseDuration();
            _cpuBefore = Environment.CpuUsage.TotalTime;
            _compilingBefore = JitInfo.GetCompilationTime();
            _compiledBefore = JitInfo.GetCompiledMethodCount();
            _allocatedBefore = GC.GetTotalAllocatedBytes();
            _collectionsBefore = Collections();
            _counted.Clear();
        }
    }

    /// <summary>What has been seen since.</summary>
    public SyncSiloReport Report()
    {
        lock (_gate)
        {
            int[] collections = Collections();
            return new SyncSiloReport(
                Volatile.Read(ref _joinedAt),
                _began.Resident,
                _peak.Resident,
                Math.Max(0, _peak.Accounted - _began.Accounted),
                Math.Max(0, _peak.Heap - _began.Heap),
                (GC.GetTotalPauseDuration() - _pausesBefore).TotalMilliseconds,
                [.. collections.Select((count, generation) => count - _collectionsBefore[generation])],
                GC.GetTotalAllocatedBytes() - _allocatedBefore,
                _counted.GetValueOrDefault("grid.sync.snapshots"),
                _counted.GetValueOrDefault("grid.sync.entries"),
                _counted.GetValueOrDefault("grid.sync.raw.io"),
                _counted.GetValueOrDefault("grid.sync.wire.io"),
                (Environment.CpuUsage.TotalTime - _cpuBefore).TotalMilliseconds,
                JitInfo.GetCompiledMethodCount() - _compiledBefore,
                (JitInfo.GetCompilationTime() - _compilingBefore).TotalMilliseconds);
        }
    }

    public void Dispose()
    {
        _stopping.Cancel();
        _sampler.Join();
        _listener.Dispose();
        _stopping.Dispose();
    }

    private static int[] Collections() => [GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2)];

    private Memory Sample() => new(
        Environment.WorkingSet,
        _pages.RentedBytes + _streams.GetStatistics().Sum(static stream => stream.QueuedBytes),
        GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes);

    private void SampleUntilStopped()
    {
        while (!_stopping.Token.WaitHandle.WaitOne(SampleEvery))
        {
            lock (_gate)
            {
                Memory now = Sample();
                _peak = new Memory(Math.Max(_peak.Resident, now.Resident), Math.Max(_peak.Accounted, now.Accounted), Math.Max(_peak.Heap, now.Heap));
            }
        }
    }

    private void Count(string name, long value)
    {
        lock (_gate)
            _counted[name] = _counted.GetValueOrDefault(name) + value;
    }

    private async Task WatchMembershipAsync(CancellationToken stopping)
    {
        int active = 1;
        try
        {
            await foreach (ClusterMembershipSnapshot snapshot in _membership.MembershipUpdates.WithCancellation(stopping))
            {
                int now = snapshot.Members.Values.Count(static member => member.Status == SiloStatus.Active);
                if (now > active)
                    Volatile.Write(ref _joinedAt, Stopwatch.GetTimestamp());
                active = now;
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            Volatile.Write(ref _joinedAt, 0);
        }
    }

    private readonly record struct Memory(long Resident, long Accounted, long Heap);
}
