using Xunit;

namespace Grid.Tests.Client;

/// <summary>Work on one thread in virtual time.</summary>
internal static class VirtualTurns
{
    /// <summary>Runs something, and what follows its awaits, on this thread; time goes on when nothing else is left to do.</summary>
    public static async Task RunAsync(this VirtualTime time, Func<Task> work)
    {
        Turns turns = new();
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(turns);
        Task running;
        try
        {
            running = work();
            while (!running.IsCompleted)
            {
                if (turns.TryRun())
                    continue;
                Assert.True(time.NextMs is not null, "Nothing is left to wait for.");
                time.AdvanceTo(time.NextMs.Value);
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }

        await running;
    }

    private sealed class Turns : SynchronizationContext
    {
        private readonly Queue<(SendOrPostCallback Turn, object? State)> _turns = new();

        public override void Post(SendOrPostCallback d, object? state) => _turns.Enqueue((d, state));

        public bool TryRun()
        {
            if (!_turns.TryDequeue(out (SendOrPostCallback Turn, object? State) next))
                return false;
            next.Turn(next.State);
            return true;
        }
    }
}
