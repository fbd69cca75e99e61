using System.Diagnostics.Metrics;
using Grid.Client.Telemetry;
using Grid.Silo.Fronts;

namespace Grid.Silo.Telemetry;

/// <summary>What came to the silo's front, and what its copies answered without a message, on the meter "Grid".</summary>
internal sealed class FrontInstruments(FrontCalls calls, LocalReadCounters localReads, IMeterFactory meters) : ILifecycleParticipant<ISiloLifecycle>
{
    private readonly Meter _meter = meters.Create(GridTelemetry.MeterName);

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(FrontInstruments),
        ServiceLifecycleStage.RuntimeInitialize,
        _ =>
        {
            _meter.CreateObservableCounter("grid.front.bundles", () => calls.Received.Bundles, "{bundle}", "Bundles that came to this silo's front.");
            _meter.CreateObservableCounter("grid.front.batches", () => calls.Received.Batches, "{batch}", "Batches in those bundles.");
            _meter.CreateObservableUpDownCounter("grid.front.open", () => calls.Count, "{bundle}", "Bundles that are not answered to the end.");
            _meter.CreateObservableCounter("grid.local.reads", LocalReads, "{read}", "Local reads, by outcome: answered by a copy here, or left to the primary and why.");
            return Task.CompletedTask;
        });

    private IEnumerable<Measurement<long>> LocalReads()
    {
        foreach (LocalReadOutcome outcome in Enum.GetValues<LocalReadOutcome>())
            yield return new Measurement<long>(localReads.Of(outcome), GridAttributes.Tag(GridAttributes.Outcome, NameOf(outcome)));
    }

    private static string NameOf(LocalReadOutcome outcome) => outcome switch
    {
        LocalReadOutcome.Answered => "answered",
        LocalReadOutcome.NoCopy => "no_copy",
        LocalReadOutcome.Stale => "stale",
        LocalReadOutcome.Uncommitted => "uncommitted",
        _ => "busy",
    };
}
