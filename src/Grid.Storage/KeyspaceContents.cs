using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Grid.Storage.Index;
using Grid.Storage.Pages;
using Grid.Storage.Records;

namespace Grid.Storage;

/// <summary>
/// The records of a keyspace and the index to them: what a clear puts aside as a whole. It lives until the keyspace
/// and every snapshot that still has to read it have let go.
/// </summary>
internal sealed class KeyspaceContents
{
    private readonly PagePool _pool;

    public KeyspaceContents(PagePool pool, SequenceStripes stripes)
    {
        _pool = pool;
        Heap = new RecordHeap(pool);
        Index = new HashIndex(pool, Heap, stripes);
    }

    public RecordHeap Heap { get; }

    public HashIndex Index { get; }

    /// <summary>The keyspace and the snapshots that hold on to this.</summary>
    public int References { get; set; } = 1;

    public long KeyBytes { get; private set; }

    public long ValueBytes { get; private set; }

    public long EntriesWithExpiry { get; private set; }

    public long Moved { get; private set; }

    public long MemoryBytes => Heap.PageBytes + Heap.LargeBytes + Heap.TableBytes + Index.MemoryBytes;

    /// <summary>Adds an entry that the index does not have.</summary>
    /// <returns>The record's address.</returns>
    public ulong Insert(ReadOnlySpan<byte> key, ulong hash, in SlotPlace place, ReadOnlySpan<byte> value, long expiry, ulong version)
    {
        ulong address = Write(key, value, expiry, version);
        Index.Insert(hash, address, place);
        KeyBytes += key.Length;
        ValueBytes += value.Length;
        EntriesWithExpiry += expiry != 0 ? 1 : 0;
        return address;
    }

    /// <summary>
    /// The common overwrite: a record in a slot that stays the right size gets another value, expiry and version. Kept short, since the
    /// processor overlaps the waits for memory of neighbouring operations only as far as it can look ahead.
    /// </summary>
    /// <returns>False, and nothing was done, if it is not that case.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe bool TryRewrite(ReadOnlySpan<byte> key, ulong hash, ReadOnlySpan<byte> value, long expiry, ulong version)
    {
        ulong address = Index.Find(key, hash, out ulong entry);
        if (address == 0 || (address & RecordHeap.LargeBit) != 0)
            return false;
        byte* slot = _pool.At(address);
        if (!Record.FitsSlotOf(slot, key.Length, value.Length, expiry != 0, out int oldValueLength))
            return false;
        Index.Enter(entry);
        Record.RewriteSmall(slot, key.Length, value, expiry, version);
        Index.Exit(entry);
        ValueBytes += value.Length - oldValueLength;
        if (expiry != 0)
            Heap.NoteExpiry(address, expiry);
        return true;
    }

    /// <summary>Gives an entry another value, expiry and version, in place if its slot has the right size.</summary>
    /// <returns>The record's address, which may be a new one.</returns>
    public ulong Overwrite(in SlotPlace place, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiry, ulong version)
    {
        ulong address = place.Address;
        var old = new Record(ref Heap.At(address));
        ValueBytes += value.Length - old.ValueLength;
        EntriesWithExpiry += (expiry != 0 ? 1 : 0) - (old.HasExpiry ? 1 : 0);
        bool large = Record.NeedsArray(key.Length, value.Length);
        if (!large && !old.IsLarge)
        {
            // A slot's class is always the one that its record's length asks for.
            if (SizeClasses.For(old.Length) == SizeClasses.For(Record.SmallLength(key.Length, value.Length, expiry != 0)))
            {
                Index.Enter(place);
                Record.WriteSmall(ref Heap.At(address), key, value, expiry, version);
                Index.Exit(place);
                if (expiry != 0)
                    Heap.NoteExpiry(address, expiry);
                return address;
            }
        }
        else if (large && old.IsLarge && Heap.CanReuseLarge(address, Record.LargeHeaderBytes + key.Length + value.Length))
        {
            Index.Enter(place);
            Record.WriteLarge(Heap.LargeAt(address), key, value, expiry, version);
            Index.Exit(place);
            NoteLargeExpiry(address, expiry);
            return address;
        }

        ulong written = Write(key, value, expiry, version);
        Supplant(place, address, written);
        return written;
    }

