using System.Buffers;
using System.Runtime.CompilerServices;
using Grid.Storage.Records;

namespace Grid.Storage.Index;

/// <summary>Splitting, merging, and the directory.</summary>
internal sealed unsafe partial class HashIndex
{
    // A segment with this many entries or fewer looks at its sibling; together they must leave room to grow again.
    private const int MergeBelow = 132;
    private const int MergedMost = 264;

    private int _dismantled;

    private void InsertIntoFull(ulong hash, ulong address)
    {
        while (true)
        {
            ulong entry = _directory[DirectoryIndex(hash, _depth)];
            int depth = DepthOf(entry);
            if (depth >= DepthLimit)
            {
                AddToOverflow(hash, address, entry);
                return;
            }

            Split(hash, entry);
            entry = _directory[DirectoryIndex(hash, _depth)];
            depth = DepthOf(entry);
            ulong* page = PageAt(PageOf(entry));
            uint tag = Segment.Tag(hash, depth);
            int at = Segment.Home(tag, depth);
            while (at < Segment.Words && page[at] != 0 && Segment.TagOf(page[at]) <= tag)
                at++;
            if (!HasOverflow(entry) && TryInsert(hash, address, new SlotPlace(page, at, entry)))
                return;
        }
    }

    [SkipLocalsInit]
    private void Split(ulong hash, ulong entry)
    {
        int depth = DepthOf(entry);
        if (depth == _depth)
            DoubleDirectory();

        Span<ulong> room = stackalloc ulong[Segment.Words];
        ulong[]? rented = null;
        Span<ulong> slots = Gather(PageAt(PageOf(entry)), room, ref rented);
        // The tag still holds the bit that decides, whatever the depth.
        uint bit = 1u << (Segment.TagBits - 1 - (depth & 7));
        int left = 0;
        while (left < slots.Length && (Segment.TagOf(slots[left]) & bit) == 0)
            left++;
        ulong leftEntry = ComposeAt(slots[..left], depth, depth + 1);
        ulong rightEntry = ComposeAt(slots[left..], depth, depth + 1);
        if (rented is not null)
            ArrayPool<ulong>.Shared.Return(rented);

        int span = 1 << (_depth - depth);
        int first = DirectoryIndex(hash, _depth) & -span;
        _stripes.Enter(PageOf(entry));
        _directory.AsSpan(first, span / 2).Fill(leftEntry);
        _directory.AsSpan(first + (span / 2), span / 2).Fill(rightEntry);
        _stripes.Exit(PageOf(entry));
        FreeSegment(entry);
        _segmentsAtDepth[depth]--;
        _segmentsAtDepth[depth + 1] += 2;
    }

    [SkipLocalsInit]
    private void MergeWithSibling(ulong hash)
    {
        ulong entry = _directory[DirectoryIndex(hash, _depth)];
        int depth = DepthOf(entry);
        int span = 1 << (_depth - depth);
        int first = DirectoryIndex(hash, _depth) & -span;
        ulong sibling = _directory[first ^ span];
        if (DepthOf(sibling) != depth || HasOverflow(sibling))
            return;
        ulong* page = PageAt(PageOf(entry));
        ulong* siblingPage = PageAt(PageOf(sibling));
        if (Segment.Count(page) + Segment.Count(siblingPage) > MergedMost)
            return;

        Span<ulong> slots = stackalloc ulong[Segment.Words];
        bool isLeft = (first & span) == 0;
        int count = Collect(isLeft ? page : siblingPage, 1, slots);
        count += Collect(isLeft ? siblingPage : page, 1, slots[count..]);
        ulong merged = ComposeAt(slots[..count], depth, depth - 1);

        // Both stripes, once if they are the same one.
        bool two = PageOf(entry) % SequenceStripes.Count != PageOf(sibling) % SequenceStripes.Count;
        _stripes.Enter(PageOf(entry));
        if (two)
            _stripes.Enter(PageOf(sibling));
        _directory.AsSpan(Math.Min(first, first ^ span), 2 * span).Fill(merged);
        if (two)
            _stripes.Exit(PageOf(sibling));
        _stripes.Exit(PageOf(entry));
        FreeSegment(entry);
        FreeSegment(sibling);
        _segmentsAtDepth[depth] -= 2;
        _segmentsAtDepth[depth - 1]++;
        // One depth in hand, so that a segment on the edge does not double and halve the directory in turns.
        if (_depth >= 2 && _segmentsAtDepth[_depth] == 0 && _segmentsAtDepth[_depth - 1] == 0)
            HalveDirectory();
    }

