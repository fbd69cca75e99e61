using Grid.Formats.Mutations;
using Grid.Replication.Log;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>The backlog's bound in time, and the budgets of links that pin the log.</summary>
public sealed class BacklogAgeTests
{
    [Fact]
    public void What_is_older_than_the_bound_is_known_to_a_sixteenth_of_it()
    {
        BacklogAge age = new();
        for (long ms = 0; ms <= 1600; ms += 10)
            Assert.InRange(age.Note(ms, logEnd: ms, 1600), 0, 0);
        Assert.InRange(age.Note(2000, 2000, 1600), 300, 400);
        Assert.Equal(0, new BacklogAge().Note(5000, 99, ageMsMax: 0));
    }

    [Fact]
    public void Old_mutations_go_although_there_is_room_and_a_replica_at_the_end_still_goes_on()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 2, BacklogMsMax = 1600, ReplicaTimeoutMs = 60_000 });
        for (int i = 0; i < 200; i++)
            rig.Do(Op.Set($"k{i}", new string('v', 1000)));
        Assert.Equal(1, rig.Copy.Log.FirstOffset);
        rig.Wait(4000);
        Assert.True(rig.Copy.Log.FirstOffset > 100);
        Assert.Equal(Grid.Replication.Links.AttachAnswer.Accepted, rig.Attach("b"));
        Assert.Equal(LinkPhase.Online, rig.Core.Links.Single().Phase);
    }

    [Fact]
    public void Bytes_from_an_offset_are_counted_through_drops_and_cuts()
    {
        using MutationLog log = new(0);
        byte[] value = new byte[990];
        long written = 0;
        for (int i = 0; i < 1000; i++)
        {
            int length = Mutation.WriteSet(log.Reserve(1, 1100), 1, "k"u8, value, 0);
            log.Commit(length);
            written += length;
        }

        Assert.Equal(written, log.BytesFrom(1));
        Assert.InRange(log.BytesFrom(501), written / 2, (written / 2) + (64 << 10));
        log.DropBefore(301, 0);
        Assert.InRange(log.BytesFrom(501), written / 2, (written / 2) + (64 << 10));
        log.TruncateAfter(900);
        Assert.InRange(log.BytesFrom(501), written * 4 / 10, (written * 4 / 10) + (64 << 10));
        Assert.Equal(log.Bytes, log.BytesFrom(1));
        Assert.Equal(0, log.BytesFrom(901));
    }

    [Fact]
    public void A_link_that_overruns_its_budget_has_twice_as_much_the_next_time_until_it_cannot_keep_up()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 2, BacklogBytesMax = 1000, SyncPinBytes = 200_000, SyncPinBytesMax = 400_000, SyncWindowMs = 0, ReplicaTimeoutMs = 60_000 })
        {
            StreamsTake = false,
        };
        List<long> budgets = [];
        for (int attempt = 0; attempt < 3; attempt++)
        {
            rig.AttachEmpty("b");
            Assert.Equal(LinkPhase.Syncing, rig.Core.Links.Single().Phase);
            budgets.Add(rig.Core.ViewLinks().Single().PinBudgetBytes);
            for (int i = 0; rig.Core.Links.Any(); i++)
                rig.Do(Op.Set($"k{i}", new string('v', 5000)));
            rig.SnapshotEnds();
        }

        Assert.Equal([200_000, 400_000, 400_000], budgets);
        Assert.Equal(["b"], rig.Core.Laggards);
        Assert.Single(rig.Events, e => e.What == PrimaryEvent.CannotKeepUp);
        Assert.Equal(2, rig.Events.Count(e => e.What == PrimaryEvent.PinOverrun));
    }
}
