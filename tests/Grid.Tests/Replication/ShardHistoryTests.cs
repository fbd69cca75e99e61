using CsCheck;
using Grid.Formats.Mutations;
using Grid.Replication.Log;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Whether one log is a prefix of another, told from where epochs began.</summary>
public sealed class ShardHistoryTests
{
    /// <summary>
    /// Grows a tree of logs as reigns do (each new reign starts from a copy of some log, cut or whole), and compares the
    /// answer for each pair with what comparing every single mutation says.
    /// </summary>
    [Fact]
    public void The_common_end_is_where_comparing_every_mutation_says() =>
        Gen.Select(Gen.Int[0, 1000], Gen.Int[0, 1000], Gen.Int[1, 5]).Array[1, 12].Sample(
            reigns =>
            {
                List<List<long>> logs = [[]];
                long epoch = 0;
                foreach ((int which, int cut, int length) in reigns)
                {
                    List<long> from = logs[which % logs.Count];
                    List<long> log = [.. from.Take(cut % (from.Count + 1))];
                    epoch++;
                    log.AddRange(Enumerable.Repeat(epoch, length));
                    logs.Add(log);
                }

                foreach (List<long> left in logs)
                {
                    foreach (List<long> right in logs)
                    {
                        long common = 0;
                        while (common < left.Count && common < right.Count && left[(int)common] == right[(int)common])
                            common++;
                        Assert.Equal(common, ShardHistory.CommonEnd(Starts(left), left.Count, Starts(right), right.Count));
                    }
                }
            },
            iter: 2000);

    [Fact]
    public void Epochs_and_offsets_ascend()
    {
        ShardHistory history = new([new(1, 1), new(3, 10)]);
        Assert.Throws<ArgumentException>(() => history.Begin(3, 20));
        Assert.Throws<ArgumentException>(() => history.Begin(4, 10));
        history.Observe(3, 15);
        Assert.Equal(2, history.Starts.Count);
    }

    [Fact]
    public void The_epoch_of_an_offset_is_that_of_the_last_beginning_before_it()
    {
        ShardHistory history = new([new(1, 1), new(3, 10)]);
        Assert.Equal([0, 1, 1, 3, 3], new long[] { 0, 1, 9, 10, 99 }.Select(history.EpochAt));
        history.TruncateAfter(9);
        Assert.Equal(1, history.LastEpoch);
    }

    [Fact]
    public void The_oldest_epochs_are_forgotten_beyond_the_bound()
    {
        ShardHistory history = new();
        for (int i = 1; i <= ShardHistory.EpochsMax + 5; i++)
            history.Begin(i, i);
        Assert.Equal(ShardHistory.EpochsMax, history.Starts.Count);
        Assert.Equal(0, history.EpochAt(3));
    }

    private static List<EpochStart> Starts(List<long> log)
    {
        List<EpochStart> starts = [];
        for (int i = 0; i < log.Count; i++)
        {
            if (i == 0 || log[i] != log[i - 1])
                starts.Add(new EpochStart(log[i], i + 1));
        }

        return starts;
    }
}
