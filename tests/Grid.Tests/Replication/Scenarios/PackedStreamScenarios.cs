using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>The command stream as one VCS frame per link: negotiated, handed over to, broken, switched.</summary>
public sealed class PackedStreamScenarios
{
    [Fact]
    public void A_full_sync_hands_over_to_a_compressed_live_stream()
    {
        using Stage stage = new();
        stage.Write(30);
        StageSilo b = stage.Join("b");
        stage.UntilLoading("b");
        stage.Write(2, "during", bytes: 2000);
        stage.UntilInSync("b");
        stage.Write(2, "live", bytes: 2000);
        Assert.True(b.Replica!.Traits.HasFlag(LinkTraits.PackedCommands));
        stage.Ends();
    }

    [Fact]
    public void Acknowledgements_count_decoded_offsets_however_few_bytes_have_travelled()
    {
        using Stage stage = InSync(out StageSilo b);
        b.Commands.Hold();
        stage.Write(40, "live", bytes: 3000);
        b.Commands.Resume();
        stage.Settle();
        PrimaryLink link = stage.Primary.Core.Links.Single(link => link.Silo == "b");
        Assert.Equal(stage.Primary.Core.LogEnd, link.Acknowledged);
        Assert.InRange(link.Packer!.WireBytes, 1, link.Packer.RawBytes / 20);
        stage.Ends();
    }

    /// <summary>Trying costs as much where nothing is won: after 256 KiB of it the link stores what comes, and tries again after 1 MiB.</summary>
    [Fact]
    public void While_data_are_incompressible_the_link_backs_off_and_status_says_so_until_they_compress_again()
    {
        using Stage stage = InSync(out StageSilo b);
        stage.Write(4, "noise", bytes: 60_000, compressible: false);
        stage.Settle();
        Assert.False(Link().BackingOff);
        stage.Write(2, "more", bytes: 60_000, compressible: false);
        stage.Settle();
        Assert.True(Link().BackingOff);
        Assert.InRange(Link().WireBytes, Link().RawBytes, Link().RawBytes + (Link().RawBytes / 100));

        long stored = Link().WireBytes;
        stage.Write(17, "text", bytes: 60_000);
        stage.Settle();
        Assert.True(Link().WireBytes - stored > 900_000, "What came during the pause was tried.");
        stage.Write(2, "again", bytes: 60_000);
        stage.Settle();
        Assert.False(Link().BackingOff);
        stored = Link().WireBytes;
        stage.Write(10, "small", bytes: 60_000);
        stage.Settle();
        Assert.InRange(Link().WireBytes - stored, 1, 60_000);
        Assert.Equal(1, b.LastAttach);
        stage.Ends();

        LinkView Link() => stage.Primary.Core.ViewLinks().Single();
    }

    [Theory]
    [InlineData("stream-breaks", null, null)]
    [InlineData("item-lost", Fate.Lost, ReplicaEvent.Gap)]
    [InlineData("item-cut", Fate.Cut, ReplicaEvent.CommandDamaged)]
    [InlineData("frame-corrupt", Fate.Spoilt, ReplicaEvent.CommandsCorrupt)]
    [InlineData("frame-short", Fate.Short, ReplicaEvent.CommandsTruncated)]
    [InlineData("item-newer", Fate.Newer, ReplicaEvent.CommandsIncompatible)]
    public void A_disconnect_in_mid_frame_converges_with_a_new_frame(string variant, object? fate, ReplicaEvent? told)
    {
        using Stage stage = InSync(out StageSilo b);
        stage.Write(2, "before", bytes: 2000);
        if (fate is null)
            b.Commands.Break();
        else
            b.Commands.Next(LinkItemKind.PackedMutations, (Fate)fate);
        stage.Write(2, "broken", bytes: 2000);
        stage.UntilInSync("b");
        stage.Settle();
        Assert.Equal(1, stage.Rounds);
        Assert.Contains(b.Events, e => e.What == ReplicaEvent.PartialResync);
        Assert.Equal(told is { } one ? [one] : [], Errors(b));
        stage.Ends(variant);
    }

    [Fact]
    public void A_frame_of_another_version_is_incompatible_and_three_of_them_ask_for_a_plain_stream()
    {
        using Stage stage = InSync(out StageSilo b);
        b.Commands.Next(LinkItemKind.PackedMutations, Fate.Foreign, count: 4);
        stage.Write(1, "foreign", bytes: 2000);
        stage.UntilInSync("b");
        stage.Settle();
        Assert.Equal([ReplicaEvent.CommandsIncompatible, ReplicaEvent.CommandsIncompatible, ReplicaEvent.CommandsIncompatible], Errors(b));
        Assert.True(b.Replica!.IsFaulted);
        Assert.False(b.Replica.Traits.HasFlag(LinkTraits.PackedCommands));
        Assert.Equal(1, stage.Rounds);
        stage.Ends();
    }

    [Fact]
    public void An_item_that_unpacks_to_more_than_is_allowed_is_over_the_limit_and_comes_plain_after_three()
    {
        using Stage stage = new();
        stage.Write(8);
        StageSilo b = stage.Join("b", change: options => options with { ItemBytesMax = 1000, KeyBytesMax = 16, ValueBytesMax = 100 });
        stage.UntilInSync("b");
        stage.Settle();
        stage.Write(1, "large", bytes: 2000);
        stage.UntilInSync("b");
        stage.Settle();
        Assert.Equal([ReplicaEvent.CommandsOverLimit, ReplicaEvent.CommandsOverLimit, ReplicaEvent.CommandsOverLimit], Errors(b));
        Assert.Equal(1, stage.Rounds);
        stage.Ends();
    }

