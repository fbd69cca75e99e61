using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Records;
using Grid.Replication.Takeover;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Who takes a shard over, and who must not.</summary>
public sealed class TakeoverPlanTests
{
    private static readonly CopyName A = new("a", Guid.NewGuid());
    private static readonly CopyName B = new("b", Guid.NewGuid());
    private static readonly CopyName C = new("c", Guid.NewGuid());
    private static readonly ShardRecord Record = ShardRecord.Fresh(0, Guid.NewGuid(), Guid.NewGuid()).WithPrimary(A, 4, [B, C], Guid.NewGuid());

    [Fact]
    public void A_shard_that_never_had_a_primary_is_made_on_the_same_silo_whoever_asks()
    {
        ShardRecord fresh = ShardRecord.Fresh(3, Guid.NewGuid(), Guid.NewGuid());
        TakeoverPlan plan = TakeoverPlan.Decide(fresh, [], ["a", "b", "c"], ["a", "b", "c"]);
        Assert.Equal(TakeoverVerdict.Create, plan.Verdict);
        Assert.Equal(plan.Silo, TakeoverPlan.Decide(fresh, [], ["a", "b", "c"], ["c", "b", "a"]).Silo);
        Assert.Equal(TakeoverVerdict.Unavailable, TakeoverPlan.Decide(fresh, [], ["a"], []).Verdict);
    }

    [Fact]
    public void The_highest_position_of_those_that_answered_wins_in_an_epoch_above_all_seen()
    {
        TakeoverPlan plan = Decide(["b", "c"], Copy(B, 4, 10), Copy(C, 4, 12, epochSeen: 9));
        Assert.Equal((TakeoverVerdict.Adopt, C, 10L), (plan.Verdict, plan.Copy, plan.Epoch));
        Assert.Equal([B, C], plan.InSync);
        Assert.Equal(B, Decide(["b", "c"], Copy(B, 5, 1), Copy(C, 4, 12)).Copy);
    }

    [Fact]
    public void A_primary_that_reigns_is_left_alone() =>
        Assert.Equal(TakeoverVerdict.Reigned, Decide(["a", "b"], Copy(A, 4, 10) with { Reigns = true }, Copy(B, 4, 10)).Verdict);

    [Fact]
    public void A_primary_that_lives_but_does_not_answer_is_waited_for() =>
        Assert.Equal(TakeoverVerdict.Unavailable, Decide(["a", "b"], Copy(B, 4, 10)).Verdict);

    [Fact]
    public void A_primary_whose_silo_has_another_copy_or_none_is_not_waited_for()
    {
        foreach (PolledCopy answer in (PolledCopy[])[Copy(new CopyName("a", Guid.NewGuid()), 0, 0), Copy(new CopyName("a", Guid.Empty), 0, 0, epochSeen: 0) with { State = CopyState.Empty }])
        {
            TakeoverPlan plan = Decide(["a", "b"], answer, Copy(B, 4, 10));
            Assert.Equal((TakeoverVerdict.Adopt, B, 5L), (plan.Verdict, plan.Copy, plan.Epoch));
            Assert.Equal([B], plan.InSync);
        }
    }

    [Fact]
    public void A_primarys_copy_without_owner_may_be_adopted_again_in_a_new_epoch()
    {
        TakeoverPlan plan = Decide(["a", "b"], Copy(A, 4, 10), Copy(B, 4, 10));
        Assert.Equal((TakeoverVerdict.Adopt, A, 5L), (plan.Verdict, plan.Copy, plan.Epoch));
    }

    [Theory]
    [InlineData(CopyState.Empty)]
    [InlineData(CopyState.Loading)]
    public void A_copy_that_is_not_whole_is_never_adopted(CopyState state) =>
        Assert.Equal(TakeoverVerdict.Unavailable, Decide(["b"], Copy(B, 4, 10) with { State = state }).Verdict);

    [Fact]
    public void A_copy_that_the_record_does_not_name_is_never_adopted()
    {
        CopyName stranger = new("b", Guid.NewGuid());
        TakeoverPlan plan = Decide(["b"], Copy(stranger, 4, 1000));
        Assert.Equal(TakeoverVerdict.Unavailable, plan.Verdict);
        Assert.Contains("accept the loss", plan.Reason);
    }

