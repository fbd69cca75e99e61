using System.IO.Hashing;
using System.Runtime.CompilerServices;

namespace Grid.Storage;

/// <summary>The hash of a key: XxHash3, 64 bits, seed 0. Its top bits order every index and every scan cursor.</summary>
/// <remarks>Part of the protocol between copies: a cursor handed out by one copy is continued on another.</remarks>
public static class KeyHash
{
    /// <summary>The hash of <paramref name="key"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Compute(ReadOnlySpan<byte> key) => XxHash3.HashToUInt64(key);
}
