using System.Globalization;
using System.Runtime.CompilerServices;
using Grid.Formats.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>Full syncs on whose way something breaks: what was loaded is never seen, the next attempt heals it.</summary>
public sealed class BrokenSyncScenarios
{
    public static TheoryData<string, bool> Codecs => new() { { "lz4", true }, { "plaintext", false } };

    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_link_dropped_mid_transfer_survives_and_syncs_again(string variant, bool lz4)
    {
        using Stage stage = Loading(lz4, out StageSilo b);
        b.Snapshots.Break();
        Heals(stage, b, ReplicaEvent.LoadDropped);
        stage.Ends(variant);
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_payload_that_ends_before_the_announced_size_is_truncated(string variant, bool lz4) =>
        CostsOneLoad(variant, lz4, "its second half is missing", payload => payload[..(payload.Length / 2)], ReplicaEvent.LoadTruncated);

    [Fact]
    public void A_piece_lost_on_the_way_ends_the_load_before_the_announced_size() =>
        CostsOneLoad(LinkItemKind.SnapshotChunk, Fate.Lost, ReplicaEvent.LoadTruncated, "was expected");

    [Fact]
    public void An_end_lost_on_the_way_is_noticed_though_the_command_stream_lives() =>
        CostsOneLoad(LinkItemKind.SnapshotEnd, Fate.Lost, ReplicaEvent.LoadStalled, "no piece of the snapshot came");

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Bytes_after_the_end_of_the_payload_are_corrupt(string variant, bool lz4) =>
        CostsOneLoad(variant, lz4, "15 bytes follow its end", payload => [.. payload, .. "$EOF:0123456789"u8], ReplicaEvent.LoadCorrupt);

    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_payload_corrupt_in_mid_frame_is_never_seen(string variant, bool lz4) =>
        CostsOneLoad(variant, lz4, "a bit in its middle is flipped", payload => Flip(payload, payload.Length / 2), ReplicaEvent.LoadCorrupt);

    /// <summary>Blocks of 64 KiB each with a checksum of its own: those before the corrupt one are loaded by then, and none of it is ever seen.</summary>
    [Fact]
    public void A_frame_of_several_blocks_corrupt_in_a_late_one_is_partly_loaded_and_never_seen()
    {
        using Stage stage = new(new StageSettings { PieceBytes = 50_000 });
        stage.Write(Entries, bytes: 20_000, compressible: false);
        StageSilo b = stage.Join("b");
        stage.SpoilNextPayload("a bit behind two thirds of it is flipped", payload => Flip(payload, payload.Length * 2 / 3));
        Heals(stage, b, ReplicaEvent.LoadCorrupt);
        int loaded = int.Parse(Failure(b).Split(" bytes, ")[^1].Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.InRange(loaded, Entries / 3, Entries * 2 / 3);
        stage.Ends();
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_corrupt_footer_is_found_when_everything_else_is_loaded(string variant, bool lz4) =>
        CostsOneLoad(variant, lz4, "a bit of its last byte is flipped", payload => Flip(payload, payload.Length - 1), ReplicaEvent.LoadCorrupt, $"{Entries} entries)");

    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_payload_of_another_version_is_incompatible(string variant, bool lz4) =>
        CostsOneLoad(variant, lz4, "it is of a later version", payload => NextVersion(payload, lz4 ? 3 : 5), ReplicaEvent.LoadIncompatible);

    [Fact]
    public void An_item_of_another_version_is_incompatible_though_it_came_as_it_was_sent() =>
        CostsOneLoad(LinkItemKind.SnapshotChunk, Fate.Newer, ReplicaEvent.LoadIncompatible, "layout version 2", lz4: true);

    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_payload_with_more_than_is_allowed_is_over_the_limit_until_it_is_allowed(string variant, bool lz4)
    {
        using Stage stage = new(new StageSettings { PieceBytes = 1000 });
        stage.Write(Entries, bytes: 300);
        StageSilo b = stage.Join("b", lz4, change: options => options with { ValueBytesMax = 299 });
        stage.Until("two loads have failed", () => b.FailedLoads.Count() == 2);
        Assert.All(b.FailedLoads, load => Assert.Equal(ReplicaEvent.LoadOverLimit, load.What));
        Assert.Equal((0, 0), (b.Loads, b.Copy.Store.Entries));
        stage.ReconfigureReplica("b", "values of 300 bytes allowed", options => options with { ValueBytesMax = 300 });
        stage.UntilInSync("b");
        Assert.Equal((3, 1), (stage.Rounds, b.Loads));
        Assert.False(b.Replica!.IsFaulted);
        stage.Ends(variant);
    }

    [Theory]
    [InlineData("flipped", Fate.Flipped)]
    [InlineData("cut", Fate.Cut)]
    public void An_item_damaged_on_the_way_is_told_from_its_own_checksum(string variant, object fate) =>
        CostsOneLoad(LinkItemKind.SnapshotChunk, (Fate)fate, ReplicaEvent.LoadDamaged, "damaged on the way", variant: variant);

    [Fact]
    public void A_piece_that_comes_twice_is_taken_once()
    {
        using Stage stage = Loading(lz4: false, out StageSilo b);
        b.Snapshots.Next(LinkItemKind.SnapshotChunk, Fate.Repeated, count: 2);
        stage.UntilInSync("b");
        Assert.Equal(1, stage.Rounds);
        stage.Ends();
    }

    [Fact]
    public void After_three_corrupt_payloads_in_a_row_plaintext_is_asked_for()
    {
        using Stage stage = AboutToLoad(lz4: true, out StageSilo b);
        for (int i = 1; i <= 3; i++)
        {
            int failures = i;
            stage.SpoilNextPayload("a bit in its middle is flipped", payload => Flip(payload, payload.Length / 2));
            stage.Until($"load {i} has failed", () => b.FailedLoads.Count() == failures);
        }

        Assert.True(b.Replica!.IsFaulted);
        stage.UntilInSync("b");
        Assert.Equal(4, stage.Rounds);
        Assert.StartsWith("plaintext", stage.Events.Last(e => e.What == PrimaryEvent.WindowClosed).Details, StringComparison.Ordinal);
        stage.Ends();
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Bytes_on_the_wire_are_accounted_exactly_on_truncation(string variant, bool lz4)
    {
        using Stage stage = AboutToLoad(lz4, out StageSilo b);
        int sent = 0;
        stage.SpoilNextPayload("it is cut behind a third", payload => payload[..(sent = payload.Length / 3)]);
        Heals(stage, b, ReplicaEvent.LoadTruncated);
        Assert.Contains($"(after {sent} bytes", Failure(b), StringComparison.Ordinal);
        stage.Ends(variant);
    }

    [Fact]
    public void One_member_killed_leaves_the_survivor_to_complete()
    {
        using Stage stage = Loading(lz4: true, out StageSilo b, others: "c");
        stage.Kill("c");
        stage.UntilInSync("b");
        Assert.Equal((1, 1), (stage.Rounds, b.Loads));
        stage.Ends();
    }

    /// <summary>The snapshot is cancelled then, since nobody needs it any more.</summary>
    [Theory]
    [InlineData("dual", true)]
    [InlineData("single", false)]
    public void One_member_killed_while_the_survivor_is_online_already_costs_that_one_nothing(string variant, bool dualChannel)
    {
        using Stage stage = LoadingButForTheEndAtC(dualChannel, out StageSilo b);
        long attach = b.LastAttach;
        stage.Kill("c");
        StageCall write = stage.Set("afterwards");
        stage.Run(100);
        Assert.NotNull(write.Answer);
        Assert.Equal((1, 1, attach), (stage.Rounds, b.Loads, b.LastAttach));
        Assert.DoesNotContain(stage.Events, e => e.What == PrimaryEvent.LinkEnded && e.Silo == "b");
        stage.Ends(variant);
    }

    [Fact]
    public void A_snapshot_that_fails_when_one_member_is_online_is_begun_anew_for_the_others_alone()
    {
        using Stage stage = LoadingButForTheEndAtC(dualChannel: true, out StageSilo b);
        long attach = b.LastAttach;
        stage.FailSnapshot();
        stage.Silo("c").Snapshots.Resume();
        stage.UntilInSync("b", "c");
        Assert.Equal((2, 1, attach), (stage.Rounds, b.Loads, b.LastAttach));
        stage.Ends();
    }

    [Fact]
    public void A_member_that_stalls_is_left_behind_and_the_survivor_completes()
    {
        using Stage stage = Loading(lz4: true, out StageSilo b, others: "c");
        stage.Silo("c").Snapshots.Hold();
        stage.UntilInSync("b");
        Assert.Equal(1, stage.Rounds);
        Assert.Contains(stage.Events, e => e.What == PrimaryEvent.LinkEnded && e.Silo == "c" && e.Details.StartsWith("it took nothing of the snapshot", StringComparison.Ordinal));
        stage.Silo("c").Snapshots.Resume();
        stage.UntilInSync("b", "c");
        Assert.Equal((2, 1), (stage.Rounds, b.Loads));
        stage.Ends();
    }

    [Fact]
    public void After_a_promotion_during_a_sync_the_new_primary_syncs_the_replica()
    {
        using Stage stage = new();
        stage.Write(Entries);
        stage.Join("b");
        stage.UntilInSync("b");
        StageSilo c = stage.Join("c");
        stage.UntilLoading("c");
        stage.Set("during");
        stage.Kill("a");
        stage.TakeOver();
        stage.UntilInSync("c");
        Assert.Equal("b", stage.Primary.Silo);
        Assert.Equal(1, c.Loads);
        stage.Ends();
    }

    [Fact]
    public void A_primary_killed_in_mid_sync_without_another_copy_leaves_nothing_half_loaded()
    {
        using Stage stage = new();
        stage.Write(Entries);
        StageSilo b = stage.Join("b");
        stage.UntilLoading("b");
        stage.Kill("a");
        stage.Run(3000);
        Assert.Equal(0, b.Loads);
        Assert.Single(b.FailedLoads);
        stage.EndsUnavailable();
    }

    private const int Entries = 30;

    private static Stage AboutToLoad(bool lz4, out StageSilo b, params string[] others)
    {
        Stage stage = new(new StageSettings { PieceBytes = 120 });
        stage.Write(Entries);
        b = stage.Join("b", lz4);
        foreach (string other in others)
            stage.Join(other, lz4);
        return stage;
    }

    private static Stage Loading(bool lz4, out StageSilo b, params string[] others)
    {
        Stage stage = AboutToLoad(lz4, out b, others);
        stage.UntilLoading("b");
        return stage;
    }

    /// <summary>A payload that is spoiled costs one load; told with the test that calls it.</summary>
    private static void CostsOneLoad(string variant, bool lz4, string how, Func<byte[], byte[]> spoil, ReplicaEvent what, string reason = "", [CallerMemberName] string test = "")
    {
        using Stage stage = AboutToLoad(lz4, out StageSilo b);
        stage.SpoilNextPayload(how, spoil);
        Heals(stage, b, what, reason);
        stage.Ends(variant, test);
    }

    /// <summary>The same for an item that something befalls on its way.</summary>
    private static void CostsOneLoad(LinkItemKind item, Fate fate, ReplicaEvent what, string reason, bool lz4 = false, string variant = "", [CallerMemberName] string test = "")
    {
        using Stage stage = Loading(lz4, out StageSilo b);
        b.Snapshots.Next(item, fate);
        Heals(stage, b, what, reason);
        stage.Ends(variant, test);
    }

    /// <summary>The survivor is online and in sync; the other member lacks nothing but the snapshot's end.</summary>
    private static Stage LoadingButForTheEndAtC(bool dualChannel, out StageSilo b)
    {
        Stage stage = new(new StageSettings { PieceBytes = 120 });
        stage.Write(Entries);
        b = stage.Join("b", dualChannel: dualChannel);
        StageSilo c = stage.Join("c", dualChannel: dualChannel);
        (dualChannel ? c.Snapshots : c.Commands).HoldAt(LinkItemKind.SnapshotEnd);
        stage.UntilInSync("b");
        Assert.Equal((0, 1), (c.Loads, stage.Rounds));
        return stage;
    }

    /// <summary>The load fails for this reason, nothing of it is seen, and one of the next rounds brings the replica up.</summary>
    private static void Heals(Stage stage, StageSilo replica, ReplicaEvent how, string reason = "")
    {
        stage.Until($"the load on {replica.Name} has failed", () => replica.FailedLoads.Any());
        Assert.Equal((0, 0), (replica.Loads, replica.Copy.Store.Entries));
        stage.UntilInSync(replica.Name);
        Assert.Equal(how, replica.FailedLoads.Single().What);
        Assert.Contains(reason, Failure(replica), StringComparison.Ordinal);
        Assert.Equal((2, 1), (stage.Rounds, replica.Loads));
        Assert.False(replica.Replica!.IsFaulted);
    }

    private static string Failure(StageSilo replica) => replica.FailedLoads.First().Details;

    private static byte[] NextVersion(byte[] payload, int at)
    {
        payload[at]++;
        return payload;
    }

    private static byte[] Flip(byte[] payload, int at)
    {
        payload[at] ^= 0x20;
        return payload;
    }
}
