using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Records;
using Grid.Replication.Takeover;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>When a loss may be accepted, and what the shard goes on with.</summary>
public sealed class LossPlanTests
{
    private static readonly CopyName A = new("a", Guid.NewGuid());
    private static readonly CopyName B = new("b", Guid.NewGuid());
    private static readonly CopyName C = new("c", Guid.NewGuid());
    private static readonly CopyName D = new("d", Guid.NewGuid());
    private static readonly ShardRecord Record = ShardRecord.Fresh(0, Guid.NewGuid(), Guid.NewGuid()).WithPrimary(A, 4, [B], Guid.NewGuid());

    [Fact]
    public void The_best_whole_copy_goes_on_in_an_epoch_above_all_that_were_seen()
    {
        LossPlan plan = Decide(["c", "d", "e"], Copy(C, 3, 50, epochSeen: 9), Copy(D, 3, 40), new PolledCopy(new CopyName("e", Guid.NewGuid()), CopyState.Loading, new LogPosition(4, 90), 4, Reigns: false));
        Assert.Null(plan.Obstacle);
        Assert.Equal((C, 10L), (plan.Best!.Value.Name, plan.Epoch));
        Assert.Equal([A, B], plan.Lost);
    }

    [Fact]
    public void Where_no_copy_has_survived_it_begins_anew()
    {
        LossPlan plan = Decide(["c"], new PolledCopy(C, CopyState.Empty, default, 0, Reigns: false));
        Assert.Null(plan.Obstacle);
        Assert.Null(plan.Best);
        Assert.Equal(5, plan.Epoch);
    }

    [Fact]
    public void As_long_as_an_in_sync_copy_may_come_back_the_loss_is_not_accepted()
    {
        Assert.Contains("not declared dead", LossPlan.Decide(Record, Answers(Copy(C, 4, 1)), ["a", "c"]).Obstacle);
        Assert.Contains("may have the best copy", LossPlan.Decide(Record, Answers(Copy(C, 4, 1)), ["c", "d"]).Obstacle);
        Assert.Contains("can take over", Decide(["b", "c"], Copy(B, 4, 10), Copy(C, 4, 1)).Obstacle);
        Assert.Contains("reigns", Decide(["c"], Copy(C, 4, 1) with { Reigns = true }).Obstacle);
        Assert.Contains("never had", LossPlan.Decide(ShardRecord.Fresh(0, Guid.NewGuid(), Guid.NewGuid()), Answers(), ["a"]).Obstacle);
    }

    [Fact]
    public void A_silo_that_lives_but_has_lost_its_copy_is_no_obstacle() =>
        Assert.Null(LossPlan.Decide(Record, new Dictionary<string, PolledCopy?> { ["a"] = null, ["b"] = Copy(new CopyName("b", Guid.NewGuid()), 4, 3) }, ["a", "b"]).Obstacle);

    [Fact]
    public void The_next_record_is_another_line_of_data_with_one_copy()
    {
        Guid lineage = Guid.NewGuid();
        ShardRecord next = Decide(["c"], Copy(C, 3, 50, epochSeen: 6)).Next(Record, C, lineage, Guid.NewGuid());
        Assert.Equal((lineage, 7L, (CopyName?)C, Record.Version + 1), (next.Lineage, next.Epoch, next.Primary, next.Version));
        Assert.Equal([C], next.InSync);

        TakeoverPlan takeover = TakeoverPlan.Decide(next, [Copy(C, 3, 50)], ["c"], ["c"]);
        Assert.Equal((TakeoverVerdict.Adopt, C, 8L), (takeover.Verdict, takeover.Copy, takeover.Epoch));
    }

    [Fact]
    public void Where_the_record_has_lost_a_version_that_a_copy_has_seen_whom_it_names_is_no_obstacle_and_the_next_one_is_above_all()
    {
        LossPlan plan = Decide(["b", "c"], Copy(B, 4, 10), Copy(C, 4, 12) with { RecordVersionSeen = Record.Version + 3 });
        Assert.Equal((null, C), (plan.Obstacle, plan.Best!.Value.Name));
        Assert.Equal(Record.Version + 4, plan.Next(Record, C, Guid.NewGuid(), Guid.NewGuid()).Version);
        Assert.Contains("can take over", Decide(["b", "c"], Copy(B, 4, 10), Copy(C, 4, 12) with { RecordVersionSeen = Record.Version }).Obstacle);
    }

    private static LossPlan Decide(string[] alive, params PolledCopy[] polled) => LossPlan.Decide(Record, Answers(polled), alive);

    private static Dictionary<string, PolledCopy?> Answers(params PolledCopy[] polled) => polled.ToDictionary(copy => copy.Name.Silo, copy => (PolledCopy?)copy);

    private static PolledCopy Copy(CopyName name, long epoch, long offset, long epochSeen = 4) => new(name, CopyState.Complete, new LogPosition(epoch, offset), epochSeen, Reigns: false);
}
