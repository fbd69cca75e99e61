namespace Grid.Storage.Pages;

/// <summary>
/// One large pinned array, cut into pages of one size. What every access needs lies together here; the rest is in
/// <see cref="SlabPages"/>.
/// </summary>
/// <remarks>
/// The one who holds a page may use <see cref="Base"/>: a slab lives as long as one of its pages is held. Others
/// go through <see cref="Data"/>, which the garbage collector keeps alive for them, and check bounds: all slabs
/// have the same length and <see cref="BaseOffset"/> is below a cache line, so that even a torn copy of this struct
/// cannot reach outside an array.
/// </remarks>
internal unsafe struct Slab
{
    /// <summary>The array, or null while the slab's number is unused.</summary>
    public byte[]? Data;

    /// <summary>For each page, the number under which its holder knows it. Written by the holder only.</summary>
    public int[]? PageIds;

    /// <summary>Start of the first page, on a cache line.</summary>
    public byte* Base;

    /// <summary>The same as an offset into <see cref="Data"/>.</summary>
    public int BaseOffset;

    /// <summary>Binary logarithm of the page size in bytes.</summary>
    public int PageLog2;
}

/// <summary>The free pages of one slab.</summary>
internal sealed class SlabPages
{
    private readonly ushort[] _free;

    public SlabPages(int slab, int pageLog2)
    {
        Slab = slab;
        PageLog2 = pageLog2;
        _free = new ushort[PagePool.SlabBytes >> pageLog2];
        Free = _free.Length;
        // Highest first, so that pages are handed out in the order of their addresses.
        for (int i = 0; i < _free.Length; i++)
            _free[i] = (ushort)(_free.Length - 1 - i);
    }

    public int Slab { get; }

    public int PageLog2 { get; }

    public int Pages => _free.Length;

    public int Free { get; private set; }

    /// <summary>Place in the list of slabs of this page size that have free pages, or -1.</summary>
    public int ListIndex { get; set; } = -1;

    public int Take() => _free[--Free];

    public void Put(int page) => _free[Free++] = (ushort)page;
}
