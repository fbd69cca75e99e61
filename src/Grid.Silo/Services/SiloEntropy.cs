using System.Security.Cryptography;
using Grid.Replication.Time;

namespace Grid.Silo.Services;

/// <summary>Strong randomness for names, cheap randomness for jitter.</summary>
internal sealed class SiloEntropy : IEntropy
{
    public static SiloEntropy Instance { get; } = new();

    public long NextId()
    {
        Span<byte> bytes = stackalloc byte[8];
        long id;
        do
        {
            RandomNumberGenerator.Fill(bytes);
            id = BitConverter.ToInt64(bytes);
        }
        while (id == 0);
        return id;
    }

    public Guid NextGuid() => Guid.NewGuid();

    public double NextFraction() => Random.Shared.NextDouble();
}
