using System.Diagnostics;
using Grid.Client.Contracts.Operator;
using Grid.Silo.Services;

namespace Grid.Silo.Grains;

/// <summary>What every silo says of itself, and how far the clocks are apart.</summary>
internal sealed partial class OperatorGrain
{
    /// <inheritdoc/>
    public async Task<IReadOnlyList<SiloExamination>> ExamineAsync() => await Task.WhenAll(membership.Current.Alive.Select(ExamineAsync));

    private async Task<SiloExamination> ExamineAsync(string silo)
    {
        long before = SiloClock.Now.UnixMs;
        long began = Stopwatch.GetTimestamp();
        try
        {
            SiloExamination answer = await silos.At(SiloAddress.FromParsableString(silo)).ExamineAsync().AsTask().WaitAsync(AnswerTime);

            // Half of the way is taken to be the way there, as NTP does; how wrong that can be is told.
            double half = Stopwatch.GetElapsedTime(began).TotalMilliseconds / 2;
            return answer with { ClockAheadMs = answer.NowUnixMs - (before + half), ClockUncertaintyMs = half };
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNoAnswer(silo, failure.Message);
            return new SiloExamination { Silo = silo, Problem = failure.Message };
        }
    }
}