    [Fact]
    public void After_three_corrupt_frames_in_a_row_a_plain_command_stream_is_asked_for()
    {
        using Stage stage = InSync(out StageSilo b);
        for (int i = 1; i <= 3; i++)
        {
            int times = i;
            b.Commands.Next(LinkItemKind.PackedMutations, Fate.Spoilt);
            stage.Write(1, $"spoilt{i}-", bytes: 2000);
            stage.Until($"frame {i} was found corrupt", () => b.Events.Count(e => e.What == ReplicaEvent.CommandsCorrupt) == times);
            stage.Settle();
        }

        Assert.True(b.Replica!.IsFaulted);
        Assert.False(b.Replica.Traits.HasFlag(LinkTraits.PackedCommands));
        Assert.Equal(1, stage.Rounds);
        stage.Ends();
    }

    /// <summary>The link that is concerned ends and goes on by partial resync; the other one notices nothing.</summary>
    [Theory]
    [InlineData("primary-off", true, true, false)]
    [InlineData("primary-on", false, true, true)]
    [InlineData("replica-off", true, false, false)]
    [InlineData("replica-on", true, false, true)]
    public void Settings_flipped_at_either_side_cost_a_partial_resync_of_the_links_that_they_concern(string variant, bool onBefore, bool atPrimary, bool to)
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 2, Compress = onBefore } });
        stage.Write(8);
        StageSilo b = stage.Join("b", lz4: atPrimary || !to);
        StageSilo c = stage.Join("c", lz4: false);
        stage.UntilInSync("b", "c");
        stage.Settle();
        Flip(stage, atPrimary, to);
        stage.Write(2, "after", bytes: 2000);
        stage.UntilInSync("b", "c");
        stage.Settle();
        Assert.Equal((to, 1), (b.Replica!.Traits.HasFlag(LinkTraits.PackedCommands), stage.Rounds));
        Assert.Equal((2, 1), (b.LastAttach, c.LastAttach));
        stage.Ends(variant);
    }

    /// <summary>A sync that is under way is not touched: it ends as it began, then the link goes on as it is to be now.</summary>
    [Theory]
    [InlineData("primary-off", true, true, false)]
    [InlineData("primary-on", false, true, true)]
    [InlineData("replica-off", true, false, false)]
    [InlineData("replica-on", true, false, true)]
    public void Settings_flipped_at_either_side_during_a_load_wait_for_its_end(string variant, bool onBefore, bool atPrimary, bool to)
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 2, Compress = onBefore }, PieceBytes = 100 });
        stage.Write(30);
        StageSilo b = stage.Join("b", lz4: atPrimary || !to);
        stage.UntilLoading("b");
        Flip(stage, atPrimary, to);
        stage.Write(2, "during", bytes: 2000);
        stage.Until("the link is agreed on anew", () => b.LastAttach == 2 && b.Replica!.Phase == ReplicaPhase.Following);
        stage.UntilInSync("b");
        stage.Write(2, "after", bytes: 2000);
        stage.Settle();
        Assert.Equal((to, 1, 1), (b.Replica!.Traits.HasFlag(LinkTraits.PackedCommands), stage.Rounds, b.Loads));
        stage.Ends(variant);
    }

    [Fact]
    public void Several_replicas_negotiate_each_for_itself()
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 3 } });
        stage.Write(8);
        StageSilo b = stage.Join("b"), c = stage.Join("c", lz4: false), d = stage.Join("d", dualChannel: false);
        stage.UntilInSync("b", "c", "d");
        stage.Write(2, "live", bytes: 2000);
        stage.Settle();
        Assert.Equal([true, false, true], ((StageSilo[])[b, c, d]).Select(silo => silo.Replica!.Traits.HasFlag(LinkTraits.PackedCommands)));
        stage.Ends();
    }

    /// <summary>What ended links at the replica.</summary>
    private static IEnumerable<ReplicaEvent> Errors(StageSilo silo) => silo.Events.Select(e => e.What).Where(what => what is ReplicaEvent.Gap or ReplicaEvent.CommandDamaged
        or ReplicaEvent.CommandsCorrupt or ReplicaEvent.CommandsIncompatible or ReplicaEvent.CommandsTruncated or ReplicaEvent.CommandsOverLimit);

    private static void Flip(Stage stage, bool atPrimary, bool to)
    {
        if (atPrimary)
            stage.ReconfigurePrimary($"compression {(to ? "on" : "off")}", options => options with { Compress = to });
        else
            stage.ReconfigureReplica("b", $"lz4 {(to ? "on" : "off")}", options => options with { Capabilities = to ? options.Capabilities | ReplicaCapabilities.Lz4 : options.Capabilities & ~ReplicaCapabilities.Lz4 });
    }

    private static Stage InSync(out StageSilo b)
    {
        Stage stage = new();
        stage.Write(8);
        b = stage.Join("b");
        stage.UntilInSync("b");
        stage.Settle();
        return stage;
    }
}
