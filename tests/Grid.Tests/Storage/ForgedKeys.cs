using System.Buffers.Binary;
using System.Numerics;
using Grid.Storage;

namespace Grid.Tests.Storage;

/// <summary>
/// Keys with a chosen hash: XxHash3 is a bijection on keys of 8 bytes, so it can be run backwards. What an attacker can do, tests can do too.
/// </summary>
internal static class ForgedKeys
{
    private const ulong Factor = 0x9FB21C651E98DF25;
    private const ulong KeyLength = 8;
    private static readonly ulong BitFlip = Backwards(KeyHash.Compute(new byte[8]));

    /// <summary>The only key of 8 bytes with this hash.</summary>
    public static byte[] WithHash(ulong hash)
    {
        ulong input = Backwards(hash) ^ BitFlip;
        byte[] key = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(key, (uint)(input >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(key.AsSpan(4), (uint)input);
        if (KeyHash.Compute(key) != hash)
            throw new InvalidOperationException("XxHash3 is not what it was.");
        return key;
    }

    private static ulong Backwards(ulong hash)
    {
        ulong inverse = Inverse(Factor);
        ulong h = hash ^ (hash >> 28) ^ (hash >> 56);
        h *= inverse;
        h ^= (h >> 35) + KeyLength;
        h *= inverse;
        // The step before is linear over bits and its 64th power is the identity.
        for (int i = 0; i < 63; i++)
            h ^= BitOperations.RotateLeft(h, 49) ^ BitOperations.RotateLeft(h, 24);
        return h;
    }

    private static ulong Inverse(ulong odd)
    {
        ulong x = odd;
        for (int i = 0; i < 6; i++)
            x *= 2 - (odd * x);
        return x;
    }
}
