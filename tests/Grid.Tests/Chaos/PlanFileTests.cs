using Grid.Client;
using Grid.Server;
using Grid.Server.Chaos;
using Grid.Server.Chaos.Faults;
using Xunit;

namespace Grid.Tests.Chaos;

/// <summary>Rounds of chaos that differ, as a file lists them.</summary>
public sealed class PlanFileTests : IDisposable
{
    private static readonly RoundPlan Standard = new() { Seed = 40, Time = TimeSpan.FromSeconds(30), FaultsMax = 7 };

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void A_round_says_what_is_different_in_it_and_has_the_next_seed_unless_it_names_one()
    {
        IReadOnlyList<RoundPlan> rounds = Read("""
            [
              {},
              { "seed": 3, "seconds": 1.5, "count": 2, "faults": ["Split", "OneWay"], "overlap": true, "durability": "Primary", "mustLose": true }, // the checker's own test
              { "count": 0 },
            ]
            """);
        Assert.Equal(Standard, rounds[0]);
        Assert.Equal([FaultKind.Split, FaultKind.OneWay], rounds[1].Faults);
        Assert.Equal(new RoundPlan { Seed = 3, Time = TimeSpan.FromSeconds(1.5), FaultsMax = 2, Overlap = true, Durability = Durability.Primary, MustLose = true, Faults = rounds[1].Faults }, rounds[1]);
        Assert.Equal(Standard with { Seed = 42, FaultsMax = 0 }, rounds[2]);
    }

    [Theory]
    [InlineData("[]", "has 0 rounds; it must have from 1 to 10000")]
    [InlineData("null", "has 0 rounds")]
    [InlineData("{}", "is not an array of rounds")]
    [InlineData("[{", "is not an array of rounds")]
    [InlineData("[{\"secs\": 3}]", "'secs'")]
    [InlineData("[{\"faults\": [\"Quake\"]}]", "$[0].faults[0]")]
    [InlineData("[{\"faults\": [\"Quake\"]}]", "faults (of Kill, Restart, ")]
    [InlineData("[{\"durability\": 7}]", "durability (")]
    [InlineData("[{}, {\"seconds\": 0}]", "round 1: seconds is 0; it must be more than 0 and at most 86400")]
    [InlineData("[{\"seconds\": 1e300}]", "round 0: seconds is ")]
    [InlineData("[{\"count\": -1}]", "round 0: count is -1; it must be 0, for no bound, or more")]
    [InlineData("[{\"faults\": []}]", "round 0: faults is empty; name some of Kill, ")]
    public void What_cannot_be_done_is_named_before_anything_is_started(string json, string error)
    {
        CommandException refused = Assert.Throws<CommandException>(() => Read(json));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains(error, refused.Message, StringComparison.Ordinal);
        Assert.Contains(_file, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        File.Delete(_file);
        Assert.Contains($"{_file} cannot be read", Assert.Throws<CommandException>(() => PlanFile.Read(_file, Standard)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, 0, true)]
    [InlineData(false, 1, false)]
    [InlineData(true, 1, true)]
    [InlineData(true, 0, false)]
    public void A_round_that_must_lose_is_good_if_the_checker_finds_it(bool mustLose, int violated, bool good) =>
        Assert.Equal(good, new ChaosReport { MustLose = mustLose, Violated = violated }.IsGood);

    private IReadOnlyList<RoundPlan> Read(string json)
    {
        File.WriteAllText(_file, json);
        return PlanFile.Read(_file, Standard);
    }
}
