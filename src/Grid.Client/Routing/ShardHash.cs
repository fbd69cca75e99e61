using System.IO.Hashing;

namespace Grid.Client.Routing;

/// <summary>
/// Which shard a key belongs to: XxHash3 (64 bits, seed 0) of its bytes modulo the number of shards. Part of the
/// format: it never changes for a cluster's life.
/// </summary>
/// <remarks>
/// A key with a tag, that is at least one byte between its first <c>{</c> and the next <c>}</c>, is hashed by that part
/// alone, so that keys with one tag share a shard. Thread-safe.
/// </remarks>
public static class ShardHash
{
    /// <summary>The shard of <paramref name="key"/> among <paramref name="shardCount"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="shardCount"/> is less than 1.</exception>
    public static int Shard(ReadOnlySpan<byte> key, int shardCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shardCount, 1);
        return (int)(Hash(key) % (uint)shardCount);
    }

    /// <summary>The hash of <paramref name="key"/>, or of its tag if it has one.</summary>
    public static ulong Hash(ReadOnlySpan<byte> key) =>
        XxHash3.HashToUInt64(TryGetTag(key, out ReadOnlySpan<byte> tag) ? tag : key);

    /// <summary>True, and the tag, if <paramref name="key"/> has one.</summary>
    public static bool TryGetTag(ReadOnlySpan<byte> key, out ReadOnlySpan<byte> tag)
    {
        tag = default;
        int open = key.IndexOf((byte)'{');
        if (open < 0)
            return false;
        ReadOnlySpan<byte> rest = key[(open + 1)..];
        int length = rest.IndexOf((byte)'}');
        if (length <= 0)
            return false;
        tag = rest[..length];
        return true;
    }
}
