using System.Diagnostics;
using Xunit;

namespace Grid.Cluster.Tests;

/// <summary>Waits for what nothing announces.</summary>
internal static class Until
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

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
}
