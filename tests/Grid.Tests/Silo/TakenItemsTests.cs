using Grid.Formats.Links;
using Grid.Replication.Primary;
using Grid.Silo.Grains;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>What one turn of a primary sends to a stream that takes everything at once.</summary>
public sealed class TakenItemsTests
{
    private const int Values = 64;
    private const int ValueBytes = 128 << 10;
    private const int MostInOneTurn = 4;

    [Fact]
    public void A_link_that_catches_up_has_a_bounded_part_packed_in_each_turn_and_gets_everything_in_the_end()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 1, ReplicaTimeoutMs = 60_000 }) { StreamsTake = false };
        for (int i = 0; i < Values; i++)
            rig.Do(Op.Set($"k{i}", new string((char)('a' + (i % 26)), ValueBytes)));
        TakenItems taken = new();
        int seen = rig.Sent.Count;
        Assert.Equal(Grid.Replication.Links.AttachAnswer.Accepted, rig.Attach("b", change: request => request with { LogEnd = 1 }));
        Take();
        int first = rig.To("b", LinkItemKind.PackedMutations).Count();
        List<int> sent = [];
        bool more;
        do
        {
            int before = rig.Sent.Count;
            more = taken.Tell(rig, (told, silo, attach) =>
            {
                told.Core.OnSent(silo, attach, told.Now);
                Take();
            });
            sent.Add(rig.Sent.Count - before);
        }
        while (more);

        SentItem last = rig.To("b", LinkItemKind.PackedMutations).Last();
        Assert.Equal(rig.Core.LogEnd, last.Head.B + last.Head.C - 1);
        Assert.All(sent, static count => Assert.InRange(count, 0, MostInOneTurn));
        Assert.InRange(sent.Count, (Values - first) / MostInOneTurn, Values);
        Assert.False(taken.Tell(0, static (_, _, _) => Assert.Fail("Nothing was left.")));

        void Take()
        {
            for (; seen < rig.Sent.Count; seen++)
                taken.Add(rig.Sent[seen].Silo, rig.Sent[seen].Head.Attach);
        }
    }

    /// <summary>As after every write: each link was sent one item, and has nothing more to get.</summary>
    [Fact]
    public void What_causes_nothing_more_is_told_in_one_turn_however_many_links_there_are()
    {
        TakenItems taken = new();
        for (int i = 0; i < 40; i++)
            taken.Add($"silo {i}", i);
        List<long> told = [];
        Assert.False(taken.Tell(told, static (list, _, attach) => list.Add(attach)));
        Assert.Equal(Enumerable.Range(0, 40).Select(static i => (long)i), told);
    }
}