    /// <summary>Gives an entry another expiry and version.</summary>
    [SkipLocalsInit]
    public void SetExpiry(in SlotPlace place, long expiry, ulong version)
    {
        ulong address = place.Address;
        var old = new Record(ref Heap.At(address));
        EntriesWithExpiry += (expiry != 0 ? 1 : 0) - (old.HasExpiry ? 1 : 0);
        if (old.IsLarge)
        {
            Index.Enter(place);
            Record.WriteLargeStamp(Heap.LargeAt(address), expiry, version);
            Index.Exit(place);
            NoteLargeExpiry(address, expiry);
            return;
        }

        int sizeClass = SizeClasses.For(Record.SmallLength(old.KeyLength, old.ValueLength, expiry != 0));
        bool inPlace = SizeClasses.For(old.Length) == sizeClass;
        ulong target = inPlace ? address : Heap.Allocate(sizeClass);
        int bodyLength = old.KeyLength + old.ValueLength;
        Index.Enter(place);
        Record.WriteStamped(ref Heap.At(target), old, bodyLength, expiry, version);
        if (!inPlace)
            HashIndex.Replace(place, target);
        Index.Exit(place);
        if (!inPlace)
            Heap.Free(address);
        if (expiry != 0)
            Heap.NoteExpiry(target, expiry);
    }

    /// <summary>Takes an entry out.</summary>
    public void Delete(ulong hash, in SlotPlace place)
    {
        ulong address = place.Address;
        var old = new Record(ref Heap.At(address));
        KeyBytes -= old.KeyLength;
        ValueBytes -= old.ValueLength;
        EntriesWithExpiry -= old.HasExpiry ? 1 : 0;
        Index.Remove(hash, place);
        Heap.Free(address);
    }

    /// <summary>Moves up to <paramref name="movesMax"/> records out of sparse pages.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Compact(int movesMax)
    {
        int slots = movesMax * 4;
        while (movesMax-- > 0 && Heap.NextToMove(ref slots, out ulong from))
        {
            ref byte source = ref Heap.At(from);
            var record = new Record(ref source);
            SlotPlace place = Index.LocateAddress(KeyHash.Compute(record.Key), from);
            ulong to = Heap.Allocate(SizeClasses.For(record.Length));
            MemoryMarshal.CreateReadOnlySpan(ref source, record.Length)
                .CopyTo(MemoryMarshal.CreateSpan(ref Heap.At(to), record.Length));
            long expiry = record.Expiry;
            Supplant(place, from, to);
            if (expiry != 0)
                Heap.NoteExpiry(to, expiry);
            Moved++;
        }
    }

    /// <summary>Gives up to <paramref name="pagesMax"/> pages back.</summary>
    /// <returns>False when nothing is left.</returns>
    public bool Dismantle(int pagesMax)
    {
        pagesMax -= Heap.Dismantle(pagesMax);
        if (pagesMax > 0)
            pagesMax -= Index.Dismantle(pagesMax);
        return pagesMax <= 0;
    }

    private ulong Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiry, ulong version)
    {
        ulong address;
        if (Record.NeedsArray(key.Length, value.Length))
        {
            byte[] array = Heap.AllocateLarge(Record.LargeHeaderBytes + key.Length + value.Length, out address);
            Record.WriteLarge(array, key, value, expiry, version);
        }
        else
        {
            address = Heap.Allocate(SizeClasses.For(Record.SmallLength(key.Length, value.Length, expiry != 0)));
            Record.WriteSmall(ref Heap.At(address), key, value, expiry, version);
        }

        if (expiry != 0)
            Heap.NoteExpiry(address, expiry);
        return address;
    }

    // The old record is given up only when no index entry names it: the slot may be written anew at once.
    private void Supplant(in SlotPlace place, ulong old, ulong written)
    {
        Index.Enter(place);
        HashIndex.Replace(place, written);
        Index.Exit(place);
        Heap.Free(old);
    }

    private void NoteLargeExpiry(ulong address, long expiry)
    {
        Heap.NoteNoExpiry(address);
        if (expiry != 0)
            Heap.NoteExpiry(address, expiry);
    }
}
