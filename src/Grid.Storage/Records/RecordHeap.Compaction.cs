using System.Runtime.CompilerServices;
using Grid.Storage.Pages;

namespace Grid.Storage.Records;

/// <summary>Emptying sparse pages, slot by slot.</summary>
internal sealed unsafe partial class RecordHeap
{
    // A free page or two per size in use is no waste worth moving anything for.
    private const long FreeBytesIgnored = 128 * 1024;
    private const int QuietCallsAfterVain = 256;

    private int _evacuating = None;
    private int _evacuatedSlots;
    private int _quietCalls;

    /// <summary>Bytes of the slots that hold nothing, page tails included.</summary>
    public long FreeBytes => PageBytes - UsedBytes;

    /// <summary>Whether the free slots exceed one part in <paramref name="divisor"/> of the used ones, or a page is being emptied.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool NeedsCompaction(int divisor) =>
        FreeBytes > (UsedBytes / divisor) + FreeBytesIgnored && --_quietCalls < 0;

    /// <summary>
    /// The next record to be moved out of a sparse page, among at most <paramref name="slotsMax"/> slots looked at.
    /// The caller must move it at once: copy it to a slot from <see cref="Allocate"/> and free this one.
    /// </summary>
    /// <returns>False when there is none: no page is worth emptying, or the slots looked at were free.</returns>
    public bool NextToMove(ref int slotsMax, out ulong address)
    {
        address = 0;
        if (_evacuating < 0 && !ChoosePage())
        {
            // No class has a page's worth of room to spare: do not look again at every write.
            _quietCalls = QuietCallsAfterVain;
            slotsMax = 0;
            return false;
        }

        ref PageState p = ref _pages[_evacuating];
        uint units = (uint)SizeClasses.Units(p.Class);
        while (slotsMax > 0 && _evacuatedSlots < p.Bump)
        {
            slotsMax--;
            ulong candidate = p.Address + (ulong)((uint)_evacuatedSlots++ * units);
            if ((*(uint*)(pool.At(candidate) + Record.MetaOffset) & Record.LiveFlag) != 0)
            {
                address = candidate;
                return true;
            }
        }

        return false;
    }

    // The class with the most free bytes among those whose other pages can take the records of its sparsest page.
    private bool ChoosePage()
    {
        int best = None;
        long bestBytes = 0;
        for (int sizeClass = 0; sizeClass < _classes.Length; sizeClass++)
        {
            ref ClassState state = ref _classes[sizeClass];
            long freeBytes = (state.Slots - state.Used) * SizeClasses.Units(sizeClass);
            if (freeBytes <= bestBytes)
                continue;
            int page = None;
            for (int bin = 0; bin < Bins && page < 0; bin++)
                page = state.Heads[bin];
            if (page < 0)
                continue;
            ref PageState p = ref _pages[page];
            long freeElsewhere = state.Slots - state.Used - (p.Capacity - p.Used);
            if (p.Used <= freeElsewhere)
            {
                best = page;
                bestBytes = freeBytes;
            }
        }

        if (best < 0)
            return false;
        Unlink(best);
        _pages[best].Place = Evacuating;
        _evacuating = best;
        _evacuatedSlots = 0;
        return true;
    }
}
