using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Streams;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>How replicas come, follow, and go.</summary>
public sealed class PrimaryLinkTests
{
    [Fact]
    public void A_replica_whose_log_is_a_prefix_continues_and_gets_what_it_lacks()
    {
        PrimaryRig rig = new();
        rig.Do(Op.Set("k1"), Op.Set("k2"));
        rig.Attach("b", change: request => request with { LogEnd = 2, Applied = 2 });
        SentItem[] sent = [.. rig.To("b")];
        Assert.Equal(LinkItemKind.Continue, sent[0].Head.Kind);
        Assert.Equal((2, 0), (sent[0].Head.A, sent[0].Head.Sequence));
        Assert.Equal((LinkItemKind.Mutations, 3, rig.Core.LogEnd - 2), (sent[1].Head.Kind, sent[1].Head.B, sent[1].Head.C));
    }

    [Fact]
    public void A_tail_that_parted_is_cut_where_it_parted()
    {
        PrimaryRig rig = SecondReign(out long ended);
        rig.Attach("b", change: request => request with { LogEnd = ended + 40, Applied = ended, History = [new(1, 1)] });
        Assert.Equal(ended, rig.To("b", LinkItemKind.Continue).Single().Head.A);
    }

    [Fact]
    public void Applied_data_that_parted_need_a_full_sync()
    {
        PrimaryRig rig = SecondReign(out long ended);
        rig.Attach("b", change: request => request with { LogEnd = ended + 40, Applied = ended + 1, History = [new(1, 1)] });
        Assert.Empty(rig.To("b", LinkItemKind.Continue));
        Assert.Contains(rig.Events, e => e.What == PrimaryEvent.FullSyncNeeded);
    }

    [Fact]
    public void An_unknown_history_or_another_line_of_data_needs_a_full_sync()
    {
        PrimaryRig rig = new();
        rig.Attach("b", change: request => request with { History = [new(9, 1)], LogEnd = 5, EpochSeen = 1 });
        rig.Attach("c", change: request => request with { Lineage = Guid.NewGuid() });
        Assert.Equal(2, rig.Events.Count(e => e.What == PrimaryEvent.FullSyncNeeded));
    }

