using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Grid.Storage.Records;

namespace Grid.Storage.Index;

/// <summary>
/// From a key's hash to its record: extendible hashing by the top bits of the hash. A directory of 2^depth entries
/// names the segments; a full segment is split in two, a sparse one merged with its sibling, so that growth
/// never does more than one segment's work at a time.
/// </summary>
/// <remarks>
/// <para>
/// A directory entry: page number of the segment (bits 0-31), its depth (32-37), whether it has overflow pages (38).
/// </para>
/// <para>
/// One writer. Readers on other threads are kept right by the <see cref="SequenceStripes"/>: every change of a segment,
/// and of a record that it names, happens between Enter and Exit of the segment's stripe.
/// </para>
/// </remarks>
internal sealed unsafe partial class HashIndex
{
    private const int FreeDepth = 16;
    private const int DepthMost = 40;
    private const ulong OverflowFlag = 1UL << 38;

    private readonly PagePool _pool;
    private readonly RecordHeap _heap;
    private readonly SequenceStripes _stripes;
    private readonly int[] _segmentsAtDepth = new int[DepthMost + 1];
    private ulong[] _directory;
    private int _depth;

    public HashIndex(PagePool pool, RecordHeap heap, SequenceStripes stripes)
    {
        _pool = pool;
        _heap = heap;
        _stripes = stripes;
        _directory = [Compose([], 0)];
        _segmentsAtDepth[0] = 1;
    }

    /// <summary>Entries in the index.</summary>
    public long Count { get; private set; }

    /// <summary>Bytes of segments and directory.</summary>
    public long MemoryBytes => ((long)Pages << Segment.PageLog2) + ((long)_directory.Length * sizeof(ulong));

    /// <summary>Pages of segments.</summary>
    public int Pages { get; private set; }

    /// <summary>The directory, for readers on other threads.</summary>
    public ulong[] Directory => Volatile.Read(ref _directory);

