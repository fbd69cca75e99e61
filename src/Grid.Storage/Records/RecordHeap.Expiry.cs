using System.Runtime.CompilerServices;
using Grid.Storage.Pages;

namespace Grid.Storage.Records;

/// <summary>The walk for expired records, page by page in the order of memory.</summary>
internal sealed unsafe partial class RecordHeap
{
    private int _walkedPages;
    private int _walkedLarge;
    private long _roundEarliest = long.MaxValue;

    /// <summary>No record expires earlier; a lower bound, exact after each full walk.</summary>
    public long EarliestExpiry { get; private set; } = long.MaxValue;

    /// <summary>Makes known that the record at <paramref name="address"/> expires at <paramref name="expiry"/>, which is not 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void NoteExpiry(ulong address, long expiry)
    {
        EarliestExpiry = Math.Min(EarliestExpiry, expiry);
        _roundEarliest = Math.Min(_roundEarliest, expiry);
        if ((address & LargeBit) != 0)
        {
            _large[(int)(address & (LargeBit - 1))].Expiry = expiry;
            return;
        }

        ref long earliest = ref _pages[PageOf(address)].EarliestExpiry;
        earliest = Math.Min(earliest, expiry);
    }

    /// <summary>Goes on with the walk. Pages in which nothing can have expired are not touched.</summary>
    /// <param name="nowMs">Unix milliseconds.</param>
    /// <param name="budget">Slots that may be looked at; may be exceeded by one page.</param>
    /// <param name="visit">Called for each expired record; false ends the walk.</param>
    /// <returns>True if the walk got round; false if the budget or the visitor ended it.</returns>
    public bool WalkExpired<TVisitor>(long nowMs, ref int budget, ref TVisitor visit)
        where TVisitor : IRecordVisitor, allows ref struct
    {
        if (EarliestExpiry > nowMs)
            return true;
        for (; _walkedPages < _pageCount; _walkedPages++)
        {
            if (budget <= 0)
                return false;
            budget--;
            ref PageState p = ref _pages[_walkedPages];
            if (p.EarliestExpiry <= nowMs)
            {
                budget -= p.Bump;
                if (!WalkPage(ref p, nowMs, ref visit))
                    return false;
            }

            _roundEarliest = Math.Min(_roundEarliest, p.EarliestExpiry);
        }

        for (; _walkedLarge < _largeCount; _walkedLarge++)
        {
            if (budget <= 0)
                return false;
            budget--;
            ref LargeSlot slot = ref _large[_walkedLarge];
            if (slot.Expiry <= nowMs && !visit.Visit(new Record(ref slot.Array![0])))
                return false;
            _roundEarliest = Math.Min(_roundEarliest, slot.Expiry);
        }

        _walkedPages = 0;
        _walkedLarge = 0;
        EarliestExpiry = _roundEarliest;
        _roundEarliest = long.MaxValue;
        return true;
    }

    private bool WalkPage<TVisitor>(ref PageState p, long nowMs, ref TVisitor visit)
        where TVisitor : IRecordVisitor, allows ref struct
    {
        long earliest = long.MaxValue;
        int bytes = SizeClasses.Units(p.Class) << PagePool.UnitLog2;
        byte* slot = pool.At(p.Address);
        for (byte* end = slot + (p.Bump * bytes); slot < end; slot += bytes)
        {
            const uint Both = Record.LiveFlag | Record.ExpiryFlag;
            if ((*(uint*)(slot + Record.MetaOffset) & Both) != Both)
                continue;
            long expiry = Unsafe.ReadUnaligned<long>(slot + Record.SmallHeaderBytes);
            earliest = Math.Min(earliest, expiry);
            if (expiry <= nowMs && !visit.Visit(new Record(ref *slot)))
                return false;
        }

        p.EarliestExpiry = earliest;
        return true;
    }
}

/// <summary>Takes records one by one.</summary>
internal interface IRecordVisitor
{
    /// <summary>One record, valid during the call; false ends the walk.</summary>
    bool Visit(Record record);
}
