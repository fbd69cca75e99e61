using Grid.Replication.Time;
using Grid.Tests.Simulation;

namespace Grid.Tests.Replication.Rigs;

/// <summary>Names that count up, so that a transcript reads the same in every run; the fractions come from a seed.</summary>
internal sealed class CountedEntropy(ulong seed) : IEntropy
{
    private readonly SimRandom _random = new(seed);
    private long _id;
    private int _guid;

    public long NextId() => ++_id;

    public Guid NextGuid() => new(++_guid, 0, 0, new byte[8]);

    public double NextFraction() => _random.NextFraction();
}
