using Grid.Server.Chaos.Histories;
using Xunit;

namespace Grid.Tests.Chaos;

public sealed class FrontierTests
{
    /// <summary>With so few operations in so many words that configurations often make each other superfluous, and some lists are longer than a vector.</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 6)]
    [InlineData(1, 40)]
    [InlineData(2, 70)]
    [InlineData(3, 140)]
    public void It_holds_just_those_that_no_other_makes_superfluous(int words, int operations)
    {
        Random random = new(1);
        for (int round = 0; round < 200; round++)
        {
            Frontier frontier = new();
            List<(int State, ulong[] Taken)> expected = [];
            for (int i = 0; i < 60; i++)
            {
                int state = random.Next(2);
                ulong[] taken = Draw(random, words, operations);
                bool isSuperfluous = expected.Exists(other => other.State == state && IsPart(other.Taken, taken));
                Assert.Equal(!isSuperfluous, frontier.Add(new Configuration(RegisterState.Empty with { Value = state }, [0], taken)));
                if (isSuperfluous)
                    continue;
                expected.RemoveAll(other => other.State == state && IsPart(taken, other.Taken));
                expected.Add((state, taken));
            }

            Assert.Equal(expected.Count, frontier.Count);
            Assert.Equal(
                expected.Select(one => (one.State, string.Join(' ', one.Taken))).Order(),
                frontier.All.Select(one => (one.State.Value, string.Join(' ', one.Taken))).Order());
        }
    }

    private static ulong[] Draw(Random random, int words, int operations)
    {
        ulong[] taken = new ulong[words];
        for (int left = words == 0 ? 0 : random.Next(4); left > 0; left--)
            Configuration.Add(taken, random.Next(operations));
        return taken;
    }

    private static bool IsPart(ulong[] some, ulong[] whole) => some.Zip(whole).All(static pair => (pair.First & ~pair.Second) == 0);
}
