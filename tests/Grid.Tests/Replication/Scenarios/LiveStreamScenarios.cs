using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication.Scenarios;

/// <summary>The command stream while everything follows.</summary>
public sealed class LiveStreamScenarios
{
    [Theory]
    [InlineData("compressible", 4 << 20, true)]
    [InlineData("incompressible", (1 << 20) + (1 << 19), false)]
    public void Large_values_cross_the_borders_of_batches(string variant, int bytes, bool compressible)
    {
        using Stage stage = InSync(new PrimaryOptions { Replicas = 2 }, "b", "c");
        stage.Write(3, "small");
        stage.Write(1, "large", bytes, compressible);
        stage.Write(3, "after");
        stage.Settle();
        stage.Ends(variant);
    }

    [Fact]
    public void A_plaintext_primary_passes_through_to_capable_replicas()
    {
        using Stage stage = InSync(new PrimaryOptions { Replicas = 2, Compress = false }, "b", "c");
        stage.Write(5, "live");
        stage.Set("last");
        stage.Ends();
    }

    [Fact]
    public void Three_replicas_under_load_come_one_after_the_other_and_end_equal()
    {
        using Stage stage = new(new StageSettings { Primary = new PrimaryOptions { Replicas = 3, SyncWindowMs = 50 }, ShowsCommands = false });
        List<StageCall> writes = [];
        foreach (string silo in (string[])["b", "c", "d"])
        {
            stage.Join(silo, lz4: silo != "c");
            while (!stage.Primary.Core.Record.InSync.Any(copy => copy.Silo == silo))
            {
                writes.AddRange(stage.Write(3, $"{silo}{stage.Ms}-"));
                stage.Run(20);
            }
        }

        stage.Settle();
        Assert.All(writes, write => Assert.Equal(Grid.Formats.Operations.BatchStatus.Ok, write.Answer!.Status));
        Assert.Equal(3, stage.Rounds);
        stage.Ends();
    }

    private static Stage InSync(PrimaryOptions options, params string[] silos)
    {
        Stage stage = new(new StageSettings { Primary = options });
        stage.Write(4);
        foreach (string silo in silos)
            stage.Join(silo);
        stage.UntilInSync(silos);
        stage.Settle();
        return stage;
    }
}
