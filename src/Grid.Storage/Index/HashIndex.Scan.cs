using System.Buffers;
using System.Runtime.CompilerServices;
using Grid.Storage.Records;

namespace Grid.Storage.Index;

/// <summary>Reading in hash order.</summary>
internal sealed unsafe partial class HashIndex
{
    /// <summary>
    /// The slots of the segment that covers the hash <paramref name="from"/>, without those whose tag is smaller, in the
    /// order of their tags.
    /// </summary>
    /// <param name="from">A hash.</param>
    /// <param name="room">Room for a segment's words, used unless there is overflow.</param>
    /// <param name="rented">Set to an array of the shared pool if there is.</param>
    /// <param name="end">The first hash beyond the segment; 0 if it is the last one.</param>
    public Span<ulong> SlotsFrom(ulong from, Span<ulong> room, ref ulong[]? rented, out ulong end)
    {
        ulong entry = _directory[DirectoryIndex(from, _depth)];
        int depth = DepthOf(entry);
        end = depth == 0 ? 0 : ((from >> (64 - depth)) + 1) << (64 - depth);
        ulong* page = PageAt(PageOf(entry));
        uint tag = Segment.Tag(from, depth);
        if (HasOverflow(entry))
        {
            Span<ulong> all = Gather(page, room, ref rented);
            int first = 0;
            while (first < all.Length && Segment.TagOf(all[first]) < tag)
                first++;
            return all[first..];
        }

        int at = Segment.Home(tag, depth);
        while (at < Segment.Words && page[at] != 0 && Segment.TagOf(page[at]) < tag)
            at++;
        return room[..Collect(page, at, room)];
    }

    /// <summary>The hash of a slot's key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong HashOf(ulong slot) => KeyHash.Compute(new Record(ref _heap.At(slot & Segment.AddressMask)).Key);

    /// <summary>
    /// Goes through the slots of one segment in the order of their full hashes: tags order all but those that are equal, which
    /// are sorted as they are met.
    /// </summary>
    public ref struct Ordered(HashIndex index, Span<ulong> slots)
    {
        private const int Ahead = 6;
        private readonly Span<ulong> _slots = slots;
        private ulong[]? _hashes;
        private int _at = -1;
        private int _runEnd;
        private int _runStart;

        /// <summary>The hash of the current entry.</summary>
        public ulong Hash { get; private set; }

        /// <summary>The address of the current entry's record.</summary>
        public readonly ulong Address => _slots[_at] & Segment.AddressMask;

        /// <summary>Goes on; false at the end.</summary>
        public bool Next()
        {
            if (++_at >= _slots.Length)
                return false;
            if (_at + Ahead < _slots.Length)
                index._heap.Prefetch(_slots[_at + Ahead] & Segment.AddressMask);
            if (_at >= _runEnd)
                StartRun();
            Hash = _runEnd - _runStart == 1 ? index.HashOf(_slots[_at]) : _hashes![_at - _runStart];
            return true;
        }

        /// <summary>Gives back what was rented.</summary>
        public readonly void Dispose()
        {
            if (_hashes is not null)
                ArrayPool<ulong>.Shared.Return(_hashes);
        }

        private void StartRun()
        {
            _runStart = _at;
            uint tag = Segment.TagOf(_slots[_at]);
            _runEnd = _at + 1;
            while (_runEnd < _slots.Length && Segment.TagOf(_slots[_runEnd]) == tag)
                _runEnd++;
            int length = _runEnd - _runStart;
            if (length == 1)
                return;
            if (_hashes is null || _hashes.Length < length)
            {
                if (_hashes is not null)
                    ArrayPool<ulong>.Shared.Return(_hashes);
                _hashes = ArrayPool<ulong>.Shared.Rent(Math.Max(length, 16));
            }

            Span<ulong> run = _slots[_runStart.._runEnd];
            for (int i = 0; i < length; i++)
                _hashes[i] = index.HashOf(run[i]);
            _hashes.AsSpan(0, length).Sort(run);
        }
    }
}
