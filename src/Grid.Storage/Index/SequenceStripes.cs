using System.Runtime.CompilerServices;

namespace Grid.Storage.Index;

/// <summary>
/// Sequence numbers by which readers on other threads notice the writer: odd while it changes something, and another
/// number afterwards. Segments share 64 of them by their page number.
/// </summary>
internal sealed class SequenceStripes
{
    public const int Count = 64;

    private readonly long[] _numbers = new long[Count];

    public static int MemoryBytes => Count * sizeof(long);

    /// <summary>Starts a change. Changes of one stripe do not nest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Enter(uint page)
    {
        _numbers[(int)(page % Count)]++;
        Volatile.WriteBarrier();
    }

    /// <summary>Ends a change.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Exit(uint page)
    {
        Volatile.WriteBarrier();
        _numbers[(int)(page % Count)]++;
    }

    /// <summary>Makes every read that is under way start again.</summary>
    public void InvalidateAll()
    {
        Volatile.WriteBarrier();
        foreach (ref long number in _numbers.AsSpan())
            number += 2;
        Volatile.WriteBarrier();
    }

    /// <summary>The number before a read; false while the writer is at work.</summary>
    public bool TryBegin(uint page, out long number)
    {
        number = Volatile.Read(ref _numbers[(int)(page % Count)]);
        return (number & 1) == 0;
    }

    /// <summary>Whether nothing has changed since <see cref="TryBegin"/> gave <paramref name="number"/>.</summary>
    public bool IsUnchanged(uint page, long number)
    {
        Volatile.ReadBarrier();
        return Volatile.Read(ref _numbers[(int)(page % Count)]) == number;
    }
}
