using Grid.Silo;
using Grid.Silo.Snapshots;
using Grid.Tests.Client;
using Microsoft.Extensions.Options;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>What all syncs of a silo share: places and pace.</summary>
public sealed class SyncServicesTests
{
    private readonly VirtualTime _time = new();

    [Fact]
    public void A_pace_spreads_bytes_over_time_and_whoever_comes_later_waits_longer()
    {
        SyncPace pace = new(With(options => options.SyncBytesPerSecondMax = 10 << 20), _time);
        Assert.Equal(TimeSpan.Zero, pace.Reserve(5 << 20));
        Assert.Equal(TimeSpan.FromMilliseconds(500), pace.Reserve(5 << 20));
        Assert.Equal(TimeSpan.FromMilliseconds(1000), pace.Reserve(1));
        _time.AdvanceTo(_time.NowMs + 5000);
        Assert.Equal(TimeSpan.Zero, pace.Reserve(1 << 20));
        Assert.Equal(TimeSpan.FromMilliseconds(100), pace.Reserve(1));
    }

    [Fact]
    public void A_pace_without_bound_holds_nobody_and_a_bound_counts_as_soon_as_it_is_set()
    {
        GridSettings settings = With(_ => { });
        SyncPace pace = new(settings, _time);
        Assert.Equal(TimeSpan.Zero, pace.Reserve(long.MaxValue / 4));
        Assert.Equal(TimeSpan.Zero, pace.Reserve(1));
        Assert.Empty(settings.Change(options => options.SyncBytesPerSecondMax = 1 << 20));
        Assert.Equal(TimeSpan.Zero, pace.Reserve(1 << 20));
        Assert.Equal(TimeSpan.FromMilliseconds(1000), pace.Reserve(1));
    }

    [Fact]
    public async Task A_long_wait_is_told_of_so_that_nobody_takes_it_for_death()
    {
        SyncPace pace = new(With(options => options.SyncBytesPerSecondMax = 1 << 20), _time);
        Assert.Equal(TimeSpan.Zero, pace.Reserve(1 << 20));
        int signs = 0;
        Task waiting = pace.WaitAsync(
            1,
            TimeSpan.FromMilliseconds(300),
            () => signs++,
            TestContext.Current.CancellationToken).AsTask();
        long end = _time.NowMs + 1000;
        while (!waiting.IsCompleted)
        {
            if (_time.NextMs is { } next)
                _time.AdvanceTo(next);
            await Task.Yield();
        }

        Assert.Equal((3, end), (signs, _time.NowMs));
    }

    [Fact]
    public async Task Who_is_cancelled_gives_back_the_time_that_he_had_reserved()
    {
        SyncPace pace = new(With(options => options.SyncBytesPerSecondMax = 1 << 20), _time);
        Assert.Equal(TimeSpan.Zero, pace.Reserve(1 << 20));
        using CancellationTokenSource cancel = new();
        Task waiting = pace.WaitAsync(10 << 20, TimeSpan.FromMilliseconds(300), static () => { }, cancel.Token).AsTask();
        Assert.False(waiting.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pace.WaitAsync(10 << 20, TimeSpan.FromMilliseconds(300), static () => { }, cancel.Token).AsTask());
        Assert.Equal(TimeSpan.FromMilliseconds(1000), pace.Reserve(1));
    }

    [Fact]
    public void Places_are_given_in_the_order_of_the_wishes()
    {
        using SyncPlaces places = new(With(options => options.SnapshotsPerSiloMax = 2));
        List<string> given = [];
        foreach (string owner in (string[])["a", "b", "c", "d"])
            places.Request(owner, () => given.Add(owner));
        Assert.Equal(["a", "b"], given);
        Assert.Equal((2, 2), (places.Held, places.Waiting));
        places.Release("a");
        Assert.Equal(["a", "b", "c"], given);
    }

    [Fact]
    public void A_wish_that_was_taken_back_gets_no_place()
    {
        using SyncPlaces places = new(With(options => options.SnapshotsPerSiloMax = 1));
        List<string> given = [];
        foreach (string owner in (string[])["a", "b", "c"])
            places.Request(owner, () => given.Add(owner));
        places.Release("b");
        places.Release("a");
        places.Release("a");
        Assert.Equal(["a", "c"], given);
        Assert.Equal((1, 0), (places.Held, places.Waiting));
    }

    [Fact]
    public void More_places_are_given_as_soon_as_there_may_be_more()
    {
        GridSettings settings = With(options => options.SnapshotsPerSiloMax = 1);
        using SyncPlaces places = new(settings);
        List<string> given = [];
        foreach (string owner in (string[])["a", "b", "c"])
            places.Request(owner, () => given.Add(owner));
        Assert.Empty(settings.Change(options => options.SnapshotsPerSiloMax = 3));
        Assert.Equal(["a", "b", "c"], given);
    }

    [Fact]
    public void Settings_are_changed_whole_or_not_at_all()
    {
        GridSettings settings = With(_ => { });
        int told = 0;
        settings.Changed += _ => told++;
        Assert.Equal(2, settings.Change(options => (options.SyncWindowMs, options.Replicas, options.RecordStorage) = (5, 77, "other")).Count);
        Assert.Equal((200, 0), (settings.Current.SyncWindowMs, told));
        Assert.Empty(settings.Change(options => options.SyncWindowMs = 5));
        Assert.Equal((5, 1), (settings.Current.SyncWindowMs, told));
    }

    private static GridSettings With(Action<GridOptions> set)
    {
        GridOptions options = new();
        set(options);
        return new GridSettings(Options.Create(options));
    }
}
