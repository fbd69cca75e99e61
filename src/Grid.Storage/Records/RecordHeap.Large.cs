using System.Diagnostics.CodeAnalysis;

namespace Grid.Storage.Records;

/// <summary>Records too large for a slot.</summary>
internal sealed unsafe partial class RecordHeap
{
    /// <summary>What an array costs beside its bytes: header and length.</summary>
    public const int ArrayHeaderBytes = 24;

    private LargeSlot[] _large = [];
    private int _largeCount;
    private int _freeLarge = None;

    /// <summary>Bytes of the arrays.</summary>
    public long LargeBytes { get; private set; }

    private long LargeTableBytes => (long)_large.Length * System.Runtime.CompilerServices.Unsafe.SizeOf<LargeSlot>();

    /// <summary>The array at <paramref name="address"/>.</summary>
    public byte[] LargeAt(ulong address) => _large[(int)(address & (LargeBit - 1))].Array!;

    /// <summary>The same for other threads than the writer's: null if there is none at this moment.</summary>
    public byte[]? TryLargeAt(ulong address)
    {
        LargeSlot[] table = Volatile.Read(ref _large);
        ulong index = address & (LargeBit - 1);
        return index < (ulong)table.Length ? Volatile.Read(ref table[index].Array) : null;
    }

    /// <summary>A new array of <paramref name="length"/> bytes and its address.</summary>
    public byte[] AllocateLarge(int length, out ulong address)
    {
        byte[] array = GC.AllocateUninitializedArray<byte>(length);
        int index = _freeLarge;
        if (index >= 0)
        {
            _freeLarge = _large[index].NextFree;
        }
        else
        {
            if (_largeCount == _large.Length)
            {
                LargeSlot[] larger = new LargeSlot[Math.Max(4, _large.Length * 2)];
                _large.CopyTo(larger, 0);
                Volatile.Write(ref _large, larger);
            }

            index = _largeCount++;
        }

        _large[index] = new LargeSlot { Array = array, Expiry = long.MaxValue };
        LargeBytes += length + ArrayHeaderBytes;
        address = LargeBit | (uint)index;
        return array;
    }

    /// <summary>
    /// Whether the array may be written over by a record of <paramref name="length"/> bytes: it is long enough,
    /// at most an eighth would lie idle, and no snapshot reads it.
    /// </summary>
    public bool CanReuseLarge(ulong address, int length)
    {
        ref LargeSlot slot = ref _large[(int)(address & (LargeBit - 1))];
        int capacity = slot.Array!.Length;
        return !slot.IsShared && length <= capacity && length >= capacity - (capacity / 8);
    }

    /// <summary>Marks the array as read by a snapshot from now on: its key and value stay as they are.</summary>
    public byte[] ShareLarge(ulong address)
    {
        ref LargeSlot slot = ref _large[(int)(address & (LargeBit - 1))];
        slot.IsShared = true;
        return slot.Array!;
    }

    /// <summary>Makes known that the record at <paramref name="address"/> has no expiry any more.</summary>
    public void NoteNoExpiry(ulong address)
    {
        if ((address & LargeBit) != 0)
            _large[(int)(address & (LargeBit - 1))].Expiry = long.MaxValue;
    }

    private void FreeLarge(ulong address)
    {
        int index = (int)(address & (LargeBit - 1));
        LargeBytes -= _large[index].Array!.Length + ArrayHeaderBytes;
        _large[index] = new LargeSlot { Expiry = long.MaxValue, NextFree = _freeLarge };
        _freeLarge = index;
    }

    private void DropLarge()
    {
        _large = [];
        _largeCount = 0;
        LargeBytes = 0;
    }

    [SuppressMessage("Performance", "CA1815", Justification = "Never compared.")]
    private struct LargeSlot
    {
        public byte[]? Array;

        /// <summary>Copy of the record's expiry, or the largest number: what is not there never expires.</summary>
        public long Expiry;
        public int NextFree;
        public bool IsShared;
    }
}
