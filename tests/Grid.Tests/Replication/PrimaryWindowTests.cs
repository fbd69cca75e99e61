using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Who shares a snapshot, in which codec, and what becomes of a cohort.</summary>
public sealed class PrimaryWindowTests
{
    private const ReplicaCapabilities Capable = ReplicaCapabilities.Lz4 | ReplicaCapabilities.DualChannel;
    private const ReplicaCapabilities Plain = ReplicaCapabilities.DualChannel;

    [Theory]
    [InlineData(true, Capable, Capable, true)]
    [InlineData(true, Capable, Plain, false)]
    [InlineData(true, Plain, Capable, false)]
    [InlineData(true, Plain, Plain, false)]
    [InlineData(false, Capable, Capable, false)]
    public void A_cohort_is_compressed_only_if_that_is_on_and_every_member_can(bool on, ReplicaCapabilities b, ReplicaCapabilities c, bool compressed)
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 2, Compress = on });
        rig.AttachEmpty("b", b);
        rig.AttachEmpty("c", c);
        rig.Wait(200, "b", "c");
        Assert.Equal(compressed, rig.Snapshot!.Announcement.Compressed);
        Assert.Equal(["b", "c"], rig.Snapshot.Members.Select(member => member.Silo));
        Assert.All([.. rig.To("b", LinkItemKind.FullSync), .. rig.To("c", LinkItemKind.FullSync)], item => Assert.Equal(compressed, ((LinkTraits)item.Head.C).HasFlag(LinkTraits.PackedSnapshot)));
    }

    [Fact]
    public void What_was_decided_names_everybody_who_cannot_decode()
    {
        WindowDecision decided = Decided(MixedCohort.And).Core.LastWindow!;
        Assert.Equal(CodecReason.MemberCannotDecode, decided.Reason);
        Assert.Equal(["b", "c", "d"], decided.Members);
        Assert.Equal(["b", "d"], decided.CannotDecode);
        Assert.Empty(decided.LeftForNext);
        Assert.StartsWith("plaintext: b, d do not decode lz4; ", decided.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_decided_names_everybody_who_was_left_for_the_next_snapshot()
    {
        PrimaryRig rig = Decided(MixedCohort.Split);
        WindowDecision first = rig.Core.LastWindow!;
        rig.SnapshotEnds();
        WindowDecision second = rig.Core.LastWindow!;
        Assert.Equal((CodecReason.MemberCannotDecode, CodecReason.EveryMemberDecodes), (first.Reason, second.Reason));
        Assert.Equal(["b", "d"], first.Members);
        Assert.Equal(["b", "d"], first.CannotDecode);
        Assert.Equal(["c"], first.LeftForNext);
        Assert.EndsWith("; c next", first.Text, StringComparison.Ordinal);
        Assert.Equal(["c"], second.Members);
        Assert.Empty(second.CannotDecode);
        Assert.Empty(second.LeftForNext);
    }

    /// <summary>Of three who came in time two cannot decode; the window has closed.</summary>
    private static PrimaryRig Decided(MixedCohort mixed)
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 3, Compress = true, MixedCohort = mixed }, others: ["b", "c", "d"]);
        rig.AttachEmpty("b", Plain);
        rig.AttachEmpty("c", Capable);
        rig.AttachEmpty("d", Plain);
        rig.Wait(200, "b", "c", "d");
        return rig;
    }

    [Fact]
    public void The_window_closes_a_fixed_time_after_the_first_request()
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b");
        rig.Wait(150, "b");
        rig.AttachEmpty("c");
        Assert.Null(rig.Snapshot);
        rig.Wait(50, "b", "c");
        Assert.Equal(2, rig.Snapshot!.Members.Count);
    }

    [Fact]
    public void A_full_cohort_closes_the_window_early()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 3, MaxCohort = 2 });
        rig.AttachEmpty("b");
        rig.AttachEmpty("c");
        Assert.Equal(2, rig.Snapshot!.Members.Count);
    }

    [Fact]
    public void No_cohort_is_larger_than_allowed_and_who_came_first_goes_first()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 4, MaxCohort = 2 }, others: ["b", "c", "d", "e", "f"]);
        rig.AttachEmpty("f");
        rig.AttachEmpty("e");
        foreach (string late in (string[])["d", "c", "b"])
            rig.AttachEmpty(late);
        rig.SnapshotEnds();
        Assert.Equal(["d", "c"], rig.Snapshot!.Members.Select(member => member.Silo));
        rig.SnapshotEnds();
        Assert.Equal(["b"], rig.Snapshot!.Members.Select(member => member.Silo));
    }

    [Fact]
    public void A_late_joiner_waits_for_the_next_window()
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b");
        rig.Wait(200, "b");
        long first = rig.Snapshot!.SnapshotId;
        rig.AttachEmpty("c");
        rig.Wait(1000, "b", "c");
        Assert.Equal(first, rig.Snapshot!.SnapshotId);
        rig.SnapshotEnds();
        Assert.Equal(["c"], rig.Snapshot!.Members.Select(member => member.Silo));
    }

    [Fact]
    public void The_newest_attach_of_a_silo_decides_what_it_can()
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b", Capable);
        rig.AttachEmpty("b", Plain);
        rig.Wait(200, "b");
        Assert.False(rig.Snapshot!.Announcement.Compressed);
        Assert.Equal(rig.Request("b").Attach, rig.Snapshot.Members.Single().Attach);
    }

    [Fact]
    public void An_empty_window_makes_no_snapshot()
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b");
        rig.SilosAre("a", "c", "d");
        rig.Wait(500);
        Assert.Null(rig.Snapshot);
    }

    [Fact]
    public void Writes_during_the_load_flow_behind_the_announcement()
    {
        PrimaryRig rig = new();
        rig.Do(Op.Set("before"));
        rig.AttachEmpty("b");
        rig.Wait(200, "b");
        long baseOffset = rig.Snapshot!.Announcement.BaseOffset;
        rig.Do(Op.Set("during"));
        SentItem[] sent = [.. rig.To("b").Where(item => item.Head.Kind is LinkItemKind.FullSync or LinkItemKind.Mutations)];
        Assert.Equal(LinkItemKind.FullSync, sent[0].Head.Kind);
        Assert.Equal(baseOffset + 1, sent[1].Head.B);
    }

    [Fact]
    public void A_loaded_replica_joins_under_its_new_name_only()
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b");
        rig.Wait(200, "b");
        rig.SnapshotEnds();
        rig.Acknowledge("b", copy: rig.Request("b").Copy);
        Assert.Null(rig.Writing);
        rig.Acknowledge("b");
        Assert.Contains(rig.Writing!.Members, member => member.CopyId == rig.Request("b").NextCopyId);
    }

    [Fact]
    public void The_last_member_that_goes_ends_the_snapshot_and_one_that_is_done_does_not_keep_it()
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b");
        rig.AttachEmpty("c");
        rig.Wait(200, "b", "c");
        rig.Acknowledge("b", rig.Snapshot!.Announcement.BaseOffset);
        Assert.Empty(rig.Cancelled);
        rig.Core.OnLinkFailed("c", rig.Request("c").Attach, "killed", rig.Now);
        Assert.Equal([rig.Snapshot.SnapshotId], rig.Cancelled);
        Assert.Equal(LinkPhase.Online, rig.Core.Links.Single().Phase);
    }

    [Theory]
    [InlineData(ReplicaCapabilities.DualChannel)]
    [InlineData(ReplicaCapabilities.None)]
    public void A_member_that_is_online_keeps_its_link_when_the_snapshot_is_cancelled_for_want_of_others(ReplicaCapabilities capabilities)
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b", capabilities);
        rig.AttachEmpty("c", capabilities);
        rig.Wait(200, "b", "c");
        rig.Acknowledge("b", rig.Snapshot!.Announcement.BaseOffset);
        rig.RecordLands();
        rig.SilosAre("a", "b", "d");
        Assert.Single(rig.Cancelled);
        rig.SnapshotEnds(failed: true);
        PrimaryLink link = Assert.Single(rig.Core.Links);
        Assert.Equal((rig.Request("b").Attach, LinkPhase.Online), (link.Attach, link.Phase));
        Ticket write = rig.Do(Op.Set("goes on"));
        rig.Acknowledge("b");
        Assert.False(write.IsWaiting);
    }

    [Fact]
    public void A_snapshot_that_fails_ends_the_links_of_those_who_still_load_it_and_nobody_elses()
    {
        PrimaryRig rig = new();
        foreach (string silo in (string[])["b", "c", "d"])
            rig.AttachEmpty(silo);
        rig.Wait(200, "b", "c", "d");
        rig.Acknowledge("b", rig.Snapshot!.Announcement.BaseOffset);
        rig.SnapshotEnds(failed: true);
        Assert.Equal(["b"], rig.Core.Links.Select(link => link.Silo));
        Assert.Equal(["c", "d"], rig.Abandoned);
    }

    [Fact]
    public void Who_is_left_behind_by_its_snapshot_keeps_its_link_if_it_has_loaded_it()
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b");
        rig.AttachEmpty("c");
        rig.Wait(200, "b", "c");
        rig.Acknowledge("b", rig.Snapshot!.Announcement.BaseOffset);
        foreach (string silo in (string[])["b", "c"])
            rig.Core.OnMemberFailed(silo, rig.Request(silo).Attach, "it took nothing", rig.Now);
        Assert.Equal(["b"], rig.Core.Links.Select(link => link.Silo));
    }

    [Fact]
    public void Word_of_a_place_whose_request_was_taken_back_means_nothing()
    {
        PrimaryRig rig = new() { HasPlace = false };
        rig.AttachEmpty("b");
        rig.Wait(200, "b");
        long takenBack = rig.PlaceRequest;
        rig.SilosAre("a", "c", "d");
        rig.Wait(50);
        Assert.False(rig.WantsPlace);
        rig.AttachEmpty("c");
        rig.Wait(200, "c");
        Assert.True(rig.WantsPlace);
        rig.Core.OnSyncPermitted(takenBack, rig.Now);
        Assert.Null(rig.Snapshot);
        rig.Core.OnSyncPermitted(rig.PlaceRequest, rig.Now);
        Assert.Equal(["c"], rig.Snapshot!.Members.Select(member => member.Silo));
    }

    [Fact]
    public void One_member_killed_leaves_the_others_their_snapshot()
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b");
        rig.AttachEmpty("c");
        rig.Wait(200, "b", "c");
        rig.SilosAre("a", "c");
        Assert.Empty(rig.Cancelled);
        Assert.Equal(["c"], rig.Core.Links.Select(link => link.Silo));
    }

    [Fact]
    public void A_snapshot_that_keeps_too_much_is_given_up_and_its_cohort_set_free()
    {
        PrimaryRig rig = new(new PrimaryOptions { Replicas = 1, SnapshotKeptBytesMax = 1000 });
        for (int i = 0; i < 50; i++)
            rig.Do(Op.Set($"k{i}", new string('v', 500)));
        rig.AttachEmpty("b");
        rig.Wait(200, "b");
        for (int i = 0; i < 50; i++)
            rig.Do(Op.Set($"k{i}", new string('w', 500)));
        rig.Wait(50, "b");
        Assert.Equal([rig.Snapshot!.SnapshotId], rig.Cancelled);
        Assert.Empty(rig.Core.Links);
    }

    [Fact]
    public void A_reign_that_ends_cancels_its_snapshot()
    {
        PrimaryRig rig = new();
        rig.AttachEmpty("b");
        rig.Wait(200, "b");
        rig.Core.StepDown("over");
        Assert.Equal([rig.Snapshot!.SnapshotId], rig.Cancelled);
    }
}