    private void DoubleDirectory()
    {
        ulong[] larger = GC.AllocateUninitializedArray<ulong>(_directory.Length * 2);
        for (int i = 0; i < _directory.Length; i++)
        {
            larger[2 * i] = _directory[i];
            larger[(2 * i) + 1] = _directory[i];
        }

        Volatile.Write(ref _directory, larger);
        _depth++;
    }

    private void HalveDirectory()
    {
        ulong[] smaller = GC.AllocateUninitializedArray<ulong>(_directory.Length / 2);
        for (int i = 0; i < smaller.Length; i++)
            smaller[i] = _directory[2 * i];
        Volatile.Write(ref _directory, smaller);
        _depth--;
    }

    /// <summary>A segment of <paramref name="newDepth"/> from the sorted slots of one of <paramref name="oldDepth"/>.</summary>
    private ulong ComposeAt(Span<ulong> slots, int oldDepth, int newDepth)
    {
        if (oldDepth >> 3 != newDepth >> 3)
        {
            Retag(slots, newDepth);
            slots.Sort();
        }

        return Compose(slots, newDepth);
    }

    private ulong Compose(ReadOnlySpan<ulong> sorted, int depth)
    {
        uint number = RentPage();
        ulong* page = PageAt(number);
        int placed = Segment.Fill(page, sorted, depth);
        ulong entry = number | ((ulong)depth << 32);
        for (ReadOnlySpan<ulong> rest = sorted[placed..]; rest.Length > 0;)
        {
            entry |= OverflowFlag;
            int count = Math.Min(rest.Length, Segment.Words - 1);
            AddOverflowPage(page, RentPage(), rest[..count]);
            rest = rest[count..];
        }

        return entry;
    }

    // The tags no longer reach far enough, or too far: make them anew from the keys.
    private void Retag(Span<ulong> slots, int depth)
    {
        const int Ahead = 8;
        for (int i = 0; i < slots.Length; i++)
        {
            if (i + Ahead < slots.Length)
                _heap.Prefetch(slots[i + Ahead] & Segment.AddressMask);
            ulong address = slots[i] & Segment.AddressMask;
            ulong hash = KeyHash.Compute(new Record(ref _heap.At(address)).Key);
            slots[i] = Segment.Slot(Segment.Tag(hash, depth), address);
        }
    }

    /// <summary>All slots of a segment in the order of their tags, in <paramref name="room"/> or, with overflow, in a rented array.</summary>
    private Span<ulong> Gather(ulong* page, Span<ulong> room, ref ulong[]? rented)
    {
        if (Segment.Overflow(page) == 0)
            return room[..Collect(page, 1, room)];
        int total = Segment.Count(page);
        for (ulong* p = page; Segment.Overflow(p) != 0; total += Segment.Count(p))
            p = PageAt(Segment.Overflow(p));
        rented = ArrayPool<ulong>.Shared.Rent(total);
        Span<ulong> slots = rented.AsSpan(0, total);
        int count = Collect(page, 1, slots);
        for (ulong* p = page; Segment.Overflow(p) != 0;)
        {
            p = PageAt(Segment.Overflow(p));
            new ReadOnlySpan<ulong>(p + 1, Segment.Count(p)).CopyTo(slots[count..]);
            count += Segment.Count(p);
        }

        slots.Sort();
        return slots;
    }

    private static int Collect(ulong* page, int from, Span<ulong> slots)
    {
        int count = 0;
        for (int at = from; at < Segment.Words; at++)
        {
            if (page[at] != 0)
                slots[count++] = page[at];
        }

        return count;
    }

    private uint RentPage()
    {
        Pages++;
        return (uint)(_pool.Rent(Segment.PageLog2) >> (Segment.PageLog2 - PagePool.UnitLog2));
    }

    private void ReturnPage(uint number)
    {
        Pages--;
        _pool.Return((ulong)number << (Segment.PageLog2 - PagePool.UnitLog2));
    }

    private void FreeSegment(ulong entry)
    {
        for (uint number = PageOf(entry); number != 0;)
        {
            uint next = Segment.Overflow(PageAt(number));
            ReturnPage(number);
            number = next;
        }
    }
}
