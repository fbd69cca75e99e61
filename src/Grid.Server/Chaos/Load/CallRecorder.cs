using Grid.Client;
using Grid.Server.Chaos.Histories;

namespace Grid.Server.Chaos.Load;

/// <summary>
/// Makes calls and keeps what was asked, what was told and when, on one monotonic clock. What the client's contract calls "not applied" is kept as
/// refused, so that the checker finds a write that took effect all the same.
/// </summary>
/// <remarks>Each caller has one of its own; not thread-safe.</remarks>
internal sealed class CallRecorder(int client, HistoryClock clock)
{
    private const int UnexpectedMax = 20;

    private readonly List<HistoryOperation> _operations = [];
    private readonly List<string> _unexpected = [];

    /// <summary>What was recorded.</summary>
    public IReadOnlyList<HistoryOperation> Operations => _operations;

    /// <summary>Failures that the client's contract does not know.</summary>
    public IReadOnlyList<string> Unexpected => _unexpected;

    /// <summary>Makes one call.</summary>
    /// <param name="asked">What is asked for; client, times and outcome are filled in.</param>
    /// <param name="call">Makes the call and tells what it showed.</param>
    /// <returns>The record.</returns>
    public async Task<HistoryOperation> CallAsync(HistoryOperation asked, Func<HistoryOperation, Task<HistoryOperation>> call)
    {
        HistoryOperation told = asked with { Client = client, CallUs = clock.NowUs };
        try
        {
            told = await call(told).ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            told = told with { Outcome = OutcomeOf(failure) };
        }

        told = told with { ReturnUs = clock.NowUs };
        _operations.Add(told);
        return told;
    }

    private HistoryOutcome OutcomeOf(Exception failure)
    {
        switch (failure)
        {
            case GridIndeterminateException:
                return HistoryOutcome.Unknown;
            case GridCounterException:
                return HistoryOutcome.NotANumber;
            case GridTimeoutException or GridUnavailableException or GridNotEnoughReplicasException or GridOverloadedException:
                return HistoryOutcome.Refused;
            default:
                if (_unexpected.Count < UnexpectedMax)
                    _unexpected.Add($"{failure.GetType().Name}: {failure.Message}");
                return HistoryOutcome.Unknown;
        }
    }
}
