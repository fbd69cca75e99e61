using Grid.Client.Contracts.Operator;
using Grid.Silo.Events;
using Xunit;

namespace Grid.Tests.Silo;

public sealed class EventRingTests
{
    [Fact]
    public void The_oldest_go_when_it_is_full()
    {
        EventRing ring = new("silo", TimeProvider.System);
        for (int i = 0; i < EventRing.EventsMax + 10; i++)
            ring.Add(EventKind.SyncEnded, EventSeverity.Info, i, 1, $"event {i}");
        List<ClusterEvent> all = ring.Get(new EventQuery { Most = int.MaxValue });
        Assert.Equal(EventRing.EventsMax, all.Count);
        Assert.Equal((10, EventRing.EventsMax + 9), (all[0].Number, all[^1].Number));
        Assert.Equal(["event 1032", "event 1033"], ring.Get(new EventQuery { Most = 2 }).Select(static happened => happened.Text));
    }

    [Fact]
    public void A_query_picks_by_shard_kind_and_time()
    {
        EventRing ring = new("silo", TimeProvider.System);
        ring.Add(EventKind.Failover, EventSeverity.Warning, 3, 7, "taken over");
        ring.Add(EventKind.SyncEnded, EventSeverity.Info, 4, 1, "synced");
        ring.Add(EventKind.Drain, EventSeverity.Info, "drains");
        ClusterEvent failover = Assert.Single(ring.Get(new EventQuery { Shard = 3 }));
        Assert.Equal((EventKind.Failover, EventSeverity.Warning, 7L, "silo"), (failover.Kind, failover.Severity, failover.Epoch, failover.Silo));
        Assert.Equal("drains", Assert.Single(ring.Get(new EventQuery { Kinds = [EventKind.Drain] })).Text);
        Assert.Empty(ring.Get(new EventQuery { After = DateTimeOffset.UtcNow.AddMinutes(1) }));
        Assert.Equal(3, ring.Get(new EventQuery { After = DateTimeOffset.UtcNow.AddMinutes(-1) }).Count);
    }

    [Fact]
    public void A_long_text_is_cut()
    {
        EventRing ring = new("silo", TimeProvider.System);
        ring.Add(EventKind.Failure, EventSeverity.Error, new string('x', 10_000));
        Assert.InRange(ring.Get(new EventQuery())[0].Text.Length, 300, 420);
    }
}
