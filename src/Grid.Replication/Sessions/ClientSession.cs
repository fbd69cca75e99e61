using System.Runtime.InteropServices;

namespace Grid.Replication.Sessions;

/// <summary>One operation of a client that took effect, and what it was answered with.</summary>
/// <param name="Number">Its number in its client's count for the shard.</param>
/// <param name="Version">Epoch and offset of the mutation that was its effect.</param>
/// <param name="Result">The number in its answer; 0 where there was none.</param>
/// <param name="KeyHash">The lower half of its key's hash: a foreign key of equal hash only has one more operation called overtaken.</param>
/// <param name="Place">The keyspace's id, and whether all of it was cleared; see <see cref="PlaceOf"/>.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AppliedOperation(long Number, ulong Version, long Result, uint KeyHash, int Place)
{
    /// <summary>True for the clearing of a keyspace, which concerns every key of it.</summary>
    public bool IsClear => (Place & 1) != 0;

    /// <summary>A keyspace, or the clearing of it, in one number.</summary>
    public static int PlaceOf(int keyspace, bool clears) => (keyspace << 1) | (clears ? 1 : 0);

    /// <summary>True if this touched what the operation is about.</summary>
    public bool Concerns(int place, uint keyHash)
    {
        if (Place >> 1 != place >> 1)
            return false;
        return ((Place | place) & 1) != 0 || KeyHash == keyHash;
    }
}

/// <summary>What is remembered of one client: its operations that took effect, from a floor on, in the order of their numbers.</summary>
internal sealed class ClientSession(int id, ulong client, long floor, long usedAt)
{
    private const int EntriesMin = 4;

    private AppliedOperation[] _entries = new AppliedOperation[EntriesMin];
    private int _start;
    private int _frozenTo;

    /// <summary>Its id among the shard's sessions.</summary>
    public int Id { get; } = id;

    /// <summary>The client.</summary>
    public ulong Client { get; } = client;

    /// <summary>Below it nothing is known: what is asked for there may have been applied or not.</summary>
    public long Floor { get; private set; } = floor;

    /// <summary>Offset of its newest mutation, be it the one that opened it.</summary>
    public long UsedAt { get; private set; } = usedAt;

    /// <summary>Operations remembered.</summary>
    public int Count { get; private set; }

    /// <summary>Those operations.</summary>
    public ReadOnlySpan<AppliedOperation> Entries => _entries.AsSpan(_start, Count);

    /// <summary>The session as it is now. What lies in its array up to here is not written to any more; what comes later is put behind, or into another array.</summary>
    public FrozenSession Freeze()
    {
        _frozenTo = Math.Max(_frozenTo, _start + Count);
        return new FrozenSession(Id, Client, Floor, UsedAt, _entries.AsMemory(_start, Count));
    }

    /// <summary>Remembers one more, and forgets what is below <paramref name="floor"/>.</summary>
    public void Record(in AppliedOperation operation, long floor, long offset)
    {
        UsedAt = offset;
        RaiseFloor(floor);
        if (operation.Number < Floor)
            return;
        int at = Count;
        while (at > 0 && Entries[at - 1].Number >= operation.Number)
            at--;
        MakeRoom(_start + at);
        if (at < Count)
            Array.Copy(_entries, _start + at, _entries, _start + at + 1, Count - at);
        _entries[_start + at] = operation;
        Count++;
    }

    /// <summary>Finds the operation with this number.</summary>
    public bool TryFind(long number, out AppliedOperation operation)
    {
        ReadOnlySpan<AppliedOperation> entries = Entries;
        int at = LowerBound(entries, number);
        bool found = at < entries.Length && entries[at].Number == number;
        operation = found ? entries[at] : default;
        return found;
    }

    /// <summary>True if an operation behind this number took effect on the same key, or on all of its keyspace.</summary>
    public bool IsOvertaken(long number, int place, uint keyHash)
    {
        ReadOnlySpan<AppliedOperation> entries = Entries;
        for (int i = entries.Length - 1; i >= 0 && entries[i].Number > number; i--)
        {
            if (entries[i].Concerns(place, keyHash))
                return true;
        }

        return false;
    }

    /// <summary>The floor at which at most <paramref name="most"/> operations are remembered.</summary>
    public long FloorFor(int most) => Count <= most ? 0 : most <= 0 ? Entries[^1].Number + 1 : Entries[Count - most].Number;

    private void RaiseFloor(long floor)
    {
        if (floor <= Floor)
            return;
        Floor = floor;
        while (Count > 0 && _entries[_start].Number < floor)
        {
            _start++;
            Count--;
        }

        if (Count == 0)
            _start = 0;
    }

    /// <summary>Makes room for one more, from <paramref name="place"/> of the array on.</summary>
    private void MakeRoom(int place)
    {
        bool isFull = _start + Count == _entries.Length;
        if (!isFull && place >= _frozenTo)
            return;
        AppliedOperation[] from = _entries;
        if (isFull && Count > _entries.Length / 2)
            _entries = new AppliedOperation[_entries.Length * 2];
        else if (_frozenTo > 0)
            _entries = new AppliedOperation[_entries.Length];
        Array.Copy(from, _start, _entries, 0, Count);
        _start = 0;
        if (_entries != from)
            _frozenTo = 0;
    }

    private static int LowerBound(ReadOnlySpan<AppliedOperation> entries, long number)
    {
        int low = 0, high = entries.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (entries[middle].Number < number)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
