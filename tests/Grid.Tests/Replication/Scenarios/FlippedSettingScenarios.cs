using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>
/// Settings of syncs that change while one is under way: it ends as it began, and the next one is as they say by then. What compression does is told by
/// <see cref="PackedStreamScenarios"/>.
/// </summary>
public sealed class FlippedSettingScenarios
{
    private const int Entries = 30;

    /// <summary>At either side it concerns syncs only: no link is agreed on anew for it.</summary>
    [Theory]
    [InlineData("primary-off", true, true, false)]
    [InlineData("primary-on", false, true, true)]
    [InlineData("replica-off", true, false, false)]
    [InlineData("replica-on", true, false, true)]
    public void Dual_channel_switched_during_a_load_waits_for_the_next_sync(string variant, bool primary, bool atPrimary, bool to)
    {
        using Stage stage = Loading(new PrimaryOptions { DualChannel = primary }, out StageSilo b, dualChannel: atPrimary || !to);
        if (atPrimary)
            stage.ReconfigurePrimary($"dual channel {(to ? "on" : "off")}", options => options with { DualChannel = to });
        else
            stage.ReconfigureReplica("b", $"dual channel {(to ? "on" : "off")}", options => options with { Capabilities = options.Capabilities ^ ReplicaCapabilities.DualChannel });
        EndsAsItBegan(stage, b);
        Assert.Equal(!to, IsDual(stage));
        Next(stage, b);
        Assert.Equal(to, IsDual(stage));
        stage.Ends(variant);
    }

    [Theory]
    [InlineData("to-disk", SyncTransport.Diskless, SyncTransport.Disk)]
    [InlineData("to-diskless", SyncTransport.Disk, SyncTransport.Diskless)]
    public void The_transport_switched_during_a_load_waits_for_the_next_sync(string variant, SyncTransport from, SyncTransport to)
    {
        using Stage stage = Loading(new PrimaryOptions { Transport = from, SavedSnapshotMs = 100 }, out StageSilo b);
        stage.ReconfigurePrimary($"{to}", options => options with { Transport = to });
        EndsAsItBegan(stage, b);
        Assert.Equal(from, stage.Primary.Snapshot!.Plan.Transport);
        stage.Until("no file is left", () => stage.Primary.Files == 0);
        Next(stage, b);
        Assert.Equal(to, stage.Primary.Snapshot!.Plan.Transport);
        stage.Ends(variant);
    }

    /// <summary>The payload that is read is the one that was begun: a checksum that appears or goes in its middle would make it corrupt.</summary>
    [Theory]
    [InlineData("lz4-off", true, false)]
    [InlineData("lz4-on", true, true)]
    [InlineData("plaintext-off", false, false)]
    [InlineData("plaintext-on", false, true)]
    public void Checksums_switched_during_a_load_wait_for_the_next_sync(string variant, bool compress, bool to)
    {
        using Stage stage = Loading(new PrimaryOptions { Compress = compress, Checksums = !to }, out StageSilo b, made: false);
        stage.ReconfigurePrimary($"checksums {(to ? "on" : "off")}", options => options with { Checksums = to });
        EndsAsItBegan(stage, b);
        Assert.Equal(!to, stage.Primary.Snapshot!.Plan.Checksums);
        Next(stage, b);
        Assert.Equal(to, stage.Primary.Snapshot!.Plan.Checksums);
        stage.Ends(variant);
    }

    /// <summary>What becomes of the old data was decided when the load began.</summary>
    [Theory]
    [InlineData("to-discard", LoadMode.Swap, LoadMode.Discard)]
    [InlineData("to-swap", LoadMode.Discard, LoadMode.Swap)]
    public void The_load_mode_switched_during_a_load_waits_for_the_next_one(string variant, LoadMode from, LoadMode to)
    {
        using Stage stage = new(new StageSettings { Primary = Options, PieceBytes = 20_000 });
        stage.Write(8);
        StageSilo b = stage.Join("b", lz4: false, change: options => options with { LoadMode = from });
        stage.UntilInSync("b");
        FallBehind(stage, b, "first");
        stage.UntilLoading("b");
        CopyState during = b.Copy.State;
        Assert.Equal(from == LoadMode.Swap ? CopyState.Complete : CopyState.Loading, during);
        stage.ReconfigureReplica("b", $"{to}", options => options with { LoadMode = to });
        stage.Run(Stage.StepMs);
        Assert.Equal((during, 1), (b.Copy.State, b.Loads));
        stage.UntilInSync("b");
        Assert.Equal((2, 2), (stage.Rounds, b.Loads));
        FallBehind(stage, b, "second");
        stage.UntilLoading("b");
        Assert.Equal(to == LoadMode.Swap ? CopyState.Complete : CopyState.Loading, b.Copy.State);
        stage.UntilInSync("b");
        Assert.Empty(b.FailedLoads);
        stage.Ends(variant);
    }

    private static PrimaryOptions Options => new() { Replicas = 1, ReplicaTimeoutMs = 1000, HeartbeatMs = 200, BacklogBytesMax = 20_000 };

    /// <summary>A replica in mid-load; where the payload is not <paramref name="made"/> yet, before its first piece.</summary>
    private static Stage Loading(PrimaryOptions options, out StageSilo b, bool dualChannel = true, bool made = true)
    {
        Stage stage = new(new StageSettings { Primary = options with { Replicas = 1, ReplicaTimeoutMs = 1000, HeartbeatMs = 200 }, PieceBytes = 120 });
        stage.Write(Entries);
        b = stage.Join("b", dualChannel: dualChannel);
        if (made)
            stage.UntilLoading("b", wireBytes: 200);
        else
            stage.Until("the snapshot is being made", () => stage.Primary.IsMaking);
        return stage;
    }

    private static void EndsAsItBegan(Stage stage, StageSilo b)
    {
        stage.Set("during");
        stage.UntilInSync("b");
        stage.Settle();
        Assert.Empty(b.FailedLoads);
        Assert.Equal((1, 1), (stage.Rounds, b.Loads));
    }

    private static void Next(Stage stage, StageSilo b)
    {
        stage.DropCopy("b");
        stage.Until("it is synced anew", () => b.Loads == 2);
        stage.UntilInSync("b");
        Assert.Equal(2, stage.Rounds);
    }

    private static bool IsDual(Stage stage) => Assert.Single(stage.Primary.Snapshot!.Plan.Members).DualChannel;

    /// <summary>The replica stands still until what it needs has left the backlog.</summary>
    private static void FallBehind(Stage stage, StageSilo b, string prefix)
    {
        stage.StopReplica(b.Name);
        stage.Until("b is out of the set", () => stage.Primary.Core.Record.InSync.Length == 1);
        stage.Write(60, prefix, bytes: 2000);
        stage.Run(Stage.TickMs);
        stage.RestartReplica(b.Name);
    }
}
