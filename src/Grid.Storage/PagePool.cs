using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Grid.Storage.Pages;

namespace Grid.Storage;

/// <summary>
/// The memory of all shards of a process: slabs of 16 MiB, each cut into pages of one size from 4 to 64 KiB.
/// </summary>
/// <remarks>
/// <para>
/// A place is an address in units of 8 bytes: the slab's number above 21 bits of offset. Slab numbers start at 1,
/// so that address 0 is no place, and end at 2^18: 4 TiB.
/// </para>
/// <para>
/// Slabs are managed arrays without references on the pinned heap: the garbage collector neither scans nor moves
/// them. A slab all of whose pages are free is given back to it, except one of each size kept at hand and those that were freed
/// a short while ago: a copy that is dropped is mostly loaded anew, and memory that the process has costs nothing.
/// </para>
/// <para>Thread safety: all members may be called from any thread.</para>
/// </remarks>
public sealed unsafe class PagePool(TimeSpan keepsFreed, TimeProvider time)
{
    internal const int SlabLog2 = 24;

    /// <summary>A little below a power of two, so that two slabs fit into a region of the collector's.</summary>
    internal const int SlabBytes = (1 << SlabLog2) - (1 << LargestPageLog2);
    internal const int UnitLog2 = 3;
    internal const int SlabUnitsLog2 = SlabLog2 - UnitLog2;
    internal const ulong UnitMask = (1UL << SlabUnitsLog2) - 1;
    internal const int SmallestPageLog2 = 12;
    internal const int LargestPageLog2 = 16;
    internal const int SlabsMax = 1 << 18;
    private const int CacheLineBytes = 64;

    private readonly Lock _gate = new();
    private readonly List<SlabPages>[] _withFree = [[], [], [], [], []];
    private readonly int[] _wholeFree = new int[LargestPageLog2 - SmallestPageLog2 + 1];
    private readonly int[] _slabsOfSize = new int[LargestPageLog2 - SmallestPageLog2 + 1];
    private readonly int[] _freePages = new int[LargestPageLog2 - SmallestPageLog2 + 1];
    private readonly Stack<int> _unusedNumbers = new();
    private readonly List<(byte[] Data, long FreedAt)> _freed = [];
    private SlabPages?[] _pages = new SlabPages?[64];
    private Slab[] _slabs = new Slab[64];
    private int _numbers = 1;
    private long _rentedBytes;
    private int _slabCount;

    /// <summary>Makes a pool that gives every slab back as soon as it is free.</summary>
    public PagePool()
        : this(TimeSpan.Zero, TimeProvider.System)
    {
    }

    /// <summary>Bytes of all slabs, whether their pages are in use or not, and those freed a short while ago.</summary>
    public long SlabBytesHeld
    {
        get
        {
            lock (_gate)
                return (long)(_slabCount + _freed.Count) * SlabBytes;
        }
    }

    /// <summary>Bytes of the pages in use.</summary>
    public long RentedBytes
    {
        get
        {
            lock (_gate)
                return _rentedBytes;
        }
    }

