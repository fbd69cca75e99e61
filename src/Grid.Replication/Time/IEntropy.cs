namespace Grid.Replication.Time;

/// <summary>Where the state machines get their randomness: seeded in a simulation, strong in a silo.</summary>
public interface IEntropy
{
    /// <summary>A random number that is not 0.</summary>
    long NextId();

    /// <summary>A random name.</summary>
    Guid NextGuid();

    /// <summary>A random fraction, at least 0 and below 1, for jitter.</summary>
    double NextFraction();
}
