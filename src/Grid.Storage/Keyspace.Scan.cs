using System.Buffers;
using System.Runtime.CompilerServices;
using Grid.Storage.Index;
using Grid.Storage.Records;

namespace Grid.Storage;

/// <summary>Reading in hash order, and the walk for expired entries.</summary>
public sealed partial class Keyspace
{
    // What visiting a segment costs, counted in entries, so that a sparse index cannot make a slice long.
    private const int SegmentCostEntries = 4;

    /// <summary>
    /// Hands out entries in the order of their keys' hashes. The cursor is the first hash not yet handed out: it means the
    /// same on every copy and survives any mutation in between; an entry that is there all the time is handed out exactly once.
    /// </summary>
    /// <param name="cursor">0 to begin, then what the last call returned.</param>
    /// <param name="entriesMax">Entries that may be looked at; exceeded only by keys with one and the same hash.</param>
    /// <param name="bytesMax">Key and value bytes that may be handed out; exceeded by the last entry at most.</param>
    /// <param name="nowMs">Unix milliseconds; what has expired is left out. 0 hands out expired entries too.</param>
    /// <param name="sink">Gets the entries.</param>
    /// <returns>Where to go on; 0 at the end.</returns>
    [SkipLocalsInit]
    public ulong Scan(ulong cursor, int entriesMax, int bytesMax, long nowMs, IEntrySink sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        if (_contents is not { } contents)
            return 0;
        Span<ulong> room = stackalloc ulong[Segment.Words];
        long bytes = 0;
        int entries = 0;
        do
        {
            ulong[]? rented = null;
            Span<ulong> slots = contents.Index.SlotsFrom(cursor, room, ref rented, out ulong end);
            var ordered = new HashIndex.Ordered(contents.Index, slots);
            ulong last = cursor;
            bool stopped = false;
            while (ordered.Next())
            {
                if (ordered.Hash < cursor)
                    continue;
                if (ordered.Hash != last && (entries >= entriesMax || bytes >= bytesMax))
                {
                    cursor = ordered.Hash;
                    stopped = true;
                    break;
                }

                last = ordered.Hash;
                entries++;
                var record = new Record(ref contents.Heap.At(ordered.Address));
                var entry = new EntryView(record.Value, record.Version, record.Expiry);
                if (entry.IsExpiredAt(nowMs))
                    continue;
                bytes += record.KeyLength + record.ValueLength;
                sink.OnEntry(record.Key, entry);
            }

            ordered.Dispose();
            if (rented is not null)
                ArrayPool<ulong>.Shared.Return(rented);
            if (stopped)
                return cursor;
            cursor = end;
            entries += SegmentCostEntries;
        }
        while (cursor != 0 && entries < entriesMax && bytes < bytesMax);
        return cursor;
    }

    internal bool WalkExpired(long nowMs, ref int budget, IExpiredSink sink)
    {
        if (_contents is not { } contents || contents.EntriesWithExpiry == 0)
            return true;
        var visitor = new ExpiredVisitor(this, sink);
        return contents.Heap.WalkExpired(nowMs, ref budget, ref visitor);
    }

    private readonly struct ExpiredVisitor(Keyspace keyspace, IExpiredSink sink) : IRecordVisitor
    {
        public bool Visit(Record record) => sink.OnExpired(keyspace, record.Key, record.Version);
    }
}
