using Grid.Silo.Services;
using Xunit;

namespace Grid.Tests.Silo;

public sealed class DeathWatchTests
{
    [Theory]
    [InlineData(3, 2)]
    [InlineData(4, 3)]
    [InlineData(5, 3)]
    [InlineData(100, 10)]
    public void Neither_side_of_a_cluster_that_is_cut_in_two_finds_enough_witnesses_but_the_larger_one(int active, int needed)
    {
        Assert.Equal(needed, DeathWatch.WitnessesNeeded(active));
        if (active <= 20)
            Assert.True(2 * needed > active);
    }

    [Fact]
    public async Task As_many_witnesses_as_are_needed_have_to_agree_and_no_more_is_waited_for()
    {
        Task<bool> yes = Task.FromResult(true), no = Task.FromResult(false), silent = new TaskCompletionSource<bool>().Task;
        Assert.True(await DeathWatch.AgreeAsync([yes, silent, yes], 2));
        Assert.False(await DeathWatch.AgreeAsync([yes, no, no], 2));
        Assert.False(await DeathWatch.AgreeAsync([no, silent], 2));
        Assert.False(await DeathWatch.AgreeAsync([yes], 2));
    }
}
