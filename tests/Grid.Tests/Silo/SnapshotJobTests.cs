using System.Diagnostics.Metrics;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Silo;
using Grid.Silo.Snapshots;
using Grid.Silo.Telemetry;
using Grid.Tests.Client;
using Grid.Tests.Replication.Rigs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>The snapshots that silos take, of a primary's state machine that hears of them what its silo tells it, in virtual time.</summary>
public sealed class SnapshotJobTests : IDisposable
{
    private const int StallMs = 2000;
    private const int Entries = 100;

    private readonly VirtualTime _time = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly GridSettings _settings = new(Options.Create(new GridOptions()));
    private readonly SyncPlaces _places;
    private readonly SnapshotFiles _files = new(new FakeSilo(), Options.Create(new GridOptions()), NullLogger<SnapshotFiles>.Instance);
    private readonly Dictionary<string, Taker> _takers = [];
    private readonly List<string> _failed = [];
    private readonly Queue<Action> _heldSlices = new();
    private PrimaryRig _rig = new();
    private SnapshotJob? _job;
    private bool _holdsSlices;
    private int _slices;
    private int _failsAtSlice = int.MaxValue;

    public SnapshotJobTests() => _places = new SyncPlaces(_settings);

    public void Dispose()
    {
        _job?.Dispose();
        _files.Dispose();
        _places.Dispose();
        _services.Dispose();
    }

    [Fact]
    public async Task A_cohort_gets_the_whole_snapshot()
    {
        SnapshotJob job = Begin(new Taker("b", _time, 5), new Taker("c", _time, 9));
        await _time.RunAsync(async () =>
        {
            SnapshotOutcome outcome = await job.SendAsync();
            Assert.Equal((Entries, 2), (outcome.Entries, outcome.MembersServed));
        });
        Assert.All(_takers.Values, static taker => Assert.True(taker.HasAll));
        Ends(failed: false);
        Assert.Equal(["b", "c"], _rig.Core.Links.Select(static link => link.Silo));
    }

    /// <summary>With it the snapshot is not needed any more, and is cancelled: who is online has no part in that.</summary>
    [Fact]
    public async Task The_last_member_that_still_loads_ends_and_whoever_is_online_by_then_keeps_its_link()
    {
        SnapshotJob job = Begin(new Taker("b", _time, 5), new Taker("c", _time, 5) { StallsAtEnd = true });
        long attach = _rig.Request("b").Attach;
        await _time.RunAsync(async () =>
        {
            Task sending = job.SendAsync();
            await UntilAsync(() => _takers["b"].HasAll);
            _rig.Acknowledge("b", job.Plan.Announcement.BaseOffset);
            Assert.False(sending.IsCompleted);
            _rig.SilosAre("a", "b", "d");
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        });
        Ends(failed: true);
        Assert.Empty(_failed);
        PrimaryLink link = Assert.Single(_rig.Core.Links);
        Assert.Equal(("b", attach, LinkPhase.Online), (link.Silo, link.Attach, link.Phase));
    }

    [Fact]
    public async Task Who_is_left_behind_at_the_end_though_it_is_online_keeps_its_link()
    {
        SnapshotJob job = Begin(new Taker("b", _time, 5), new Taker("c", _time, 5) { StallsAtEnd = true });
        await _time.RunAsync(async () =>
        {
            Task sending = job.SendAsync();
            await UntilAsync(() => _takers["b"].HasAll);

            // Its stream never hears that the end has arrived.
            _rig.Acknowledge("c", job.Plan.Announcement.BaseOffset);
            await sending;
        });
        Ends(failed: false);
        Assert.Equal(["c"], _failed);
        Assert.Equal([("b", LinkPhase.Syncing), ("c", LinkPhase.Online)], _rig.Core.Links.Select(static link => (link.Silo, link.Phase)));
    }

    [Fact]
    public async Task A_snapshot_that_fails_tells_of_nobody_and_ends_the_links_of_those_who_still_load_it()
    {
        _failsAtSlice = 2;
        SnapshotJob job = Begin(new Taker("b", _time, 5), new Taker("c", _time, 5));
        await _time.RunAsync(() => Assert.ThrowsAsync<IOException>(job.SendAsync));
        Assert.Empty(_failed);
        Ends(failed: true);
        Assert.Empty(_rig.Core.Links);
    }

