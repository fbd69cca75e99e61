
namespace Grid.Streams.Queues;

/// <summary>What all streams of a provider share.</summary>
internal sealed record StreamSetting(
    GridStreamOptions Options,
    TimeProvider Time,
    StreamInstruments Instruments,
    IGridStreamFaults? Faults,
    Action<StreamId, GridStreamFailureReason> OnFailed);

/// <summary>How a stream calls its pulling agent. Called under the stream's lock: must not wait.</summary>
internal interface IStreamBell
{
    /// <summary>There is something to deliver.</summary>
    void Ring();

    /// <summary>There is nothing to deliver, but the agent should look whether it can forget the stream.</summary>
    void Nudge();
}
