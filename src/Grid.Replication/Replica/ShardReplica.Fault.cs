using System.Globalization;
using Grid.Replication.Time;

namespace Grid.Replication.Replica;

/// <content>Damaged payloads: how many came in a row, and what follows from three.</content>
public sealed partial class ShardReplica
{
    private const int DamagedInRowMax = 3;

    private int _damagedInRow;
    private long _damagedAtMs;

    /// <summary>
    /// True from the third damaged payload in a row on: plaintext is asked for, and the operator should look at the link. A sync
    /// that goes well in plaintext does not end it, since it proves nothing of what was damaged. It ends when the replica has followed and nothing damaged has
    /// come for <see cref="ReplicaOptions.FaultedMs"/>, when the operator changes <see cref="ReplicaOptions.Capabilities"/>, and with this state machine.
    /// </summary>
    public bool IsFaulted { get; private set; }

    /// <summary>What was wrong with the newest damaged payload; empty unless <see cref="IsFaulted"/>.</summary>
    public string Fault { get; private set; } = "";

    /// <summary>A payload was good, or the link has held for a while: the next damaged one is the first in its row.</summary>
    private void EndRow() => _damagedInRow = 0;

    private void CountDamaged(string details, Instant now)
    {
        _damagedInRow++;
        _damagedAtMs = now.MonotonicMs;
        if (!IsFaulted && _damagedInRow < DamagedInRowMax)
            return;
        Fault = details;
        if (IsFaulted)
            return;
        IsFaulted = true;
        _output.Report(ReplicaEvent.Faulted, details);
    }

    /// <summary>Called while the replica follows a link that has held for a while.</summary>
    private void EndOldFault(Instant now)
    {
        if (!IsFaulted || now.MonotonicMs - _damagedAtMs < _options.FaultedMs)
            return;
        EndFault(string.Create(CultureInfo.InvariantCulture, $"no payload was damaged for {_options.FaultedMs / 1000.0:0.#} s"));
        _agreesAnew = true;
    }

    private void EndFault(string why)
    {
        if (!IsFaulted)
            return;
        IsFaulted = false;
        Fault = "";
        EndRow();
        _output.Report(ReplicaEvent.FaultEnded, why);
    }
}
