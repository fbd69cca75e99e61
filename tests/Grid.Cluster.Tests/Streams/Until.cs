using System.Diagnostics;
using Xunit;

namespace Grid.Cluster.Tests.Streams;

/// <summary>Waits for what nothing announces.</summary>
internal static class Until
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task TrueAsync(string what, Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > Limit)
                Assert.Fail($"After {Limit.TotalSeconds} s it is still not so that {what}.");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }
}
