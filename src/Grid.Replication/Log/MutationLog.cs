using System.Buffers;
using Grid.Formats.Mutations;

namespace Grid.Replication.Log;

/// <summary>
/// A contiguous run of encoded mutations of one epoch inside the log.
/// </summary>
public readonly ref struct LogSlice
{
    /// <summary>Epoch in which all of them were appended.</summary>
    public long Epoch { get; init; }

    /// <summary>Offset of the first one.</summary>
    public long FirstOffset { get; init; }

    /// <summary>How many there are; 0 when nothing could be taken.</summary>
    public int Count { get; init; }

    /// <summary>Their bytes, as <see cref="Mutation.Read"/> reads them one after the other.</summary>
    public ReadOnlySpan<byte> Bytes { get; init; }
}

/// <summary>
/// The recent mutations of one copy, in order and without holes: backlog, uncommitted tail and kept mutations in one
/// structure, so that nothing moves when a mutation commits or a replica becomes primary.
/// </summary>
/// <remarks>
/// Bytes live in chunks from a pool; a chunk holds mutations of one epoch, and a mutation never spans two chunks.
/// The owner bounds the log with <see cref="DropBefore"/>. Not thread-safe: it belongs to the copy's owner.
/// </remarks>
public sealed class MutationLog : IDisposable
{
    private const int ChunkBytes = 64 * 1024;

    private readonly List<Chunk> _chunks = [];
    private int _head;
    private long _appended;
    private int _lastFound;

    /// <summary>Begins a log whose first mutation will have the offset after <paramref name="startAfter"/>.</summary>
    public MutationLog(long startAfter)
    {
        FirstOffset = startAfter + 1;
        EndOffset = startAfter;
    }

    /// <summary>Offset of the oldest mutation held; one more than <see cref="EndOffset"/> when there is none.</summary>
    public long FirstOffset { get; private set; }

    /// <summary>Offset of the newest mutation held, or the one that the log began after.</summary>
    public long EndOffset { get; private set; }

    /// <summary>Bytes of the mutations held.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes of the mutations from <paramref name="offset"/> on; all that is held when it lies before the log.</summary>
    /// <remarks>
    /// Exact, because writes are refused and links ended by it: a chunk may hold one value of many MiB and small ones behind it. Each mutation of a
    /// chunk that is asked about is looked at once, and never more than <see cref="Chunk.MarkEvery"/> of them in a call after that.
    /// </remarks>
    public long BytesFrom(long offset)
    {
        if (offset > EndOffset)
            return 0;
        if (offset <= FirstOffset)
            return Bytes;
        Chunk chunk = Find(offset);
        return _appended - chunk.Start - chunk.PositionOf(offset);
    }

    /// <summary>Reserves room for one mutation of at most <paramref name="lengthMax"/> bytes at the end.</summary>
    public Span<byte> Reserve(long epoch, int lengthMax)
    {
        Chunk? last = _chunks.Count > _head ? _chunks[^1] : null;
        if (last is null || last.Epoch != epoch || last.Buffer.Length - last.Used < lengthMax)
        {
            last = new Chunk(ArrayPool<byte>.Shared.Rent(Math.Max(lengthMax, ChunkBytes)), epoch, EndOffset + 1, _appended);
            _chunks.Add(last);
        }

        return last.Buffer.AsSpan(last.Used);
    }

    /// <summary>Ends what <see cref="Reserve"/> began: the mutation took <paramref name="length"/> bytes.</summary>
    /// <returns>The offset that the mutation got.</returns>
    public long Commit(int length)
    {
        Chunk last = _chunks[^1];
        last.Used += length;
        last.Count++;
        Bytes += length;
        _appended += length;
        return ++EndOffset;
    }

    /// <summary>Appends whole mutations that came over the wire; the bytes were checked by the caller.</summary>
    public void Append(in LogSlice slice)
    {
        if (slice.FirstOffset != EndOffset + 1)
            throw new InvalidOperationException($"The log ends at {EndOffset}; mutations from {slice.FirstOffset} on do not follow.");
        slice.Bytes.CopyTo(Reserve(slice.Epoch, slice.Bytes.Length));
        Chunk last = _chunks[^1];
        last.Used += slice.Bytes.Length;
        last.Count += slice.Count;
        Bytes += slice.Bytes.Length;
        _appended += slice.Bytes.Length;
        EndOffset += slice.Count;
    }

    /// <summary>True when the log holds the mutation at <paramref name="offset"/>.</summary>
    public bool Holds(long offset) => offset >= FirstOffset && offset <= EndOffset;

    /// <summary>Takes mutations from <paramref name="offset"/> on: of one epoch, at most <paramref name="bytesMax"/> bytes, but at least one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The mutation is not held.</exception>
    public LogSlice Read(long offset, int bytesMax, long lastOffset = long.MaxValue)
    {
        if (!Holds(offset))
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"The log holds {FirstOffset} to {EndOffset}.");
        Chunk chunk = Find(offset);
        int start = chunk.Seek(offset);
        int end = start;
        int count = 0;
        int most = (int)Math.Min(chunk.FirstOffset + chunk.Count - offset, lastOffset - offset + 1);
        int all = most == chunk.FirstOffset + chunk.Count - offset ? chunk.Used : chunk.Seek(offset + most);
        if (all - start <= bytesMax)
        {
            end = all;
            count = most;
        }

