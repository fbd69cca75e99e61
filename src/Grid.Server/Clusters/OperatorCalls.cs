using System.Diagnostics;
using Grid.Client.Contracts.Operator;

namespace Grid.Server.Clusters;

/// <summary>Questions to the cluster that may be asked again.</summary>
internal static class OperatorCalls
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// The cluster as it is now. In the moments after silos have died, until they are declared dead, Orleans may still look for grains on them and refuse the call, which is
    /// when an operator asks: so it is asked again.
    /// </summary>
    /// <exception cref="CommandException">It gives no answer for long.</exception>
    public static async Task<ClusterStatus> AskStatusAsync(this IGridOperatorGrain grid, CancellationToken cancellation = default)
    {
        for (long began = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                return await grid.GetStatusAsync().WaitAsync(cancellation);
            }
            catch (Exception silence) when (silence is OrleansException or TimeoutException)
            {
                if (Stopwatch.GetElapsedTime(began) > Patience)
                    throw new CommandException(ExitCode.Unreachable, $"the cluster gives no answer about its status for {Patience.TotalSeconds} s: {silence.Message}", silence);
            }

            await Task.Delay(Pause, cancellation);
        }
    }
}
