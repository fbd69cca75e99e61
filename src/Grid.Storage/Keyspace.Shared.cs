using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Grid.Storage.Index;
using Grid.Storage.Pages;
using Grid.Storage.Records;

namespace Grid.Storage;

/// <summary>Lookups by other threads while the writer writes.</summary>
/// <remarks>
/// <para>
/// The reader notes the sequence number of the key's segment, reads, and believes what it read only if the number is
/// the same afterwards: a record that a segment names cannot be written over, moved or freed in between. Until then everything
/// that was read may be torn, or belong to a page that by now has another use: so lengths and addresses are checked
/// against the arrays before use, and arrays, not pointers, are used, which the garbage collector keeps alive.
/// </para>
/// </remarks>
public sealed partial class Keyspace
{
    private enum Attempt
    {
        Torn,
        Found,
        NotFound,
    }

    /// <summary>Looks a key up from any thread and copies its value out.</summary>
    /// <param name="key">The key.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="nowMs">Unix milliseconds.</param>
    /// <param name="value">Gets the value appended if it is found, and nothing otherwise; null where nobody wants it.</param>
    /// <param name="version">The entry's version.</param>
    /// <param name="expiryMs">Its expiry in Unix milliseconds; 0 = none.</param>
    /// <returns><see cref="SharedReadStatus.Busy"/> if the writer was in the way <see cref="StorageOptions.SharedReadAttemptsMax"/> times.</returns>
    public SharedReadStatus TryReadShared(
        ReadOnlySpan<byte> key, ulong hash, long nowMs, IBufferWriter<byte>? value, out ulong version, out long expiryMs)
    {
        for (int attempt = 0; attempt < _store.Options.SharedReadAttemptsMax; attempt++)
        {
            if (attempt > 0)
                Thread.SpinWait(1 << Math.Min(attempt, 6));
            Attempt result = TryOnce(key, hash, nowMs, value, out version, out expiryMs);
            if (result == Attempt.Torn)
                continue;
            _sharedCounters.Count(result == Attempt.Found);
            return result == Attempt.Found ? SharedReadStatus.Found : SharedReadStatus.NotFound;
        }

        version = 0;
        expiryMs = 0;
        return SharedReadStatus.Busy;
    }

    private Attempt TryOnce(
        ReadOnlySpan<byte> key, ulong hash, long nowMs, IBufferWriter<byte>? value, out ulong version, out long expiryMs)
    {
        version = 0;
        expiryMs = 0;
        KeyspaceContents? contents = Volatile.Read(ref _contents);
        if (contents is null)
            return Attempt.NotFound;
        ulong[] directory = contents.Index.Directory;
        if (directory.Length == 0)
            return Attempt.Torn;
        int at = HashIndex.DirectoryIndex(hash, System.Numerics.BitOperations.Log2((uint)directory.Length));
        ulong entry = Volatile.Read(ref directory[at]);
        uint page = HashIndex.PageOf(entry);
        if (!_stripes.TryBegin(page, out long number))
            return Attempt.Torn;
        // Only now is the number known to belong to what the directory says.
        if (Volatile.Read(ref _contents) != contents || contents.Index.Directory != directory || Volatile.Read(ref directory[at]) != entry)
            return Attempt.Torn;

        Attempt result = Probe(contents, key, hash, entry, number, out ReadOnlySpan<byte> found, out version, out expiryMs);
        if (result != Attempt.Found)
            return result == Attempt.NotFound && _stripes.IsUnchanged(page, number) ? Attempt.NotFound : Attempt.Torn;
        // A length that is not torn, before room for it is asked for.
        if (!_stripes.IsUnchanged(page, number))
            return Attempt.Torn;
        if (expiryMs != 0 && expiryMs <= nowMs)
            return Attempt.NotFound;
        if (value is null)
            return Attempt.Found;
        Span<byte> target = value.GetSpan(found.Length);
        found.CopyTo(target);
        if (!_stripes.IsUnchanged(page, number))
            return Attempt.Torn;
        value.Advance(found.Length);
        return Attempt.Found;
    }

