using Grid.Silo.Services;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Grid.Tests.Silo;

public sealed class SiloLoopTests
{
    [Fact]
    public async Task A_part_that_fails_ends_the_others_and_is_told()
    {
        using Loop loop = new(static _ => throw new InvalidOperationException("the disk is full"));
        await loop.StartAsync();
        await loop.Ended.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.True(SpinWait.SpinUntil(() => loop.Defect is not null, TimeSpan.FromSeconds(30)));
        Assert.Equal("Loop has ended before its time: the disk is full", loop.Defect);
        await loop.StopAsync();
    }

    [Fact]
    public async Task Work_that_ends_with_the_silo_is_no_defect()
    {
        using Loop loop = new(static stopping => Task.Delay(Timeout.Infinite, stopping));
        await loop.StartAsync();
        Assert.False(loop.Ended.Task.IsCompleted);
        await loop.StopAsync();
        Assert.True(loop.Ended.Task.IsCompleted);
        Assert.Null(loop.Defect);
    }

    /// <summary>One part that waits for its end, and another one.</summary>
    private sealed class Loop(Func<CancellationToken, Task> other) : SiloLoop, ISiloLifecycle
    {
        private ILifecycleObserver? _observer;

        /// <summary>The waiting part has been ended.</summary>
        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int HighestCompletedStage => 0;

        public int LowestStoppedStage => 0;

        protected override ILogger Logger => NullLogger.Instance;

        public Task StartAsync()
        {
            Participate(this);
            return _observer!.OnStart(CancellationToken.None);
        }

        public Task StopAsync() => _observer!.OnStop(CancellationToken.None);

        public IDisposable Subscribe(string observerName, int stage, ILifecycleObserver observer)
        {
            _observer = observer;
            return this;
        }

        protected override Task RunAsync(CancellationToken stopping) => SideBySideAsync(stopping, WaitAsync, other);

        private async Task WaitAsync(CancellationToken stopping)
        {
            await Task.Delay(Timeout.Infinite, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Ended.SetResult();
        }
    }
}