    internal Slab[] Slabs
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _slabs;
    }

    /// <summary>The table as readers on other threads see it.</summary>
    internal Slab[] SharedSlabs => Volatile.Read(ref _slabs);

    /// <summary>
    /// Makes a slab ready for each page size in use whose free pages would not fill half a one: allocated, backed by memory, on Linux by pages of 2 MiB. To be called
    /// from a background thread every few dozen milliseconds, so that writers need not wait for the operating system: such a page alone can
    /// take it several milliseconds. A pool that nobody prepares grows by pages of 4 KiB, some microseconds each, at the writers' cost.
    /// </summary>
    /// <returns>How many slabs were made.</returns>
    public int Prepare()
    {
        int made = 0;
        for (int size = 0; size < _slabsOfSize.Length; size++)
        {
            lock (_gate)
            {
                int pagesOfSlab = SlabBytes >> (size + SmallestPageLog2);
                if (_slabsOfSize[size] == 0 || _freePages[size] >= pagesOfSlab / 2)
                    continue;
            }

            byte[] data = PrepareSlab();
            lock (_gate)
            {
                List<SlabPages> list = _withFree[size];
                Link(list, AddSlab(size + SmallestPageLog2, data));
                // In front: slabs already in use are filled first.
                (list[0], list[^1]) = (list[^1], list[0]);
                (list[0].ListIndex, list[^1].ListIndex) = (0, list.Count - 1);
                _wholeFree[size]++;
            }

            made++;
        }

        return made;
    }

    /// <summary>Gives back what was freed longer ago than it is kept. To be called every second or so.</summary>
    /// <returns>Bytes given back to the collector.</returns>
    public long GiveBack()
    {
        lock (_gate)
        {
            int old = 0;
            while (old < _freed.Count && time.GetElapsedTime(_freed[old].FreedAt) >= keepsFreed)
                old++;
            _freed.RemoveRange(0, old);
            return (long)old * SlabBytes;
        }
    }

    /// <summary>Gives back every slab that is wholly free, the ones kept at hand and those freed a short while ago included.</summary>
    public void Trim()
    {
        lock (_gate)
        {
            for (int number = 1; number < _numbers; number++)
            {
                if (_pages[number] is { } pages && pages.Free == pages.Pages)
                {
                    _wholeFree[pages.PageLog2 - SmallestPageLog2]--;
                    Drop(pages);
                }
            }

            _freed.Clear();
        }
    }

    /// <summary>Where a page of the caller's, or a place in it, lies. Only for the one who holds the page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal byte* At(ulong address)
    {
        ref Slab slab = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_slabs), (nint)(address >> SlabUnitsLog2));
        return slab.Base + ((address & UnitMask) << UnitLog2);
    }

    /// <summary>The address of a page of 2^<paramref name="pageLog2"/> bytes with undefined contents.</summary>
    internal ulong Rent(int pageLog2)
    {
        lock (_gate)
        {
            int size = pageLog2 - SmallestPageLog2;
            List<SlabPages> list = _withFree[size];
            SlabPages pages;
            if (list.Count == 0)
            {
                pages = AddSlab(pageLog2, TakeFreed() ?? MakeSlab());
                Link(list, pages);
            }
            else
            {
                pages = list[^1];
                if (pages.Free == pages.Pages)
                    _wholeFree[size]--;
            }

            int page = pages.Take();
            _freePages[size]--;
            if (pages.Free == 0)
                Unlink(list, pages);
            _rentedBytes += 1L << pageLog2;
            return ((ulong)pages.Slab << SlabUnitsLog2) | ((ulong)page << (pageLog2 - UnitLog2));
        }
    }

    /// <summary>Ends the use of the page at <paramref name="address"/>.</summary>
    internal void Return(ulong address)
    {
        lock (_gate)
        {
            SlabPages pages = _pages[(int)(address >> SlabUnitsLog2)]!;
            int size = pages.PageLog2 - SmallestPageLog2;
            pages.Put((int)((address & UnitMask) >> (pages.PageLog2 - UnitLog2)));
            _rentedBytes -= 1L << pages.PageLog2;
            _freePages[size]++;
            if (pages.Free == 1)
                Link(_withFree[size], pages);
            if (pages.Free < pages.Pages)
                return;
            if (_wholeFree[size] > 0)
                Drop(pages);
            else
                _wholeFree[size]++;
        }
    }

    private SlabPages AddSlab(int pageLog2, byte[] data)
    {
        if (_unusedNumbers.TryPop(out int number) is false)
        {
            if (_numbers == SlabsMax)
                throw new InsufficientMemoryException("The page pool holds 4 TiB, the most it can address.");
            number = _numbers++;
            if (number == _slabs.Length)
                GrowTables();
        }

        byte* start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(data));
        int offset = (int)(-(nint)start & (CacheLineBytes - 1));
        var pages = new SlabPages(number, pageLog2);
        _pages[number] = pages;
        _slabs[number] = new Slab
        {
            Data = data,
            PageIds = new int[pages.Pages],
            Base = start + offset,
            BaseOffset = offset,
            PageLog2 = pageLog2,
        };
        _slabCount++;
        _slabsOfSize[pageLog2 - SmallestPageLog2]++;
        _freePages[pageLog2 - SmallestPageLog2] += pages.Pages;
        return pages;
    }

    private byte[] PrepareSlab()
    {
        lock (_gate)
        {
            if (TakeFreed() is { } freed)
                return freed;
        }

        byte[] data = MakeSlab();
        HugePages.Back(data);
        return data;
    }

    /// <summary>The slab that was freed last, so that those not needed grow old.</summary>
    private byte[]? TakeFreed()
    {
        if (_freed.Count == 0)
            return null;
        byte[] data = _freed[^1].Data;
        _freed.RemoveAt(_freed.Count - 1);
        return data;
    }

    private static byte[] MakeSlab() => GC.AllocateUninitializedArray<byte>(SlabBytes + CacheLineBytes, pinned: true);

    // Holders of pages on other threads may go on using the old table: entries never change while pages are held,
    // and whoever gets a page of a new slab got it under the lock, after the new table was published.
    private void GrowTables()
    {
        int length = (int)BitOperations.RoundUpToPowerOf2((uint)_slabs.Length + 1);
        Array.Resize(ref _pages, length);
        Slab[] slabs = new Slab[length];
        _slabs.CopyTo(slabs, 0);
        Volatile.Write(ref _slabs, slabs);
    }

    private void Drop(SlabPages pages)
    {
        Unlink(_withFree[pages.PageLog2 - SmallestPageLog2], pages);
        if (keepsFreed > TimeSpan.Zero)
            _freed.Add((_slabs[pages.Slab].Data!, time.GetTimestamp()));
        _pages[pages.Slab] = null;
        _slabs[pages.Slab] = default;
        _unusedNumbers.Push(pages.Slab);
        _slabCount--;
        _slabsOfSize[pages.PageLog2 - SmallestPageLog2]--;
        _freePages[pages.PageLog2 - SmallestPageLog2] -= pages.Pages;
    }

    private static void Link(List<SlabPages> list, SlabPages pages)
    {
        pages.ListIndex = list.Count;
        list.Add(pages);
    }

    private static void Unlink(List<SlabPages> list, SlabPages pages)
    {
        SlabPages last = list[^1];
        list[pages.ListIndex] = last;
        last.ListIndex = pages.ListIndex;
        list.RemoveAt(list.Count - 1);
        pages.ListIndex = -1;
    }
}
