using System.Numerics;

namespace Grid.Streams.Queues;

/// <summary>Items in order with their sizes: added at the end, removed at the front. Not thread safe.</summary>
internal sealed class ItemRing<T>
{
    private const int LeastCapacity = 16;

    private Entry[] _entries = [];
    private int _head;

    /// <summary>The number of items held.</summary>
    public int Count { get; private set; }

    /// <summary>The item at <paramref name="index"/>, 0 being the oldest.</summary>
    public ref readonly Entry this[int index] => ref _entries[(_head + index) & (_entries.Length - 1)];

    /// <summary>Adds the newest item.</summary>
    public void Add(T item, int bytes)
    {
        if (Count == _entries.Length)
            Resize(Math.Max(LeastCapacity, Count * 2));
        _entries[(_head + Count) & (_entries.Length - 1)] = new Entry(item, bytes);
        Count++;
    }

    /// <summary>Removes the oldest item; a ring that a burst has blown up shrinks again when it is empty.</summary>
    public Entry RemoveFirst()
    {
        ref Entry slot = ref _entries[_head];
        Entry entry = slot;
        slot = default;
        _head = (_head + 1) & (_entries.Length - 1);
        Count--;
        if (Count == 0 && _entries.Length > 4096)
            _entries = [];
        if (Count == 0)
            _head = 0;
        return entry;
    }

    private void Resize(int capacity)
    {
        var entries = new Entry[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        for (int i = 0; i < Count; i++)
            entries[i] = this[i];
        _entries = entries;
        _head = 0;
    }

    /// <summary>One item and what it counts, in bytes.</summary>
    internal readonly record struct Entry(T Item, int Bytes);
}
