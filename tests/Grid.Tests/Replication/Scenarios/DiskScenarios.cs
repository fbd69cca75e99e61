using Grid.Formats.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>Snapshots that go to disk first: who may join one, what a damaged file does, and that files do not stay for ever.</summary>
public sealed class DiskScenarios
{
    /// <summary>A running or finished save serves whoever can read it; who cannot gets a round of its own.</summary>
    [Theory]
    [InlineData("lz4-capable-running", true, true, false, true)]
    [InlineData("lz4-incapable-running", true, false, false, false)]
    [InlineData("plaintext-capable-running", false, true, false, true)]
    [InlineData("plaintext-incapable-running", false, false, false, true)]
    [InlineData("lz4-capable-finished", true, true, true, true)]
    [InlineData("lz4-incapable-finished", true, false, true, false)]
    [InlineData("plaintext-capable-finished", false, true, true, true)]
    [InlineData("plaintext-incapable-finished", false, false, true, true)]
    public void Joining_a_save_in_every_combination_of_its_format_and_the_joiners_capability(string variant, bool saved, bool joiner, bool finished, bool joins)
    {
        using Stage stage = Saving(lz4: saved);
        if (finished)
            stage.UntilInSync("b");
        else
            stage.Until("the save is running", () => stage.Primary.IsMaking);
        stage.Set("since the save began");
        stage.Join("c", lz4: joiner);
        stage.UntilInSync("b", "c");
        Assert.Equal(joins ? 1 : 2, stage.Rounds);
        Assert.Equal(joins, stage.Events.Exists(e => e.What == PrimaryEvent.SnapshotJoined && e.Silo == "c"));
        stage.Ends(variant);
    }

    [Fact]
    public void Writes_while_the_file_is_written_follow_behind_the_load()
    {
        using Stage stage = Saving(lz4: true);
        stage.Until("the save is running", () => stage.Primary.IsMaking);
        stage.Write(4, "while");
        stage.UntilInSync("b");
        stage.Ends();
    }

    [Fact]
    public void A_file_that_ends_before_the_announced_size_is_truncated_and_another_one_is_made()
    {
        using Stage stage = Saving(lz4: true);
        stage.SpoilNextFile("its last byte is missing", file => file[..^1]);
        stage.UntilInSync("b");
        (ReplicaEvent what, string details) = Assert.Single(stage.Silo("b").FailedLoads);
        Assert.Equal(ReplicaEvent.LoadTruncated, what);
        Assert.Contains("bytes that were announced", details, StringComparison.Ordinal);
        Assert.Equal(2, stage.Rounds);
        stage.Ends();
    }

    [Theory]
    [InlineData("plaintext", false)]
    [InlineData("lz4", true)]
    public void A_file_that_is_damaged_where_it_lies_costs_one_load_and_no_loop(string variant, bool lz4)
    {
        using Stage stage = Saving(lz4);
        stage.UntilInSync("b");
        stage.DamageFile("a bit of it flips", file => file[file.Length / 2] ^= 4);
        stage.Join("c", lz4);
        stage.UntilInSync("b", "c");
        Assert.Equal(ReplicaEvent.LoadCorrupt, Assert.Single(stage.Silo("c").FailedLoads).What);
        Assert.Single(stage.Events, e => e.What == PrimaryEvent.SnapshotSuspect);
        Assert.Equal((2, 1), (stage.Rounds, stage.Silo("c").Loads));
        stage.Ends(variant);
    }

    [Fact]
    public void A_file_that_is_gone_is_asked_for_once()
    {
        using Stage stage = Saving(lz4: true);
        stage.UntilInSync("b");
        stage.RemoveFile();
        stage.Join("c");
        stage.UntilInSync("b", "c");
        Assert.Single(stage.Events, e => e.What == PrimaryEvent.SnapshotJoined);
        Assert.Single(stage.Events, e => e.What == PrimaryEvent.SnapshotSuspect);
        Assert.Equal((2, 1), (stage.Rounds, stage.Silo("c").Loads));
        stage.Ends();
    }

    /// <summary><see cref="PrimaryOptions.MaxCohort"/> closes windows; a file is read again for each who joins it, and nobody has waited in a window with him.</summary>
    [Fact]
    public void A_saved_snapshot_may_be_joined_by_more_than_share_a_window()
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 3, MaxCohort = 1, Transport = SyncTransport.Disk } });
        stage.Write(20);
        stage.Join("b");
        stage.UntilInSync("b");
        stage.Join("c");
        stage.Join("d");
        stage.UntilInSync("c", "d");
        Assert.Equal(1, stage.Rounds);
        Assert.Equal(2, stage.Events.Count(e => e.What == PrimaryEvent.SnapshotJoined));
        stage.Ends();
    }

    [Fact]
    public void A_file_with_bytes_after_its_announced_end_is_corrupt()
    {
        using Stage stage = Saving(lz4: true);
        stage.SpoilNextFile("a byte follows its end", file => [.. file, 0]);
        stage.UntilInSync("b");
        Assert.Equal(ReplicaEvent.LoadCorrupt, Assert.Single(stage.Silo("b").FailedLoads).What);
        stage.Ends();
    }

    /// <summary>The file is sent to the same replica a second time; what was left on the way of the first time belongs to the attach before.</summary>
    [Fact]
    public void What_was_left_of_a_file_on_its_way_is_not_taken_for_the_file_that_is_sent_again()
    {
        using Stage stage = Saving(lz4: true);
        StageSilo b = stage.Silo("b");
        stage.UntilLoading("b");
        b.Snapshots.Next(LinkItemKind.SnapshotChunk, Fate.Late);
        stage.Run(Stage.StepMs);
        b.Commands.Break();
        stage.UntilInSync("b");
        Assert.Equal(ReplicaEvent.LoadDropped, Assert.Single(b.FailedLoads).What);
        Assert.Equal((1, 1), (stage.Rounds, b.Loads));
        stage.Ends();
    }

    [Fact]
    public void A_saved_snapshot_is_removed_when_it_is_old()
    {
        using Stage stage = Saving(lz4: true);
        stage.UntilInSync("b");
        Assert.Equal(1, stage.Primary.Files);
        stage.Run(1200);
        Assert.Equal(0, stage.Primary.Files);
        stage.Join("c");
        stage.UntilInSync("c");
        Assert.Equal(2, stage.Rounds);
        stage.Ends();
    }

    [Fact]
    public void A_primary_killed_while_it_writes_the_file_leaves_the_sync_to_its_successor()
    {
        using Stage stage = Saving(lz4: true);
        stage.UntilInSync("b");
        stage.Run(1200);
        stage.Join("c");
        stage.Until("the save is running", () => stage.Primary.IsMaking);
        stage.Kill("a");
        stage.TakeOver();
        stage.UntilInSync("c");
        stage.Ends();
    }

    private static Stage Saving(bool lz4)
    {
        Stage stage = new(new StageSettings
        {
            Primary = new PrimaryOptions { Replicas = 2, ReplicaTimeoutMs = 1000, HeartbeatMs = 200, Transport = SyncTransport.Disk, SavedSnapshotMs = 1000 },
        });
        stage.Write(40);
        stage.Join("b", lz4);
        return stage;
    }
}
