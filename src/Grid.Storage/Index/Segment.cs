using System.Runtime.CompilerServices;

namespace Grid.Storage.Index;

/// <summary>
/// The layout of a segment: one page of 512 words. Word 0: entry count in the low half, number of the first
/// overflow page in the high half. Words 1 to 511: slots in the order of their tags, or 0.
/// </summary>
/// <remarks>
/// <para>
/// A slot is 24 bits of tag above 40 bits of address. The tag of an entry in a segment of depth d is the hash's bits
/// from bit 8 * (d / 8) on, counted from the top: splitting a segment needs no look at the keys, save when the
/// depth reaches a multiple of 8. The bits of the tag beyond the depth, scaled to 480, are the slot's home; an entry
/// lies at its home or, without a gap, above it, and entries are sorted. So a segment is read in hash order.
/// </para>
/// <para>
/// Overflow pages exist only where the depth is at its limit, which takes keys chosen to collide, or a load in hash
/// order that is far from its end. They are unordered: word 0 as above, then the slots without gaps.
/// </para>
/// </remarks>
internal static unsafe class Segment
{
    public const int PageLog2 = 12;
    public const int PageBytes = 1 << PageLog2;
    public const int Words = PageBytes / sizeof(ulong);
    public const int Homes = 480;
    public const int EntriesMax = 440;
    public const int AddressBits = 40;
    public const ulong AddressMask = (1UL << AddressBits) - 1;
    public const int TagBits = 24;
    public const uint TagMask = (1u << TagBits) - 1;

    /// <summary>The tag of a hash in a segment of the given depth.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Tag(ulong hash, int depth) => (uint)((hash << (depth & ~7)) >> AddressBits);

    /// <summary>The first word at which an entry with this tag may lie.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Home(uint tag, int depth) => 1 + (int)((((tag << (depth & 7)) & TagMask) * (ulong)Homes) >> TagBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint TagOf(ulong slot) => (uint)(slot >> AddressBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Slot(uint tag, ulong address) => ((ulong)tag << AddressBits) | address;

    public static int Count(ulong* page) => (int)(uint)page[0];

    public static uint Overflow(ulong* page) => (uint)(page[0] >> 32);

    public static void SetHeader(ulong* page, int count, uint overflow) => page[0] = (uint)count | ((ulong)overflow << 32);

    /// <summary>The first empty word from <paramref name="at"/> on, or <see cref="Words"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FindGap(ulong* page, int at)
    {
        while (at < Words && page[at] != 0)
            at++;
        return at;
    }

    /// <summary>Takes the entry at word <paramref name="at"/> out and moves down what does not lie at its home.</summary>
    public static void Remove(ulong* page, int at, int depth)
    {
        int next = at + 1;
        while (next < Words && page[next] != 0 && Home(TagOf(page[next]), depth) < next)
            next++;
        int moved = next - at - 1;
        Buffer.MemoryCopy(page + at + 1, page + at, moved * sizeof(ulong), moved * sizeof(ulong));
        page[next - 1] = 0;
        page[0]--;
    }

    /// <summary>Fills a page with sorted slots.</summary>
    /// <returns>How many fit; the rest belongs into overflow pages.</returns>
    public static int Fill(ulong* page, ReadOnlySpan<ulong> sorted, int depth)
    {
        new Span<ulong>(page, Words).Clear();
        int last = 0;
        int placed = 0;
        while (placed < sorted.Length && placed < EntriesMax)
        {
            int at = Math.Max(last + 1, Home(TagOf(sorted[placed]), depth));
            if (at >= Words)
                break;
            page[at] = sorted[placed++];
            last = at;
        }

        SetHeader(page, placed, 0);
        return placed;
    }
}
