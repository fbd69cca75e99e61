using Grid.Silo.Elastic;

namespace Grid.Silo;

/// <summary>The end of a silo. A service of its host, for whoever hears first that it is to stop.</summary>
/// <remarks>
/// A silo that stops hands its shards over by itself (<see cref="GridOptions.DrainMs"/>); nothing here has to be called. Thread-safe.
/// </remarks>
public sealed class GridDrain
{
    private readonly Drainer _drainer;

    internal GridDrain(Drainer drainer) => _drainer = drainer;

    /// <summary>The silo is about to stop: from now on it is not ready, and no target for anything.</summary>
    public void Announce() => _drainer.Leave();

    /// <summary>Ends the wait for its shards to be elsewhere: the silo stops with what it has.</summary>
    public void EndWait() => _drainer.EndWait();
}