    /// <summary>Number of top bits of the hash by which the directory is indexed.</summary>
    public int Depth => _depth;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DirectoryIndex(ulong hash, int depth) => (int)((hash >> 1) >> (63 - depth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DepthOf(ulong entry) => (int)(entry >> 32) & 63;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PageOf(ulong entry) => (uint)entry;

    public static bool HasOverflow(ulong entry) => (entry & OverflowFlag) != 0;

    /// <summary>Brings the slot for this hash into the cache; waits for nothing but the directory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchSlot(ulong hash)
    {
        ulong entry = _directory[DirectoryIndex(hash, _depth)];
        int depth = DepthOf(entry);
        if (Sse.IsSupported)
            Sse.Prefetch0(PageAt(PageOf(entry)) + Segment.Home(Segment.Tag(hash, depth), depth));
    }

    /// <summary>Brings the record for this hash into the cache, if the slot of one lies near its home.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchRecord(ulong hash)
    {
        ulong entry = _directory[DirectoryIndex(hash, _depth)];
        int depth = DepthOf(entry);
        ulong* page = PageAt(PageOf(entry));
        uint tag = Segment.Tag(hash, depth);
        for (int at = Segment.Home(tag, depth); at < Segment.Words && page[at] != 0 && Segment.TagOf(page[at]) <= tag; at++)
        {
            if (Segment.TagOf(page[at]) == tag)
                _heap.Prefetch(page[at] & Segment.AddressMask);
        }
    }

    /// <summary>The address of the record with this key, or 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Find(ReadOnlySpan<byte> key, ulong hash) => Find(key, hash, out _);

    /// <summary>The address of the record with this key, or 0, and the segment that names it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Find(ReadOnlySpan<byte> key, ulong hash, out ulong entry)
    {
        entry = _directory[DirectoryIndex(hash, _depth)];
        int depth = DepthOf(entry);
        ulong* page = PageAt(PageOf(entry));
        uint tag = Segment.Tag(hash, depth);
        for (int at = Segment.Home(tag, depth); at < Segment.Words; at++)
        {
            ulong slot = page[at];
            uint found = Segment.TagOf(slot);
            if (found == tag && slot != 0)
            {
                if (KeyEquals(slot & Segment.AddressMask, key))
                    return slot & Segment.AddressMask;
            }
            else if (found > tag || slot == 0)
            {
                break;
            }
        }

        return HasOverflow(entry) && FindInOverflow(key, tag, page, out SlotPlace place) ? place.Address : 0;
    }

    /// <summary>Where the entry with this key lies, or where it would have to be put.</summary>
    [SkipLocalsInit]
    public bool Locate(ReadOnlySpan<byte> key, ulong hash, out SlotPlace place)
    {
        ulong entry = _directory[DirectoryIndex(hash, _depth)];
        int depth = DepthOf(entry);
        ulong* page = PageAt(PageOf(entry));
        uint tag = Segment.Tag(hash, depth);
        int at = Segment.Home(tag, depth);
        for (; at < Segment.Words; at++)
        {
            ulong slot = page[at];
            uint found = Segment.TagOf(slot);
            if (slot == 0 || found > tag)
                break;
            if (found == tag && KeyEquals(slot & Segment.AddressMask, key))
            {
                place = new SlotPlace(page, at, entry);
                return true;
            }
        }

        if (HasOverflow(entry) && FindInOverflow(key, tag, page, out place))
        {
            place.Entry = entry;
            return true;
        }

        place = new SlotPlace(page, at, entry);
        return false;
    }

    /// <summary>Where the entry for the record at <paramref name="address"/> lies.</summary>
    /// <exception cref="InvalidOperationException">There is none: the index is broken.</exception>
    public SlotPlace LocateAddress(ulong hash, ulong address)
    {
        ulong entry = _directory[DirectoryIndex(hash, _depth)];
        int depth = DepthOf(entry);
        ulong* page = PageAt(PageOf(entry));
        ulong slot = Segment.Slot(Segment.Tag(hash, depth), address);
        for (int at = Segment.Home(Segment.TagOf(slot), depth); at < Segment.Words && page[at] != 0; at++)
        {
            if (page[at] == slot)
                return new SlotPlace(page, at, entry);
        }

        for (uint next = Segment.Overflow(page); next != 0; next = Segment.Overflow(page))
        {
            page = PageAt(next);
            int at = new ReadOnlySpan<ulong>(page + 1, Segment.Count(page)).IndexOf(slot);
            if (at >= 0)
                return new SlotPlace(page, at + 1, entry) { InOverflow = true };
        }

        throw new InvalidOperationException($"The index has no entry for the record at {address:x} with hash {hash:x16}.");
    }

    /// <summary>Adds an entry that <see cref="Locate"/> did not find; <paramref name="place"/> is what it gave.</summary>
    public void Insert(ulong hash, ulong address, in SlotPlace place)
    {
        if (!TryInsert(hash, address, place))
            InsertIntoFull(hash, address);
        Count++;
    }

    /// <summary>Makes the entry name another record.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Replace(in SlotPlace place, ulong address) =>
        place.Page[place.At] = (place.Page[place.At] & ~Segment.AddressMask) | address;

    /// <summary>Starts a change of the segment or of a record that it names.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Enter(in SlotPlace place) => Enter(place.Entry);

    /// <summary>Starts a change of a record that the segment names.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Enter(ulong entry) => _stripes.Enter(PageOf(entry));

    /// <summary>Ends the change.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Exit(in SlotPlace place) => Exit(place.Entry);

    /// <summary>Ends the change.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Exit(ulong entry) => _stripes.Exit(PageOf(entry));

    /// <summary>Takes the entry out.</summary>
    public void Remove(ulong hash, in SlotPlace place)
    {
        Count--;
        int depth = DepthOf(place.Entry);
        Enter(place);
        if (place.InOverflow)
            RemoveFromOverflow(hash, place);
        else
            Segment.Remove(place.Page, place.At, depth);
        Exit(place);
        if (depth > 0 && !HasOverflow(place.Entry) && Segment.Count(place.Page) <= MergeBelow)
            MergeWithSibling(hash);
    }

    /// <summary>Gives up to <paramref name="pagesMax"/> pages back to the pool. The index is of no other use afterwards.</summary>
    /// <returns>How many pages went.</returns>
    public int Dismantle(int pagesMax)
    {
        int released = 0;
        while (Pages > 0 && released < pagesMax)
        {
            ulong entry = _directory[_dismantled];
            int before = Pages;
            FreeSegment(entry);
            released += before - Pages;
            _dismantled += 1 << (_depth - DepthOf(entry));
        }

        if (Pages == 0)
            _directory = [];
        return released;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryInsert(ulong hash, ulong address, in SlotPlace place)
    {
        ulong* page = place.Page;
        if (Segment.Count(page) >= Segment.EntriesMax)
            return false;
        int gap = Segment.FindGap(page, place.At);
        if (gap == Segment.Words)
            return false;
        Enter(place);
        for (int at = gap; at > place.At; at--)
            page[at] = page[at - 1];
        page[place.At] = Segment.Slot(Segment.Tag(hash, DepthOf(place.Entry)), address);
        page[0]++;
        Exit(place);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool KeyEquals(ulong address, ReadOnlySpan<byte> key) =>
        (address & RecordHeap.LargeBit) == 0
            ? Record.SmallKeyEquals(_pool.At(address), key)
            : LargeKeyEquals(address, key);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool LargeKeyEquals(ulong address, ReadOnlySpan<byte> key) =>
        new Record(ref _heap.At(address)).Key.SequenceEqual(key);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong* PageAt(uint number) => (ulong*)_pool.At((ulong)number << (Segment.PageLog2 - PagePool.UnitLog2));

    private int DepthLimit => Math.Clamp(BitOperations.Log2((ulong)Count | 1) - 4, FreeDepth, DepthMost);
}

/// <summary>A word of a segment: of an entry, or where one is to be put. Valid until the index changes.</summary>
internal unsafe struct SlotPlace(ulong* page, int at, ulong entry)
{
    public readonly ulong* Page = page;
    public readonly int At = at;

    /// <summary>The directory's entry for the segment.</summary>
    public ulong Entry = entry;

    public bool InOverflow;

    public readonly ulong Address => Page[At] & Segment.AddressMask;
}
