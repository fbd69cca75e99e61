using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Grid.Storage.Records;

namespace Grid.Storage.Snapshots;

/// <summary>
/// Copies of records as they were before they changed, for one snapshot: appended to pages of its own, freed all at once.
/// </summary>
/// <remarks>
/// A kept record: address of the next one in its bucket (8 bytes), hash (8), then the record as it lay in its slot. Of one that has an
/// array of its own only the header is copied, with the array's place in a list instead of the key length; the array itself is shared.
/// </remarks>
internal sealed unsafe class KeptRecords(PagePool pool)
{
    private const int NodeHeaderBytes = 16;
    private const int SmallPages = 4;

    private readonly List<ulong> _pages = [];
    private readonly List<byte[]> _arrays = [];
    private byte* _free;
    private int _left;

    /// <summary>Bytes of pages and shared arrays.</summary>
    public long Bytes { get; private set; }

    /// <summary>Number of records kept.</summary>
    public long Count { get; private set; }

    /// <summary>Keeps a record in front of the chain <paramref name="head"/>.</summary>
    public void Add(ref nint head, ulong hash, RecordHeap heap, ulong address)
    {
        ref byte source = ref heap.At(address);
        var record = new Record(ref source);
        int length = record.IsLarge ? Record.LargeHeaderBytes : record.Length;
        byte* node = Take(NodeHeaderBytes + length);
        *(nint*)node = head;
        *(ulong*)(node + sizeof(nint)) = hash;
        Unsafe.CopyBlockUnaligned(ref node[NodeHeaderBytes], ref source, (uint)length);
        if (record.IsLarge)
        {
            byte[] array = heap.ShareLarge(address);
            Unsafe.WriteUnaligned(node + NodeHeaderBytes + Record.SmallHeaderBytes, _arrays.Count);
            _arrays.Add(array);
            Bytes += array.Length + RecordHeap.ArrayHeaderBytes;
        }

        head = (nint)node;
        Count++;
    }

    public static nint Next(nint node) => *(nint*)node;

    public static ulong Hash(nint node) => *(ulong*)(node + sizeof(nint));

    /// <summary>Hands a kept record to the sink.</summary>
    /// <returns>Its key and value bytes.</returns>
    public int Emit(nint node, ISnapshotSink sink)
    {
        // Version and expiry are the copy's own, key and value may be the shared array's.
        var stamp = new Record(ref *((byte*)node + NodeHeaderBytes));
        ref byte body = ref *((byte*)node + NodeHeaderBytes);
        if (stamp.IsLarge)
            body = ref MemoryMarshal.GetArrayDataReference(_arrays[stamp.KeyLength]);
        var record = new Record(ref body);
        sink.OnEntry(record.Key, record.Value, stamp.Expiry, stamp.Version);
        return record.KeyLength + record.ValueLength;
    }

    /// <summary>Gives everything back.</summary>
    public void Free()
    {
        foreach (ulong page in _pages)
            pool.Return(page);
        _pages.Clear();
        _arrays.Clear();
        _free = null;
        _left = 0;
        Bytes = 0;
    }

    private byte* Take(int bytes)
    {
        bytes = (bytes + 7) & ~7;
        if (bytes > _left)
        {
            int log2 = _pages.Count < SmallPages && bytes <= 1 << PagePool.SmallestPageLog2
                ? PagePool.SmallestPageLog2
                : PagePool.LargestPageLog2;
            ulong page = pool.Rent(log2);
            _pages.Add(page);
            _free = pool.At(page);
            _left = 1 << log2;
            Bytes += _left;
        }

        byte* taken = _free;
        _free += bytes;
        _left -= bytes;
        return taken;
    }
}
