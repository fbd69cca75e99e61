using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Grid.Storage.Pages;

namespace Grid.Storage.Records;

/// <summary>
/// Where the records of one keyspace lie: slots in pages of one size class each, and arrays for the large ones.
/// </summary>
/// <remarks>Written by the shard's writer only.</remarks>
internal sealed unsafe partial class RecordHeap(PagePool pool)
{
    /// <summary>Set in the address of a record that has an array of its own; the rest is its place in the table.</summary>
    public const ulong LargeBit = 1UL << 39;

    private const int None = -1;
    private const int Bins = 8;

    // Where a page stands that is in no bin.
    private const sbyte Full = -1;
    private const sbyte Current = -2;
    private const sbyte Evacuating = -3;

    private readonly ClassState[] _classes = MakeClasses();
    private PageState[] _pages = new PageState[4];
    private int _pageCount;
    private int _freePage = None;

    /// <summary>Bytes of all pages.</summary>
    public long PageBytes { get; private set; }

    /// <summary>Bytes of the slots in use.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Bytes of the tables that describe pages and arrays.</summary>
    public long TableBytes => ((long)_pages.Length * sizeof(PageState)) + ((long)_classes.Length * Unsafe.SizeOf<ClassState>()) + LargeTableBytes;

    /// <summary>Number of pages held.</summary>
    public int Pages { get; private set; }

    /// <summary>The first byte of the record at <paramref name="address"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref byte At(ulong address)
    {
        if ((address & LargeBit) != 0)
            return ref MemoryMarshal.GetArrayDataReference(LargeAt(address));
        return ref *pool.At(address);
    }

    /// <summary>Brings the start of the record into the cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(ulong address)
    {
        if (Sse.IsSupported && (address & LargeBit) == 0)
            Sse.Prefetch0(pool.At(address));
    }

    /// <summary>A slot of the class. Its contents are undefined.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Allocate(int sizeClass)
    {
        ref ClassState state = ref _classes[sizeClass];
        int page = state.Current;
        if (page < 0 || _pages[page].Used == _pages[page].Capacity)
            page = NextPage(sizeClass);
        ref PageState p = ref _pages[page];
        int units = SizeClasses.Units(sizeClass);
        ulong address;
        if (p.FreeHead != 0)
        {
            address = p.Address + (ulong)(p.FreeHead - 1);
            p.FreeHead = *(ushort*)pool.At(address);
        }
        else
        {
            address = p.Address + (ulong)(p.Bump * units);
            p.Bump++;
        }

        p.Used++;
        state.Used++;
        UsedBytes += units << PagePool.UnitLog2;
        return address;
    }

    /// <summary>Ends the use of the slot or array at <paramref name="address"/>.</summary>
    public void Free(ulong address)
    {
        if ((address & LargeBit) != 0)
        {
            FreeLarge(address);
            return;
        }

        int page = PageOf(address);
        ref PageState p = ref _pages[page];
        byte* slot = pool.At(address);
        *(ushort*)slot = p.FreeHead;
        *(uint*)(slot + Record.MetaOffset) = 0;
        p.FreeHead = (ushort)(address - p.Address + 1);
        p.Used--;
        _classes[p.Class].Used--;
        UsedBytes -= SizeClasses.Units(p.Class) << PagePool.UnitLog2;
        if (p.Used == 0)
        {
            Release(page);
        }
        else if (p.Place >= Full)
        {
            int bin = p.Used * Bins / p.Capacity;
            if (bin != p.Place)
            {
                if (p.Place >= 0)
                    Unlink(page);
                Link(page, bin);
            }
        }
    }

    /// <summary>The size class of the slot at <paramref name="address"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ClassOf(ulong address) => _pages[PageOf(address)].Class;

