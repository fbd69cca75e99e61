using System.Diagnostics;
using Xunit;

namespace Grid.Cluster.Tests;

/// <summary>Waits for what nothing announces.</summary>
internal static class Until
{
    /// <summary>How long.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Waits for a task that something else ends; one that never ends fails the test, with what was waited for.</summary>
    public static async Task OverAsync(string what, Task task, TimeSpan? limit = null)
    {
        TimeSpan bound = limit ?? Limit;
        try
        {
            await task.WaitAsync(bound, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            Assert.Fail($"After {bound.TotalSeconds} s it is still not over: {what}.");
        }
    }

    public static Task TrueAsync(string what, Func<bool> condition) => TrueAsync(condition, () => $"it is still not so that {what}");

    /// <param name="condition">What is waited for.</param>
    /// <param name="state">What there is instead, for the message.</param>
    public static async Task TrueAsync(Func<bool> condition, Func<string> state)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Limit)
                Assert.Fail($"After {Limit.TotalSeconds} s: {state()}.");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The same for what is asked of another process.</summary>
    public static async Task AnswersAsync(string what, Func<Task<bool>> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Limit)
                Assert.Fail($"After {Limit.TotalSeconds} s it is still not so that {what}.");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
