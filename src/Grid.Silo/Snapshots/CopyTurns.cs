using Grid.Replication.Copies;

namespace Grid.Silo.Snapshots;

/// <summary>
/// Runs steps that read one copy on the turns of whoever owns it, under that copy's gate: also those that come to their turn when the owner has lost it, and
/// another copy may be in its place.
/// </summary>
/// <param name="copy">The copy.</param>
/// <param name="turns">The owner's turns.</param>
internal sealed class CopyTurns(ShardCopy copy, TaskScheduler turns)
{
    /// <summary>Runs a step; it must not call the owner's state machine. What it throws is the task's.</summary>
    public Task<bool> RunAsync(Func<bool> step) => Task.Factory.StartNew(
        () =>
        {
            lock (copy.Gate)
                return step();
        },
        CancellationToken.None,
        TaskCreationOptions.DenyChildAttach,
        turns);
}
