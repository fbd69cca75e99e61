using Grid.Replication.Copies;
using Grid.Silo.Copies;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>Whoever works on a silo's copy is alone with it, also with the one that he puts in its place.</summary>
public sealed class HostedCopyTests : IDisposable
{
    private readonly CopyHost _host = new(new FakeSilo(), new PagePool());

    private static CancellationToken Ending => TestContext.Current.CancellationToken;

    public void Dispose() => _host.Dispose();

    [Fact]
    public async Task A_copy_put_in_place_belongs_to_who_put_it_there_until_his_step_ends()
    {
        HostedCopy hosted = _host.GetOrCreate(3);
        ShardCopy old = hosted.Copy;
        ShardCopy first = _host.MakeCopy(3, Guid.NewGuid());
        ShardCopy second = _host.MakeCopy(3, Guid.NewGuid());
        bool[] freeMeanwhile = hosted.Use(_ =>
        {
            hosted.Install(first);
            hosted.Install(second);
            return Free(old, first, second);
        });
        Assert.Equal([false, false, false], freeMeanwhile);
        Assert.Equal([true, true, true], Free(old, first, second));
        Assert.Same(second, hosted.Copy);
        Assert.True(await Task.Run(() => hosted.Use(copy => copy == second), Ending));
    }

    [Fact]
    public async Task Who_waits_for_the_old_copy_gets_the_new_one_once_the_step_has_ended()
    {
        HostedCopy hosted = _host.GetOrCreate(3);
        ShardCopy loaded = _host.MakeCopy(3, Guid.NewGuid());
        Task<bool>? other = null;
        hosted.Use(_ =>
        {
            other = Task.Run(() => hosted.Use(copy => copy.Applied == 7), Ending);
            hosted.Install(loaded);
            loaded.Applied = 7;
            return true;
        });
        Assert.True(await other!);
    }

    [Fact]
    public void A_step_within_a_step_leaves_the_outer_ones_gates()
    {
        HostedCopy hosted = _host.GetOrCreate(3);
        ShardCopy loaded = _host.MakeCopy(3, Guid.NewGuid());
        hosted.Use(_ =>
        {
            hosted.Install(loaded);
            Assert.True(hosted.Use(copy => copy == loaded));
            Assert.Equal([false], Free(loaded));
            return true;
        });
        Assert.Equal([true], Free(loaded));
    }

    [Fact]
    public void A_step_that_fails_leaves_no_gate_behind()
    {
        HostedCopy hosted = _host.GetOrCreate(3);
        ShardCopy loaded = _host.MakeCopy(3, Guid.NewGuid());
        Assert.Throws<InvalidDataException>(() => hosted.Use<bool>(_ =>
        {
            hosted.Install(loaded);
            throw new InvalidDataException();
        }));
        Assert.Equal([true], Free(loaded));
    }

    [Fact]
    public void Only_who_uses_a_copy_replaces_it()
    {
        HostedCopy hosted = _host.GetOrCreate(3);
        ShardCopy loaded = _host.MakeCopy(3, Guid.NewGuid());
        Assert.Throws<InvalidOperationException>(() => hosted.Install(loaded));
        Assert.NotSame(loaded, hosted.Copy);
    }

    /// <summary>Whether another thread could use the copies now.</summary>
    private static bool[] Free(params ShardCopy[] copies)
    {
        bool[] free = new bool[copies.Length];
        Thread other = new(() =>
        {
            for (int i = 0; i < copies.Length; i++)
            {
                free[i] = copies[i].Gate.TryEnter();
                if (free[i])
                    copies[i].Gate.Exit();
            }
        });
        other.Start();
        other.Join();
        return free;
    }
}
