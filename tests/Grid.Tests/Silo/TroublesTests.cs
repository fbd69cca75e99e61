using Grid.Client.Contracts.Operator;
using Grid.Silo.Events;
using Grid.Tests.Streams;
using Xunit;

namespace Grid.Tests.Silo;

public sealed class TroublesTests
{
    private readonly FakeTime _time = new();
    private readonly EventRing _ring;
    private readonly Troubles _troubles;

    public TroublesTests()
    {
        _ring = new EventRing("127.0.0.1:11111@1", _time);
        _troubles = new Troubles(_ring, _time);
    }

    [Fact]
    public void A_trouble_is_told_when_it_begins_and_when_it_is_over()
    {
        _troubles.Works("store", null, "it works again");
        Assert.Empty(All());
        for (int i = 0; i < 1000; i++)
            _troubles.Failed("store", EventSeverity.Error, 3, $"it fails: {i}", "127.0.0.1:11112@1");
        Assert.True(_troubles.IsFailing("store"));
        Assert.False(_troubles.IsFailing("another"));
        ClusterEvent began = Assert.Single(All());
        Assert.Equal((EventKind.Failure, EventSeverity.Error, 3, "it fails: 0", "127.0.0.1:11112@1"), (began.Kind, began.Severity, began.Shard, began.Text, began.About));

        _time.Advance(TimeSpan.FromSeconds(12.5));
        _troubles.Works("another", null, "it works again");
        _troubles.Works("store", null, "it works again");
        _troubles.Works("store", null, "it works again");
        Assert.Equal(2, All().Count);
        ClusterEvent over = All()[1];
        Assert.Equal((EventKind.Failure, EventSeverity.Info, (int?)null, "it works again, after 12.5 s and 1,000 failures"), (over.Kind, over.Severity, over.Shard, over.Text));
        Assert.False(_troubles.IsFailing("store"));
    }

    [Fact]
    public void What_comes_and_goes_is_not_told_each_time()
    {
        for (int i = 0; i < 100; i++)
        {
            _troubles.Failed("store", EventSeverity.Error, null, $"it fails: {i}");
            _troubles.Works("store", null, "it works again");
        }

        Assert.Equal(2, All().Count);
        _troubles.Failed("another", EventSeverity.Warning, null, "another fails");
        Assert.Equal("another fails", All()[^1].Text);
        _time.Advance(Troubles.QuietTime);
        _troubles.Failed("store", EventSeverity.Error, null, "it fails again");
        Assert.Equal("it fails again", All()[^1].Text);
    }

    private List<ClusterEvent> All() => _ring.Get(new EventQuery { Most = EventRing.EventsMax });
}