    [Fact]
    public void What_fell_out_of_the_backlog_needs_one_full_sync_and_then_continues()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 1, BacklogBytesMax = 1000 });
        for (int i = 0; i < 100; i++)
            rig.Do(Op.Set($"k{i}", new string('v', 2000)));
        rig.Wait(50);
        Assert.True(rig.Copy.Log.FirstOffset > 2);
        rig.Attach("b", change: request => request with { LogEnd = 1, Applied = 1 });
        Assert.Equal(1, rig.BacklogMisses);
        Assert.Single(rig.Events, e => e.What == PrimaryEvent.FullSyncNeeded);
        rig.Wait(200, "b");
        rig.Do(Op.Set("during"));
        rig.SnapshotEnds();
        rig.Acknowledge("b");
        Assert.Equal(LinkPhase.Online, rig.Core.Links.Single().Phase);
        Assert.Single(rig.Events, e => e.What == PrimaryEvent.WindowClosed);
    }

    [Fact]
    public void An_empty_copy_says_nothing_of_the_backlog()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 1, BacklogBytesMax = 1000 });
        for (int i = 0; i < 100; i++)
            rig.Do(Op.Set($"k{i}", new string('v', 2000)));
        rig.Wait(50);
        Assert.True(rig.Copy.Log.FirstOffset > 2);
        rig.Attach("b", change: request => request with { Complete = false, LogEnd = 0, Applied = 0 });
        Assert.Single(rig.Events, e => e.What == PrimaryEvent.FullSyncNeeded);
        Assert.Equal(0, rig.BacklogMisses);
    }

    [Fact]
    public void Only_the_newest_attach_of_a_silo_counts()
    {
        PrimaryRig rig = new();
        rig.Attach("b");
        rig.Attach("b");
        Assert.Single(rig.Core.Links);
        Assert.Equal(AttachAnswer.Later, rig.Attach("b", change: request => request with { Attach = 1 }));
        Assert.Equal(2, rig.Core.Links.Single().Attach);
    }

    [Fact]
    public void A_replica_that_saw_a_higher_epoch_ends_the_reign()
    {
        PrimaryRig rig = new();
        Assert.Equal(AttachAnswer.NotPrimary, rig.Attach("b", change: request => request with { EpochSeen = 2 }));
        Assert.NotNull(rig.SteppedDown);
    }

    [Fact]
    public void A_primary_whose_silo_hears_of_a_higher_epoch_steps_down_though_it_has_nothing_to_write_to_the_record()
    {
        PrimaryRig rig = new();
        rig.Copy.Observe(2, 0);
        rig.Wait(50);
        Assert.NotNull(rig.SteppedDown);
    }

    [Fact]
    public void A_surplus_replica_is_sent_away_but_never_a_named_one()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 1 }).With("b");
        Assert.Equal(AttachAnswer.NotWanted, rig.Attach("c"));
        Assert.Equal(AttachAnswer.Accepted, rig.Attach("b"));
    }

    [Fact]
    public void A_new_copy_on_a_members_silo_is_no_surplus_but_takes_the_members_place()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 1 }).With("b");
        CopyName gone = rig.CopyOn("b");
        Ticket write = rig.Do(Op.Set("k"));
        Assert.Equal(AttachAnswer.Accepted, rig.Attach("b", change: request => request with { Copy = new CopyName("b", Guid.NewGuid()), Complete = false, LogEnd = 0, History = [], Lineage = Guid.Empty }));
        rig.Wait(50, "b");
        Assert.DoesNotContain(gone, rig.Writing!.InSync);
        rig.RecordLands();
        Assert.False(write.IsWaiting);
    }

    [Fact]
    public void A_silent_replica_loses_its_link_and_an_answering_one_does_not()
    {
        PrimaryRig rig = new PrimaryRig().With("b", "c");
        rig.Wait(2500, "c");
        Assert.Equal(["c"], rig.Core.Links.Select(link => link.Silo));
    }

    [Fact]
    public void A_primary_that_stood_still_does_not_blame_its_replicas()
    {
        PrimaryRig rig = new PrimaryRig().With("b", "c");
        rig.PassTime(10_000);
        rig.Wait(50);
        Assert.Equal(2, rig.Core.Links.Count());
        Assert.Null(rig.Writing);
    }

    [Fact]
    public void A_stream_that_takes_nothing_is_not_fed_beyond_its_bound()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { ItemsUnsentMax = 3 }).With("b");
        rig.StreamsTake = false;
        for (int i = 0; i < 20; i++)
            rig.Do(Op.Set($"k{i}"));
        Assert.Equal(3, rig.Core.Links.Single().Unsent.Count);
        rig.StreamsTake = true;
        rig.Wait(50, "b");
        Assert.Equal(rig.Core.LogEnd + 1, rig.Core.Links.Single().NextOffset);
    }

    /// <summary>A stream refuses what comes beyond its hard bound, which would end the link: large values must wait for each other here.</summary>
    [Fact]
    public void Large_values_wait_until_the_stream_has_taken_those_before_and_so_do_heartbeats()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 1, BytesUnsentMax = 80_000, ItemBytesMax = 1000, Compress = false }).With("b");
        PrimaryLink link = rig.Core.Links.Single();
        rig.Do(Op.Set("k"));
        rig.StreamsTake = false;
        for (int i = 0; i < 4; i++)
            rig.Do(Op.Set($"k{i}", new string('v', 80_000)));
        rig.Wait(1_000, "b");
        Assert.Equal(1, link.Unsent.Count);
        Assert.InRange(link.Unsent.Bytes, 80_000, 81_000);

        for (long next = link.NextOffset; next <= rig.Core.LogEnd; next++)
        {
            Assert.Equal(next, link.NextOffset);
            rig.Core.OnSent("b", link.Attach, rig.Now);
            Assert.Equal(1, link.Unsent.Count);
        }

        rig.Core.OnSent("b", link.Attach, rig.Now);
        Assert.Equal((0, 0), (link.Unsent.Count, link.Unsent.Bytes));
    }

    /// <summary>Below its soft bound the stream has taken an item at once; what is unsent comes on top, and refused is what finds the hard bound reached.</summary>
    [Fact]
    public void What_a_link_gives_to_its_stream_is_never_refused()
    {
        PrimaryOptions primary = new();
        GridStreamOptions stream = new();
        Assert.True(stream.BytesPerStreamMax + primary.BytesUnsentMax < stream.BytesPerStreamHardMax);
        Assert.True(LinkItem.HeadLength + primary.KeyBytesMax + (long)primary.ValueBytesMax < stream.BytesPerItemMax);
    }

    [Fact]
    public void A_failed_stream_ends_the_link_of_that_attach_only()
    {
        PrimaryRig rig = new();
        rig.Attach("b");
        long first = rig.Request("b").Attach;
        rig.Attach("b");
        rig.Core.OnLinkFailed("b", first, "late news", rig.Now);
        Assert.Single(rig.Core.Links);
        rig.Core.OnLinkFailed("b", rig.Request("b").Attach, "now it is so", rig.Now);
        Assert.Empty(rig.Core.Links);
    }

    [Fact]
    public void Replicas_are_asked_for_on_as_many_silos_as_copies_are_wanted()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 2 });
        rig.Wait(50);
        Assert.Equal(2, rig.Started.Distinct().Count());
        Assert.DoesNotContain("a", rig.Started);
    }

    [Fact]
    public void Who_was_asked_is_forgotten_with_its_silo()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 1 }, others: ["b"]);
        rig.Wait(50);
        rig.Started.Clear();
        rig.SilosAre("a");
        rig.SilosAre("a", "b");
        Assert.Equal(["b"], rig.Started);
    }

    [Fact]
    public void A_laggard_outside_of_the_set_is_dropped_before_any_write_is_refused()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 2, BacklogBytesMax = 1000, UncommittedBytesMax = 200_000, SyncPinBytes = 200_000 }).With("b");
        rig.Attach("c");
        rig.StreamsTake = false;
        for (int i = 0; i < 300; i++)
        {
            Ticket write = rig.Do(Op.Set($"k{i}", new string('v', 2000)));
            Assert.True(write.IsWaiting);
            foreach (PrimaryLink link in rig.Core.Links.Where(link => link.Silo == "b" && link.Unsent.Count > 0).ToArray())
                rig.Core.OnSent("b", link.Attach, rig.Now);
            rig.Acknowledge("b");
        }

        Assert.Equal(["b"], rig.Core.Links.Select(link => link.Silo));
    }

    /// <summary>A large value that was sent lies in the same chunk of the log as the small writes that were not, and is pinned no more.</summary>
    [Fact]
    public void What_a_link_was_sent_does_not_count_as_pinned_however_large_it_is()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 2, BacklogBytesMax = 1000, UncommittedBytesMax = 2_000_000, SyncPinBytes = 200_000, ReplicaTimeoutMs = 60_000 }).With("b");
        rig.Attach("c");
        rig.Do(Op.Set("large", new string('v', 600_000)));
        rig.StreamsTake = false;
        for (int i = 0; i < 1000; i++)
            rig.Do(Op.Set($"k{i}", new string('v', 100)));
        Assert.DoesNotContain(rig.Events, e => e.What == PrimaryEvent.PinOverrun);
        Assert.InRange(rig.Core.ViewLinks().Single(link => link.Silo == "c").PinnedBytes, 50_000, 130_000);
    }

    /// <summary>A second reign over a log that ended at <paramref name="ended"/> in the first.</summary>
    private static PrimaryRig SecondReign(out long ended)
    {
        PrimaryRig old = new();
        old.Do(Op.Set("k"));
        old.Core.StepDown("over");
        ended = old.Copy.Log.EndOffset;
        ShardRecord record = old.Core.Record;
        PrimaryRig rig = new(copy: old.Copy, record: record.WithPrimary(old.Copy.Name, 2, [], Guid.NewGuid()));
        rig.Do(Op.Set("l"));
        Assert.Equal(new LogPosition(2, ended + 2), rig.Copy.Position);
        return rig;
    }
}