    [Fact]
    public void A_copy_on_a_silo_that_takes_no_work_is_not_adopted()
    {
        TakeoverPlan plan = TakeoverPlan.Decide(Record, [Copy(B, 4, 12), Copy(C, 4, 10)], ["b", "c"], ["c"]);
        Assert.Equal(C, plan.Copy);
        Assert.Equal([C], plan.InSync);
    }

    [Fact]
    public void A_member_that_is_merely_silent_stays_in_the_set()
    {
        TakeoverPlan plan = Decide(["b", "c"], Copy(B, 4, 10));
        Assert.Equal((TakeoverVerdict.Adopt, B), (plan.Verdict, plan.Copy));
        Assert.Equal([B, C], plan.InSync);
    }

    [Fact]
    public void A_member_whose_silo_has_another_copy_or_not_a_whole_one_leaves_the_set()
    {
        Assert.Equal([B], Decide(["b", "c"], Copy(B, 4, 10), Copy(new CopyName("c", Guid.NewGuid()), 4, 10)).InSync);
        Assert.Equal([B], Decide(["b", "c"], Copy(B, 4, 10), Copy(C, 4, 10) with { State = CopyState.Loading }).InSync);
    }

    [Fact]
    public void No_more_answers_are_needed_once_the_primary_reigns_or_its_receiver_has_answered_too()
    {
        PolledCopy reigns = Copy(A, 4, 10) with { Reigns = true }, surrendered = Copy(A, 4, 10) with { Surrendered = new SurrenderedReign(4, B) };
        Assert.True(TakeoverPlan.KnowsEnough(Record, [Copy(C, 4, 9), reigns]));
        Assert.True(TakeoverPlan.KnowsEnough(Record, [surrendered, Copy(B, 4, 10)]));
        Assert.Equal(B, Decide(["a", "b", "c"], surrendered, Copy(B, 4, 10)).Copy);
        Assert.Equal([A, B, C], Decide(["a", "b", "c"], surrendered, Copy(B, 4, 10)).InSync);
    }

    [Fact]
    public void Without_the_word_of_both_every_copy_that_can_answer_is_heard()
    {
        PolledCopy surrendered = Copy(A, 4, 10) with { Surrendered = new SurrenderedReign(4, B) };
        Assert.False(TakeoverPlan.KnowsEnough(Record, []));
        Assert.False(TakeoverPlan.KnowsEnough(Record, [Copy(A, 4, 10), Copy(B, 4, 10)]));
        Assert.False(TakeoverPlan.KnowsEnough(Record, [surrendered, Copy(C, 4, 10)]));
        Assert.False(TakeoverPlan.KnowsEnough(Record, [surrendered, Copy(B, 4, 10) with { State = CopyState.Loading }]));
        Assert.False(TakeoverPlan.KnowsEnough(Record, [Copy(A, 3, 10) with { Surrendered = new SurrenderedReign(3, B) }, Copy(B, 4, 10)]));
        Assert.False(TakeoverPlan.KnowsEnough(ShardRecord.Fresh(0, Guid.NewGuid(), Guid.NewGuid()), [Copy(B, 4, 10)]));
    }

    [Fact]
    public void Nobody_takes_over_by_a_record_that_is_older_than_one_that_a_copy_has_seen()
    {
        PolledCopy newer = Copy(C, 4, 10) with { RecordVersionSeen = Record.Version + 1 };
        TakeoverPlan plan = Decide(["b", "c"], Copy(B, 4, 12), newer);
        Assert.Equal(TakeoverVerdict.Unavailable, plan.Verdict);
        Assert.Contains("has lost a write", plan.Reason);
        Assert.Equal(TakeoverVerdict.Unavailable, Decide(["b", "c"], Copy(B, 4, 12), newer with { Name = new CopyName("c", Guid.NewGuid()) }).Verdict);
        Assert.Equal(TakeoverVerdict.Adopt, Decide(["b", "c"], Copy(B, 4, 12), newer with { RecordVersionSeen = Record.Version }).Verdict);
    }

    private static TakeoverPlan Decide(string[] alive, params PolledCopy[] polled) => TakeoverPlan.Decide(Record, polled, alive, alive);

    private static PolledCopy Copy(CopyName name, long epoch, long offset, long epochSeen = 4) =>
        new(name, CopyState.Complete, new LogPosition(epoch, offset), epochSeen, Reigns: false);
}