    private Attempt Probe(
        KeyspaceContents contents,
        ReadOnlySpan<byte> key,
        ulong hash,
        ulong entry,
        long number,
        out ReadOnlySpan<byte> value,
        out ulong version,
        out long expiryMs)
    {
        value = default;
        version = 0;
        expiryMs = 0;
        Slab[] slabs = _store.Pool.SharedSlabs;
        int depth = HashIndex.DepthOf(entry);
        uint tag = Segment.Tag(hash, depth);
        if (!TryWords(slabs, HashIndex.PageOf(entry), out ReadOnlySpan<ulong> words))
            return Attempt.Torn;
        for (int at = Segment.Home(tag, depth); at < words.Length && words[at] != 0 && Segment.TagOf(words[at]) <= tag; at++)
        {
            if (Segment.TagOf(words[at]) != tag)
                continue;
            Attempt match = Match(contents, slabs, words[at] & Segment.AddressMask, key, out value, out version, out expiryMs);
            if (match != Attempt.NotFound)
                return match;
        }

        for (uint next = HashIndex.HasOverflow(entry) ? (uint)(words[0] >> 32) : 0; next != 0; next = (uint)(words[0] >> 32))
        {
            // The chain is only as long as it says if nothing has changed: a torn one might have no end.
            if (!TryWords(slabs, next, out words) || !_stripes.IsUnchanged(HashIndex.PageOf(entry), number))
                return Attempt.Torn;
            int count = Math.Min((int)(uint)words[0], Segment.Words - 1);
            for (int at = 1; at <= count; at++)
            {
                if (Segment.TagOf(words[at]) != tag)
                    continue;
                Attempt match = Match(contents, slabs, words[at] & Segment.AddressMask, key, out value, out version, out expiryMs);
                if (match != Attempt.NotFound)
                    return match;
            }
        }

        return Attempt.NotFound;
    }

    private static Attempt Match(
        KeyspaceContents contents,
        Slab[] slabs,
        ulong address,
        ReadOnlySpan<byte> key,
        out ReadOnlySpan<byte> value,
        out ulong version,
        out long expiryMs)
    {
        value = default;
        version = 0;
        expiryMs = 0;
        ReadOnlySpan<byte> bytes;
        if ((address & RecordHeap.LargeBit) != 0)
        {
            bytes = contents.Heap.TryLargeAt(address);
        }
        else if (!TrySlab(slabs, address >> PagePool.SlabUnitsLog2, out bytes, out int start))
        {
            return Attempt.Torn;
        }
        else
        {
            bytes = bytes[(start + (int)((address & PagePool.UnitMask) << PagePool.UnitLog2))..];
        }

        // Each field is read once: what is checked is what is used, whatever the writer does meanwhile.
        var shape = new RecordShape(bytes);
        if (!shape.Fits(bytes.Length))
            return Attempt.Torn;
        if (!bytes.Slice(shape.KeyOffset, shape.KeyLength).SequenceEqual(key))
            return Attempt.NotFound;
        value = bytes.Slice(shape.KeyOffset + shape.KeyLength, shape.ValueLength);
        version = shape.Version;
        expiryMs = shape.Expiry;
        return Attempt.Found;
    }

    private static bool TryWords(Slab[] slabs, uint page, out ReadOnlySpan<ulong> words)
    {
        const int PagesLog2 = PagePool.SlabLog2 - Segment.PageLog2;
        words = default;
        if (!TrySlab(slabs, page >> PagesLog2, out ReadOnlySpan<byte> bytes, out int start))
            return false;
        int offset = start + ((int)(page & ((1u << PagesLog2) - 1)) << Segment.PageLog2);
        words = MemoryMarshal.Cast<byte, ulong>(bytes.Slice(offset, Segment.PageBytes));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TrySlab(Slab[] slabs, ulong number, out ReadOnlySpan<byte> bytes, out int start)
    {
        bytes = default;
        start = 0;
        if (number >= (ulong)slabs.Length)
            return false;
        ref Slab slab = ref slabs[number];
        if (Volatile.Read(ref slab.Data) is not { } data)
            return false;
        start = slab.BaseOffset;
        bytes = data;
        return true;
    }
}
