namespace Grid.Storage.Index;

/// <summary>The unordered pages behind a segment that can neither take more nor be split.</summary>
internal sealed unsafe partial class HashIndex
{
    private bool FindInOverflow(ReadOnlySpan<byte> key, uint tag, ulong* page, out SlotPlace place)
    {
        while (Segment.Overflow(page) != 0)
        {
            page = PageAt(Segment.Overflow(page));
            int count = Segment.Count(page);
            for (int at = 1; at <= count; at++)
            {
                if (Segment.TagOf(page[at]) == tag && KeyEquals(page[at] & Segment.AddressMask, key))
                {
                    place = new SlotPlace(page, at, 0) { InOverflow = true };
                    return true;
                }
            }
        }

        place = default;
        return false;
    }

    private void AddToOverflow(ulong hash, ulong address, ulong entry)
    {
        int depth = DepthOf(entry);
        ulong slot = Segment.Slot(Segment.Tag(hash, depth), address);
        ulong* segment = PageAt(PageOf(entry));
        uint first = Segment.Overflow(segment);
        bool hasRoom = first != 0 && Segment.Count(PageAt(first)) < Segment.Words - 1;
        // Before the change begins: a pool at its end must not leave readers waiting for its end.
        uint added = hasRoom ? 0 : RentPage();
        _stripes.Enter(PageOf(entry));
        if (hasRoom)
        {
            ulong* page = PageAt(first);
            page[Segment.Count(page) + 1] = slot;
            page[0]++;
        }
        else
        {
            AddOverflowPage(segment, added, [slot]);
            SetOverflowFlag(hash, entry, entry | OverflowFlag);
        }

        _stripes.Exit(PageOf(entry));
    }

    // Pages are put in front, so that only the first one of a chain may have room.
    private void AddOverflowPage(ulong* segment, uint number, ReadOnlySpan<ulong> slots)
    {
        ulong* page = PageAt(number);
        Segment.SetHeader(page, slots.Length, Segment.Overflow(segment));
        slots.CopyTo(new Span<ulong>(page + 1, slots.Length));
        Segment.SetHeader(segment, Segment.Count(segment), number);
    }

    // The gap is filled from the first page, the only one that is not full.
    private void RemoveFromOverflow(ulong hash, in SlotPlace place)
    {
        ulong* segment = PageAt(PageOf(place.Entry));
        uint first = Segment.Overflow(segment);
        ulong* page = PageAt(first);
        int last = Segment.Count(page);
        place.Page[place.At] = page[last];
        page[0]--;
        if (last > 1)
            return;
        Segment.SetHeader(segment, Segment.Count(segment), Segment.Overflow(page));
        ReturnPage(first);
        if (Segment.Overflow(segment) == 0)
            SetOverflowFlag(hash, place.Entry, place.Entry & ~OverflowFlag);
    }

    private void SetOverflowFlag(ulong hash, ulong entry, ulong replacement)
    {
        int span = 1 << (_depth - DepthOf(entry));
        int first = DirectoryIndex(hash, _depth) & -span;
        _directory.AsSpan(first, span).Fill(replacement);
    }
}
