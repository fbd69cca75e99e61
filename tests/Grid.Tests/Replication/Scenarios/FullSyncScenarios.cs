using System.Globalization;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>Full syncs that go well: who shares one, in which codec, and what travels.</summary>
public sealed class FullSyncScenarios
{
    public static TheoryData<string, bool, bool, bool, bool> Cohorts => new()
    {
        { "all-capable", true, true, true, true },
        { "mixed", true, true, false, false },
        { "none-capable", true, false, false, false },
        { "off", false, true, true, false },
    };

    [Theory]
    [MemberData(nameof(Cohorts))]
    public void Diskless_full_sync_of_a_cohort(string variant, bool on, bool b, bool c, bool compressed)
    {
        using Stage stage = FullSync(SyncTransport.Diskless, on, b, c, compressed);
        stage.Ends(variant);
    }

    [Theory]
    [MemberData(nameof(Cohorts))]
    public void Disk_based_full_sync_of_a_cohort(string variant, bool on, bool b, bool c, bool compressed)
    {
        using Stage stage = FullSync(SyncTransport.Disk, on, b, c, compressed);
        stage.Ends(variant);
    }

    [Fact]
    public void Grouped_with_an_incapable_member_there_is_exactly_one_round_in_plaintext()
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 3 } });
        stage.Write(8);
        stage.Join("b");
        stage.Join("c", lz4: false);
        stage.Join("d");
        stage.UntilInSync("b", "c", "d");
        Assert.Equal(1, stage.Rounds);
        Assert.False(IsCompressed(stage, round: 1));
        stage.Ends();
    }

    [Fact]
    public void Split_serves_the_capable_and_the_others_in_two_rounds()
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 3, MixedCohort = MixedCohort.Split } });
        stage.Write(8);
        stage.Join("b");
        stage.Join("c", lz4: false);
        stage.Join("d");
        stage.UntilInSync("b", "c", "d");
        Assert.Equal(2, stage.Rounds);
        Assert.Equal((true, false), (IsCompressed(stage, round: 1), IsCompressed(stage, round: 2)));
        stage.Ends();
    }

    [Fact]
    public void Each_round_decides_its_codec_anew()
    {
        using Stage stage = new();
        stage.Write(8);
        stage.Join("b", lz4: false);
        stage.UntilInSync("b");
        stage.Join("c");
        stage.UntilInSync("c");
        Assert.Equal((false, true), (IsCompressed(stage, round: 1), IsCompressed(stage, round: 2)));
        stage.Ends();
    }

    [Theory]
    [InlineData("lz4-on", true, true)]
    [InlineData("lz4-off", true, false)]
    [InlineData("plaintext-on", false, true)]
    [InlineData("plaintext-off", false, false)]
    public void Full_sync_with_checksums_on_and_off(string variant, bool compress, bool checksums)
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 1, Compress = compress, Checksums = checksums } });
        stage.Write(24);
        stage.Join("b");
        stage.UntilInSync("b");
        stage.Ends(variant);
    }

    [Theory]
    [InlineData("single-lz4-on", false, true, true)]
    [InlineData("single-lz4-off", false, true, false)]
    [InlineData("single-plaintext-on", false, false, true)]
    [InlineData("single-plaintext-off", false, false, false)]
    [InlineData("disk-lz4-on", true, true, true)]
    [InlineData("disk-lz4-off", true, true, false)]
    [InlineData("disk-plaintext-on", true, false, true)]
    [InlineData("disk-plaintext-off", true, false, false)]
    public void Full_sync_with_checksums_on_and_off_on_a_single_channel_and_from_a_file(string variant, bool disk, bool compress, bool checksums)
    {
        using Stage stage = new(new StageSettings
        {
            Primary = new PrimaryOptions { Replicas = 1, Compress = compress, Checksums = checksums, Transport = disk ? SyncTransport.Disk : SyncTransport.Diskless },
        });
        stage.Write(24);
        StageSilo b = stage.Join("b", dualChannel: disk);
        stage.UntilInSync("b");
        Assert.Equal((1, 1), (stage.Rounds, b.Loads));
        stage.Ends(variant);
    }

    [Fact]
    public void Writes_during_a_dual_channel_sync_are_kept_and_follow_the_load()
    {
        using Stage stage = new();
        stage.Write(40, bytes: 60);
        stage.Join("b");
        stage.UntilLoading("b");
        stage.Set("k000", "written during the load");
        stage.Set("new");
        stage.UntilInSync("b");
        Assert.Contains(stage.Silo("b").Events, e => e.What == ReplicaEvent.LoadEnded && e.Details.EndsWith("2 mutations kept meanwhile", StringComparison.Ordinal));
        stage.Ends();
    }

    [Theory]
    [InlineData("snapshot-first", true)]
    [InlineData("commands-first", false)]
    public void Either_channel_of_a_dual_channel_sync_may_be_ahead(string variant, bool snapshotFirst)
    {
        using Stage stage = new();
        stage.Write(8);
        StageSilo b = stage.Join("b");
        StageWire behind = snapshotFirst ? b.Commands : b.Snapshots;
        behind.Hold();
        stage.Run(210);
        stage.Set("meanwhile");
        stage.Run(300);
        behind.Resume();
        stage.UntilInSync("b");
        Assert.Equal((1, 1), (stage.Rounds, b.Loads));
        stage.Ends(variant);
    }

    [Fact]
    public void Who_comes_while_a_snapshot_is_sent_gets_the_next_one()
    {
        using Stage stage = new();
        stage.Write(24);
        stage.Join("b");
        stage.UntilLoading("b");
        stage.Join("c");
        stage.UntilInSync("b", "c");
        Assert.Equal(2, stage.Rounds);
        stage.Ends();
    }

    [Theory]
    [InlineData("lz4", true)]
    [InlineData("plaintext", false)]
    public void Bytes_on_the_wire_are_accounted_exactly_on_success(string variant, bool lz4)
    {
        using Stage stage = new();
        stage.Write(50, bytes: 100);
        stage.Join("b", lz4: lz4);
        stage.UntilLoading("b");
        StageSnapshot snapshot = stage.Primary.Snapshot!;
        stage.UntilInSync("b");
        string ended = Assert.Single(stage.Silo("b").Events, e => e.What == ReplicaEvent.LoadEnded).Details;
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"50 entries, {snapshot.EncodedBytes:N0} bytes on the wire"), ended, StringComparison.Ordinal);
        stage.Ends(variant);
    }

    private static Stage FullSync(SyncTransport transport, bool on, bool b, bool c, bool compressed)
    {
        Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 2, Compress = on, Transport = transport } });
        stage.Write(24);
        stage.Join("b", lz4: b);
        stage.Run(50);
        stage.Join("c", lz4: c);
        stage.UntilInSync("b", "c");
        stage.Set("after");
        Assert.Equal(1, stage.Rounds);
        Assert.Equal(compressed, IsCompressed(stage, round: 1));
        return stage;
    }

    private static bool IsCompressed(Stage stage, int round) =>
        stage.Events.Where(e => e.What == PrimaryEvent.WindowClosed).ElementAt(round - 1).Details.StartsWith("lz4", StringComparison.Ordinal);
}