    [Fact]
    public async Task A_member_whose_link_ends_before_its_sender_has_begun_is_sent_nothing_and_holds_up_nobody()
    {
        SnapshotJob job = Begin(new Taker("b", _time, 5), new Taker("c", _time, 5) { StallsAfter = 0 });
        _rig.SilosAre("a", "b", "d");
        long began = _time.NowMs;
        await _time.RunAsync(job.SendAsync);
        Assert.Empty(_takers["c"].Sequences);
        Assert.True(_takers["b"].HasAll);
        Assert.InRange(_time.NowMs - began, 1, StallMs / 2);
        Assert.Empty(_failed);
    }

    [Fact]
    public async Task A_slice_that_comes_to_its_turn_when_the_reign_is_over_reads_nothing()
    {
        SnapshotJob job = Begin(new Taker("b", _time, 5));
        _holdsSlices = true;
        await _time.RunAsync(async () =>
        {
            Task sending = job.SendAsync();
            await UntilAsync(() => _heldSlices.Count > 0);
            _rig.Core.StepDown("over");
            while (_heldSlices.TryDequeue(out Action? slice))
                slice();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        });
        Assert.Equal(0, job.Plan.Scan.EntriesDone);
    }

    /// <summary>The new attach has a sender of its own: the file is not sent twice.</summary>
    [Fact]
    public async Task A_saved_snapshot_is_not_sent_for_an_attach_that_ended_before_its_sender_began()
    {
        _rig = new PrimaryRig(new PrimaryOptions { Replicas = 2, Transport = SyncTransport.Disk });
        SnapshotJob job = Begin(new Taker("b", _time, 0));
        SnapshotOutcome outcome = await job.SaveAsync();
        await job.EndScanAsync();
        _rig.Core.OnSnapshotSaved(job.Plan.SnapshotId, outcome.WireBytes, outcome.Entries, _rig.Now);
        (SavedSnapshot saved, SnapshotMember member) = Assert.Single(_rig.SavedSent);
        SyncMember ended = job.Admit(member);
        _rig.Core.OnLinkFailed("b", member.Attach, "gone", _rig.Now);
        SyncMember anew = job.Admit(member with { Attach = member.Attach + 1 });
        Assert.False(await job.SendSavedAsync(saved, ended).WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        Assert.Empty(_takers["b"].Sequences);
        Assert.False(anew.HasLeft);
        job.DeleteFile();
    }

    /// <summary>A primary with data whose window has closed over these, and the job that its silo makes of that.</summary>
    private SnapshotJob Begin(params Taker[] takers)
    {
        for (int i = 0; i < Entries; i++)
            _rig.Do(Op.Set($"k{i}", new string((char)('a' + (i % 26)), 8000)));
        foreach (Taker taker in takers)
        {
            _takers.Add(taker.Member.Identity.Silo, taker);
            _rig.AttachEmpty(taker.Member.Identity.Silo, ReplicaCapabilities.DualChannel);
        }

        _rig.Wait(200, [.. _takers.Keys]);
        _job = new SnapshotJob(_rig.Snapshot!, new SnapshotJobSetting
        {
            Shard = 0,
            Epoch = _rig.Core.Epoch,
            ChunkBytes = 128 << 10,
            StallTime = TimeSpan.FromMilliseconds(StallMs),
            Pace = new SyncPace(_settings, _time),
            Files = _files,
            Instruments = new SyncInstruments(_services.GetRequiredService<IMeterFactory>(), _places),
            StreamOf = member => _takers[member.Silo].Send,
            WhenHeldAtMost = (member, bytes) => _takers[member.Silo].WhenHeldAtMost(bytes),
            OnTurn = OnTurn,
            MemberFailed = FailMember,
            Time = _time,
        });
        _rig.WhenCancelled = _ => _job.Cancel();
        _rig.WhenAbandoned = _job.Leave;
        return _job;
    }

    private Task<bool> OnTurn(Func<bool> step)
    {
        TaskCompletionSource<bool> done = new();
        _heldSlices.Enqueue(() => Run(step, done));
        if (!_holdsSlices)
            _heldSlices.Dequeue()();
        return done.Task;
    }

    private void Run(Func<bool> step, TaskCompletionSource<bool> done)
    {
        try
        {
            if (++_slices == _failsAtSlice)
                throw new IOException("a slice fails");
            done.SetResult(step());
        }
        catch (Exception failure)
        {
            done.SetException(failure);
        }
    }

    private Task FailMember(SnapshotMember member, string reason)
    {
        _failed.Add(member.Silo);
        _rig.Core.OnMemberFailed(member.Silo, member.Attach, reason, _rig.Now);
        return Task.CompletedTask;
    }

    /// <summary>What a silo tells its primary once the job is over.</summary>
    private void Ends(bool failed) => _rig.SnapshotEnds(failed);

    private async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(1), _time);
    }
}