        while (count < most)
        {
            int length = Mutation.Read(chunk.Buffer.AsSpan(end, chunk.Used - end)).Length;
            if (count > 0 && end - start + length > bytesMax)
                break;
            end += length;
            count++;
        }

        chunk.Remember(offset + count, end);
        return new LogSlice { Epoch = chunk.Epoch, FirstOffset = offset, Count = count, Bytes = chunk.Buffer.AsSpan(start, end - start) };
    }

    /// <summary>Drops whole chunks that end before <paramref name="offset"/>, oldest first, while more than <paramref name="bytesKept"/> bytes are held.</summary>
    public void DropBefore(long offset, long bytesKept)
    {
        while (_head < _chunks.Count && Bytes > bytesKept)
        {
            Chunk oldest = _chunks[_head];
            long after = oldest.FirstOffset + oldest.Count;
            if (after > offset || after > EndOffset)
                break;
            Bytes -= oldest.Used;
            FirstOffset = after;
            ArrayPool<byte>.Shared.Return(oldest.Buffer);
            _chunks[_head++] = null!;
        }

        if (_head > 64 && _head * 2 > _chunks.Count)
        {
            _chunks.RemoveRange(0, _head);
            _head = 0;
        }
    }

    /// <summary>Cuts the mutations behind <paramref name="offset"/> away, so that the log ends there.</summary>
    public void TruncateAfter(long offset)
    {
        if (offset >= EndOffset)
            return;
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, FirstOffset - 1);
        while (_chunks.Count > _head && _chunks[^1].FirstOffset > offset)
        {
            Bytes -= _chunks[^1].Used;
            _appended -= _chunks[^1].Used;
            ArrayPool<byte>.Shared.Return(_chunks[^1].Buffer);
            _chunks.RemoveAt(_chunks.Count - 1);
        }

        if (_chunks.Count > _head)
        {
            Chunk last = _chunks[^1];
            int used = last.Seek(offset + 1);
            Bytes -= last.Used - used;
            _appended -= last.Used - used;
            last.Used = used;
            last.Count = (int)(offset + 1 - last.FirstOffset);
            last.ForgetBeyond();
        }

        EndOffset = offset;
    }

    /// <summary>Gives the chunks back to the pool.</summary>
    public void Dispose()
    {
        for (int i = _head; i < _chunks.Count; i++)
            ArrayPool<byte>.Shared.Return(_chunks[i].Buffer);
        _chunks.Clear();
        _head = 0;
        Bytes = 0;
        FirstOffset = EndOffset + 1;
    }

    private Chunk Find(long offset)
    {
        for (int i = Math.Max(_lastFound, _head); i < Math.Min(_lastFound + 2, _chunks.Count); i++)
        {
            if (_chunks[i].Contains(offset))
                return _chunks[_lastFound = i];
        }

        int low = _head, high = _chunks.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) >>> 1;
            if (_chunks[middle].FirstOffset <= offset)
                low = middle;
            else
                high = middle - 1;
        }

        return _chunks[_lastFound = low];
    }

    private sealed class Chunk(byte[] buffer, long epoch, long firstOffset, long start)
    {
        /// <summary>Mutations between two of the positions that are kept.</summary>
        public const int MarkEvery = 16;

        private long _markOffset = firstOffset;
        private int _markPosition;
        private List<int>? _marks;

        public byte[] Buffer { get; } = buffer;

        public long Epoch { get; } = epoch;

        public long FirstOffset { get; } = firstOffset;

        /// <summary>Bytes ever appended to the log before this chunk.</summary>
        public long Start { get; } = start;

        public int Used { get; set; }

        public int Count { get; set; }

        public bool Contains(long offset) => offset >= FirstOffset && offset < FirstOffset + Count;

        /// <summary>
        /// The byte position of <paramref name="offset"/>. Who reads on from where the last one stopped needs nothing else; links at other places and who
        /// applies what is committed find theirs by the positions that are kept.
        /// </summary>
        public int Seek(long offset)
        {
            long behindMark = offset - _markOffset;
            return behindMark is >= 0 and <= MarkEvery ? Walk(_markPosition, (int)behindMark) : PositionOf(offset);
        }

        public void Remember(long offset, int position)
        {
            _markOffset = offset;
            _markPosition = position;
        }

        /// <summary>The byte position of <paramref name="offset"/>, in whatever order it is asked: positions of every so many mutations are kept, once they were needed.</summary>
        public int PositionOf(long offset)
        {
            int index = (int)(offset - FirstOffset);
            _marks ??= [0];
            while (_marks.Count <= index / MarkEvery)
                _marks.Add(Walk(_marks[^1], MarkEvery));
            return Walk(_marks[index / MarkEvery], index % MarkEvery);
        }

        /// <summary>Mutations at the end were cut away; others may come in their place.</summary>
        public void ForgetBeyond()
        {
            Remember(FirstOffset, 0);
            if (_marks is not null && _marks.Count > (Count / MarkEvery) + 1)
                _marks.RemoveRange((Count / MarkEvery) + 1, _marks.Count - (Count / MarkEvery) - 1);
        }

        private int Walk(int position, int count)
        {
            for (; count > 0; count--)
                position += Mutation.Read(Buffer.AsSpan(position, Used - position)).Length;
            return position;
        }
    }
}
