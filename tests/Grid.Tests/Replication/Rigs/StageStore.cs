using Grid.Replication.Primary;
using Grid.Replication.Records;

namespace Grid.Tests.Replication.Rigs;

/// <summary>
/// Where the shard's record is on a stage: compare-and-set by the nonce of the version before, which takes a step. Its answers can be lost and
/// its writes be late; a writer that has no answer settles what became of its write as a silo does.
/// </summary>
internal sealed class StageStore(Stage stage, ShardRecord first)
{
    /// <summary>How long a writer waits for an answer before it looks.</summary>
    private const int PatienceMs = 300;

    private Fault? _next;

    public ShardRecord Current { get; private set; } = first;

    /// <summary>The next write takes effect, and its writer is not told.</summary>
    public void LoseNextAnswer() => Expect("takes effect, its answer is lost", new Fault(Stage.StepMs, Lands: true));

    /// <summary>The next write is lost before it takes effect, and its writer is not told.</summary>
    public void LoseNextWrite() => Expect("is lost on its way", new Fault(Stage.StepMs, Lands: false));

    /// <summary>The next write is slow on its way; its writer gives up waiting before it takes effect.</summary>
    public void DelayNextWrite(int ms) => Expect($"takes {ms} ms to arrive", new Fault(ms, Lands: true));

    /// <summary>Writes by compare-and-set; <paramref name="done"/> is called once the outcome is known, unless nobody is left to tell.</summary>
    public void Write(string writer, ShardRecord record, Guid expected, Func<bool> stillWanted, Action<RecordOutcome, ShardRecord> done) =>
        Attempt(new Pending(writer, record, expected, stillWanted, done));

    private void Attempt(Pending write)
    {
        Fault? fault = _next;
        _next = null;
        stage.At(stage.Ms + (fault?.AfterMs ?? Stage.StepMs), () =>
        {
            bool lands = fault is not { Lands: false } && Current.Nonce == write.Expected;
            if (lands)
                Current = write.Record;
            if (fault is null)
                Settle(write, "");
            else
                stage.Say("store", $"v{write.Record.Version} of {write.Writer} {(lands ? "takes effect" : fault.Lands ? "comes too late: the record is another one by now" : "is lost")}");
        });
        if (fault is not null)
            stage.At(stage.Ms + PatienceMs, () => Look(write));
    }

    /// <summary>The writer has waited long enough: its own nonce, or a newer record, settles it; the old record proves nothing.</summary>
    private void Look(Pending write)
    {
        if (write.IsSettled || !write.StillWanted())
            return;
        if (Current.Nonce == write.Expected)
        {
            stage.Say(write.Writer, $"still reads v{Current.Version}: its write may yet land, so it is sent again as it was");
            Attempt(write);
        }
        else
        {
            Settle(write, Current.Nonce == write.Record.Nonce ? "reads its own nonce: written" : $"reads v{Current.Version} of somebody else");
        }
    }

    private void Settle(Pending write, string how)
    {
        if (write.IsSettled || !write.StillWanted())
            return;
        write.IsSettled = true;
        if (how.Length > 0)
            stage.Say(write.Writer, how);
        write.Done(Current.Nonce == write.Record.Nonce ? RecordOutcome.Written : RecordOutcome.Conflict, Current);
    }

    private void Expect(string what, Fault fault)
    {
        stage.Act($"the store: the next write {what}");
        _next = fault;
    }

    private sealed record Fault(int AfterMs, bool Lands);

    private sealed record Pending(string Writer, ShardRecord Record, Guid Expected, Func<bool> StillWanted, Action<RecordOutcome, ShardRecord> Done)
    {
        public bool IsSettled { get; set; }
    }
}
