using Grid.Formats.Links;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>One channel or two, and what becomes of the old data during a load.</summary>
public sealed class TransportScenarios
{
    /// <summary>Whoever cannot: the snapshot takes the command stream, and the mutations behind it wait at the primary.</summary>
    [Theory]
    [InlineData("replica-cannot", true, false)]
    [InlineData("primary-does-not", false, true)]
    [InlineData("neither", false, false)]
    public void Where_one_side_has_no_dual_channel_the_snapshot_takes_the_command_stream(string variant, bool primary, bool replica)
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 2, DualChannel = primary } });
        stage.Write(30);
        StageSilo b = stage.Join("b", dualChannel: replica);
        stage.UntilLoading("b");
        stage.Set("held back");
        Assert.Equal(0, b.Snapshots.Waiting);
        stage.UntilInSync("b");
        Assert.Contains(b.Events, e => e.What == ReplicaEvent.LoadEnded && e.Details.EndsWith("0 mutations kept meanwhile", StringComparison.Ordinal));
        stage.Ends(variant);
    }

    [Fact]
    public void A_cohort_of_one_with_dual_and_one_with_single_channel_shares_the_snapshot()
    {
        using Stage stage = new();
        stage.Write(30);
        stage.Join("b", dualChannel: false);
        stage.Join("c");
        stage.UntilLoading("c");
        stage.Set("meanwhile");
        stage.UntilInSync("b", "c");
        Assert.Equal(1, stage.Rounds);
        stage.Ends();
    }

    [Theory]
    [InlineData("lost", Fate.Lost)]
    [InlineData("flipped", Fate.Flipped)]
    public void A_piece_that_does_not_arrive_whole_on_a_single_channel_ends_the_load(string variant, object fate)
    {
        using Stage stage = new();
        stage.Write(40);
        StageSilo b = stage.Join("b", lz4: false, dualChannel: false);
        stage.UntilLoading("b");
        b.Commands.Next(LinkItemKind.SnapshotChunk, (Fate)fate);
        stage.UntilInSync("b");
        Assert.Single(b.FailedLoads);
        Assert.Equal((2, 1), (stage.Rounds, b.Loads));
        stage.Ends(variant);
    }

    /// <summary>Swap loads beside the old data, Discard frees them first; either channel.</summary>
    [Theory]
    [InlineData("dual-swap", true, LoadMode.Swap)]
    [InlineData("dual-discard", true, LoadMode.Discard)]
    [InlineData("single-swap", false, LoadMode.Swap)]
    [InlineData("single-discard", false, LoadMode.Discard)]
    public void Either_load_mode_on_either_channel(string variant, bool dualChannel, LoadMode mode)
    {
        using Stage stage = new(new StageSettings { Primary = Small, PieceBytes = 20_000 });
        StageSilo b = Outdated(stage, dualChannel, mode);
        stage.UntilLoading("b");
        Assert.Equal(mode == LoadMode.Swap ? (CopyState.Complete, 8L) : (CopyState.Loading, b.Copy.Store.Entries), (b.Copy.State, b.Copy.Store.Entries));
        stage.Set("meanwhile");
        stage.UntilInSync("b");
        Assert.Equal(2, b.Loads);
        stage.Ends(variant);
    }

    [Theory]
    [InlineData("swap", LoadMode.Swap, CopyState.Complete, 8)]
    [InlineData("discard", LoadMode.Discard, CopyState.Empty, 0)]
    public void A_failed_load_leaves_the_old_copy_or_an_empty_one_but_never_half_a_load(string variant, LoadMode mode, CopyState state, long entries)
    {
        using Stage stage = new(new StageSettings { Primary = Small, PieceBytes = 20_000 });
        StageSilo b = Outdated(stage, dualChannel: true, mode);
        stage.UntilLoading("b");
        b.Snapshots.Next(LinkItemKind.SnapshotChunk, Fate.Lost);
        stage.Until("the load has failed", () => b.FailedLoads.Any());
        Assert.Equal((state, entries), (b.Copy.State, b.Copy.Store.Entries));
        stage.UntilInSync("b");
        stage.Ends(variant);
    }

    private static PrimaryOptions Small => new()
    {
        Replicas = 1,
        ReplicaTimeoutMs = 1000,
        HeartbeatMs = 200,
        BacklogBytesMax = 20_000,
    };

    /// <summary>A replica with data that fell out of the backlog.</summary>
    private static StageSilo Outdated(Stage stage, bool dualChannel, LoadMode mode)
    {
        stage.Write(8);
        StageSilo b = stage.Join("b", lz4: false, dualChannel: dualChannel, change: options => options with { LoadMode = mode });
        stage.UntilInSync("b");
        stage.StopReplica("b");
        stage.Until("b is out of the set", () => stage.Primary.Core.Record.InSync.Length == 1);
        stage.Write(60, "beyond", bytes: 2000);
        stage.Run(Stage.TickMs);
        stage.RestartReplica("b");
        return b;
    }
}