    /// <summary>Gives up to <paramref name="pagesMax"/> pages and all arrays back. The heap is of no other use afterwards.</summary>
    /// <returns>How many pages went.</returns>
    public int Dismantle(int pagesMax)
    {
        DropLarge();
        int released = 0;
        while (_pageCount > 0 && released < pagesMax)
        {
            ref PageState p = ref _pages[--_pageCount];
            if (p.Capacity == 0)
                continue;
            pool.Return(p.Address);
            PageBytes -= 1L << p.Log2;
            UsedBytes -= (long)p.Used * SizeClasses.Units(p.Class) << PagePool.UnitLog2;
            Pages--;
            released++;
        }

        return released;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int PageOf(ulong address)
    {
        ref Slab slab = ref pool.Slabs[address >> PagePool.SlabUnitsLog2];
        return slab.PageIds![(int)((address & PagePool.UnitMask) >> (slab.PageLog2 - PagePool.UnitLog2))];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int NextPage(int sizeClass)
    {
        ref ClassState state = ref _classes[sizeClass];
        if (state.Current >= 0)
            _pages[state.Current].Place = Full;
        int page = None;
        // The fullest page that has room: the others may then run empty.
        for (int bin = Bins - 1; bin >= 0 && page < 0; bin--)
            page = state.Heads[bin];
        if (page >= 0)
            Unlink(page);
        else
            page = AddPage(sizeClass);
        _pages[page].Place = Current;
        _classes[sizeClass].Current = page;
        return page;
    }

    // The smallest page with two slots, or with a quarter of what the class holds already: small keyspaces must not
    // hold a large page for every size that occurs in them.
    private static int PageLog2For(int slotBytes, long usedBytes)
    {
        long wanted = Math.Max(2L * slotBytes, usedBytes / 4);
        int log2 = wanted >= 1L << PagePool.LargestPageLog2
            ? PagePool.LargestPageLog2
            : BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)wanted));
        return Math.Clamp(log2, PagePool.SmallestPageLog2, PagePool.LargestPageLog2);
    }

    private int AddPage(int sizeClass)
    {
        int slotBytes = SizeClasses.Units(sizeClass) << PagePool.UnitLog2;
        int log2 = PageLog2For(slotBytes, _classes[sizeClass].Used * slotBytes);
        int page = _freePage;
        if (page >= 0)
        {
            _freePage = _pages[page].Next;
        }
        else
        {
            if (_pageCount == _pages.Length)
                Array.Resize(ref _pages, _pages.Length * 2);
            page = _pageCount++;
        }

        ulong address = pool.Rent(log2);
        Slab slab = pool.Slabs[address >> PagePool.SlabUnitsLog2];
        slab.PageIds![(int)((address & PagePool.UnitMask) >> (log2 - PagePool.UnitLog2))] = page;
        int capacity = (1 << log2) / slotBytes;
        _pages[page] = new PageState
        {
            Address = address,
            EarliestExpiry = long.MaxValue,
            Next = None,
            Previous = None,
            Capacity = (ushort)capacity,
            Class = (byte)sizeClass,
            Log2 = (byte)log2,
        };
        _classes[sizeClass].Slots += capacity;
        PageBytes += 1L << log2;
        Pages++;
        return page;
    }

    private void Release(int page)
    {
        ref PageState p = ref _pages[page];
        ref ClassState state = ref _classes[p.Class];
        if (p.Place == Current)
            state.Current = None;
        else if (p.Place == Evacuating)
            _evacuating = None;
        else if (p.Place >= 0)
            Unlink(page);
        state.Slots -= p.Capacity;
        PageBytes -= 1L << p.Log2;
        Pages--;
        pool.Return(p.Address);
        p = default;
        p.EarliestExpiry = long.MaxValue;
        p.Next = _freePage;
        _freePage = page;
    }

    private void Link(int page, int bin)
    {
        ref PageState p = ref _pages[page];
        ref int head = ref _classes[p.Class].Heads[bin];
        p.Place = (sbyte)bin;
        p.Previous = None;
        p.Next = head;
        if (head >= 0)
            _pages[head].Previous = page;
        head = page;
    }

    private void Unlink(int page)
    {
        ref PageState p = ref _pages[page];
        if (p.Previous >= 0)
            _pages[p.Previous].Next = p.Next;
        else
            _classes[p.Class].Heads[p.Place] = p.Next;
        if (p.Next >= 0)
            _pages[p.Next].Previous = p.Previous;
        p.Place = Full;
    }

    private static ClassState[] MakeClasses()
    {
        var classes = new ClassState[SizeClasses.Count];
        foreach (ref ClassState state in classes.AsSpan())
        {
            state.Current = None;
            for (int bin = 0; bin < Bins; bin++)
                state.Heads[bin] = None;
        }

        return classes;
    }

    /// <summary>One page. An unused entry of the table has capacity 0 and is linked through <see cref="Next"/>.</summary>
    private struct PageState
    {
        public ulong Address;

        /// <summary>No record of the page expires earlier.</summary>
        public long EarliestExpiry;
        public int Next;
        public int Previous;
        public ushort Capacity;
        public ushort Used;

        /// <summary>Slots from this one on have never been used.</summary>
        public ushort Bump;

        /// <summary>First free slot below <see cref="Bump"/>, as its offset in units plus one; 0 = none.</summary>
        public ushort FreeHead;
        public byte Class;
        public byte Log2;

        /// <summary>Its bin by how full it is, or why it is in none.</summary>
        public sbyte Place;
    }

    [InlineArray(Bins)]
    private struct BinHeads
    {
        private int _first;
    }

    private struct ClassState
    {
        /// <summary>Slots of all pages of the class.</summary>
        public long Slots;
        public long Used;

        /// <summary>The page from which slots are taken.</summary>
        public int Current;
        public BinHeads Heads;
    }
}
