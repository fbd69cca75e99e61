using Grid.Server.Chaos.Histories;
using Grid.Tests.Simulation;
using Xunit;

namespace Grid.Tests.Chaos;

/// <summary>The checker beside the truth: histories of a true register pass, and of others the brute force decides.</summary>
public sealed class HistoryPropertyTests(ITestOutputHelper output)
{
    private const int Histories = 2500;

    public static TheoryData<int, double, double> Mixes => new()
    {
        { 3, 0.2, 0.7 },
        { 2, 0.5, 0.4 },
        { 0, 0.3, 0 },
        { 0, 0.1, 1 },
    };

    [Theory]
    [MemberData(nameof(Mixes))]
    public void Of_small_histories_true_and_mutated_it_says_what_brute_force_says(int values, double unknown, double showsVersion)
    {
        int good = 0, bad = 0;
        for (ulong seed = 1; seed <= Histories; seed++)
        {
            SimRandom random = new(seed);
            HistoryMix mix = new() { Values = values, Unknown = unknown, ShowsVersion = showsVersion, Operations = random.Between(3, 7), Clients = random.Between(2, 4) };
            History history = new HistoryMaker(random, mix).Make();
            Assert.True(KeyHistory.Check(history) == LinearizabilityVerdict.Linearizable, $"Seed {seed}: {Explain(history)}");
            for (int i = 0; i < 3; i++)
            {
                history = Mutate(history, random);
                bool expected = BruteForce.IsLinearizable(history);
                LinearizabilityVerdict verdict = KeyHistory.Check(history);
                Assert.True(verdict == (expected ? LinearizabilityVerdict.Linearizable : LinearizabilityVerdict.Violated), $"Seed {seed}, mutation {i}: {verdict}, brute force says {expected}: {Explain(history)}");
                _ = expected ? good++ : bad++;
            }
        }

        output.WriteLine($"{good} mutated histories are linearizable, {bad} are not");
        Assert.True(good > 200 && bad > 200);
    }

    [Fact]
    public void Histories_of_a_true_register_pass_whatever_expires()
    {
        int gaveUp = 0;
        for (ulong seed = 1; seed <= 1000; seed++)
        {
            SimRandom random = new(seed);
            HistoryMix mix = new() { Operations = 100, Clients = random.Between(2, 8), Values = random.Between(0, 5), Unknown = random.NextFraction() * 0.15, Expires = 0.4 };
            History history = new HistoryMaker(random, mix).Make();
            KeyVerdict verdict = Assert.Single(LinearizabilityChecker.Check(history, new LinearizabilityOptions { ClockErrorMs = 0, StepsMax = 1_000_000 }));
            Assert.True(verdict.Verdict != LinearizabilityVerdict.Violated, $"Seed {seed}: {verdict.Excerpt}\n{Explain(history)}");
            gaveUp += verdict.Verdict == LinearizabilityVerdict.GaveUp ? 1 : 0;
        }

        output.WriteLine($"{gaveUp} were too much");
        Assert.True(gaveUp <= 20);
    }

    [Theory]
    [InlineData("get get get exists set set set set delete expire", 1, 0.0003)]
    [InlineData("get get get exists set set set set", 1, 0.01)]
    [InlineData("get get increment increment", 0, 0.001)]
    public void Tens_of_thousands_of_operations_on_one_key_take_few_steps_each(string actions, double showsVersion, double unknown)
    {
        HistoryMix mix = new() { Operations = 30_000, Clients = 40, Values = 0, Unknown = unknown, ShowsVersion = showsVersion, Actions = actions };
        History history = new HistoryMaker(new SimRandom(1), mix).Make();
        LinearizabilityOptions options = new() { StepsMax = 300 * mix.Operations };
        Assert.Equal(LinearizabilityVerdict.Linearizable, Assert.Single(LinearizabilityChecker.Check(history, options)).Verdict);

        // One read near the end that shows what was there half of the history before.
        HistoryOperation[] reads = [.. history.Operations.Where(operation => operation is { Action: HistoryAction.Get, Outcome: HistoryOutcome.Done })];
        HistoryOperation old = reads[reads.Length / 2], stale = reads[^5] with { Found = old.Found, Version = old.Version };
        History broken = history with { Operations = [.. history.Operations.Select(operation => operation == reads[^5] ? stale : operation)] };
        KeyVerdict verdict = Assert.Single(LinearizabilityChecker.Check(broken, options));
        Assert.Equal(LinearizabilityVerdict.Violated, verdict.Verdict);
        Assert.Contains($"> {HistoryText.Line(stale)}", verdict.Excerpt);
    }

    /// <summary>Something that was told is changed, or when it was.</summary>
    private static History Mutate(History history, SimRandom random)
    {
        HistoryOperation[] operations = [.. history.Operations];
        int i = random.Below(operations.Length), j = random.Below(operations.Length);
        HistoryOperation one = operations[i], other = operations[j];
        operations[i] = random.Below(7) switch
        {
            0 when one.Found is not null => one with { Found = other.Found ?? other.Value },
            1 when one.Version != 0 => one with { Version = other.Version },
            2 when one.Outcome != HistoryOutcome.Unknown && one.Action == other.Action => one with { Outcome = other.Outcome, Found = other.Found, Version = other.Version, Number = other.Number, Condition = other.Condition, IfVersion = other.IfVersion },
            3 when one.Number is { } number => one with { Number = number + random.Between(-1, 1) },
            4 when one.ReturnUs is not null && one.Outcome != HistoryOutcome.Unknown => one with { ReturnUs = one.CallUs + 1 },
            5 when one.ReturnUs is { } back => one with { CallUs = back - 1 },
            _ => one with { CallUs = one.CallUs + 900, ReturnUs = one.ReturnUs + 900 },
        };
        return history with { Operations = operations };
    }

    private static string Explain(History history) => "\n" + string.Join('\n', history.Operations.Select(HistoryText.Line));
}
