using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Records;
using Grid.Silo.Copies;
using Grid.Silo.Snapshots;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>Steps that read a copy, which come to their turn when another one may be in its place.</summary>
public sealed class CopyTurnsTests
{
    [Fact]
    public async Task A_step_runs_under_the_gate_of_the_copy_that_it_reads_whatever_is_in_its_place_by_then()
    {
        PagePool pages = new();
        using ShardCopy before = new(0, new CopyName("a", Guid.NewGuid()), pages), after = new(0, new CopyName("a", Guid.NewGuid()), pages);
        HostedCopy place = new(before);
        LaterTurns turns = new();
        CopyTurns steps = new(place.Copy, turns);
        ShardSnapshot scan = before.Store.BeginSnapshot(EntryVersion.Pack(1, 1));
        bool underGate = false;
        Task<bool> gated = steps.RunAsync(() => underGate = before.Gate.IsHeldByCurrentThread);
        Task<bool> slice = steps.RunAsync(() => scan.Next(new NoSink(), 1, 1));

        // A load puts another copy in place and disposes of the old one before the steps come to their turn.
        lock (before.Gate)
            place.Install(after);
        turns.RunAll();

        Assert.True(await gated);
        Assert.True(underGate);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => slice);
    }

    /// <summary>Turns that wait until they are run.</summary>
    private sealed class LaterTurns : TaskScheduler
    {
        private readonly Queue<Task> _queue = new();

        public void RunAll()
        {
            while (_queue.TryDequeue(out Task? task))
                TryExecuteTask(task);
        }

        protected override IEnumerable<Task> GetScheduledTasks() => _queue;

        protected override void QueueTask(Task task) => _queue.Enqueue(task);

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;
    }

    private sealed class NoSink : ISnapshotSink
    {
        public void OnKeyspace(int id, string name)
        {
        }

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version)
        {
        }
    }
}
