using System.Runtime.CompilerServices;
using Grid.Storage.Index;

namespace Grid.Storage;

/// <summary>Mutations.</summary>
public sealed partial class Keyspace
{
    private const int MovesPerWrite = 4;

    /// <summary>Gives a key a value, whether it had one or not.</summary>
    /// <param name="key">The key, up to <see cref="StorageOptions.KeyBytesMax"/> bytes.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="value">The value, up to <see cref="StorageOptions.ValueBytesMax"/> bytes.</param>
    /// <param name="expiryMs">Unix milliseconds from which on it is invisible; 0 = never.</param>
    /// <param name="version">The mutation's version, greater than all before.</param>
    /// <exception cref="ArgumentOutOfRangeException">Key or value is too large, or the expiry negative.</exception>
    public void Set(ReadOnlySpan<byte> key, ulong hash, ReadOnlySpan<byte> value, long expiryMs, ulong version)
    {
        Check(key, value, expiryMs);
        KeyspaceContents contents = _contents ?? MakeContents();
        if (_store.HasSnapshots || !contents.TryRewrite(key, hash, value, expiryMs, version))
            SetAnew(contents, key, hash, value, expiryMs, version);
        AfterMutation(contents, version);
    }

    /// <summary>Deletes a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="version">The mutation's version, greater than all before.</param>
    /// <param name="expired">Whether it is deleted because its expiry has passed; only counted.</param>
    /// <returns>Whether there was an entry, expired or not.</returns>
    public bool Delete(ReadOnlySpan<byte> key, ulong hash, ulong version, bool expired = false)
    {
        _store.NoteVersion(version);
        KeyspaceContents? contents = _contents;
        if (contents is null || !contents.Index.Locate(key, hash, out SlotPlace place))
            return false;
        if (_store.HasSnapshots)
            _store.KeepForSnapshots(this, contents, hash, place.Address);
        contents.Delete(hash, place);
        _expired += expired ? 1 : 0;
        AfterMutation(contents, version);
        return true;
    }

    /// <summary>Gives an entry another expiry and the mutation's version; its value stays.</summary>
    /// <param name="key">The key.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="expiryMs">Unix milliseconds; 0 = never.</param>
    /// <param name="version">The mutation's version, greater than all before.</param>
    /// <returns>Whether there is an entry, expired or not.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The expiry is negative.</exception>
    public bool SetExpiry(ReadOnlySpan<byte> key, ulong hash, long expiryMs, ulong version)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(expiryMs);
        _store.NoteVersion(version);
        KeyspaceContents? contents = _contents;
        if (contents is null || !contents.Index.Locate(key, hash, out SlotPlace place))
            return false;
        if (_store.HasSnapshots)
            _store.KeepForSnapshots(this, contents, hash, place.Address);
        contents.SetExpiry(place, expiryMs, version);
        AfterMutation(contents, version);
        return true;
    }

    /// <summary>
    /// Deletes all entries at once. Their memory is given back bit by bit, by the writes that follow or by <see cref="ShardStore.Maintain"/>.
    /// </summary>
    public void Clear(ulong version)
    {
        _store.NoteVersion(version);
        Detach();
    }

    /// <summary>
    /// Adds an entry whose version is not known yet, as when a snapshot is loaded. Until <see cref="SetVersion"/> its version is 0.
    /// No snapshot may be active.
    /// </summary>
    /// <returns>For <see cref="SetVersion"/>; valid until the next mutation that is neither of the two.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Key or value is too large, or the expiry negative.</exception>
    /// <exception cref="InvalidOperationException">A snapshot is active.</exception>
    public EntryHandle Load(ReadOnlySpan<byte> key, ulong hash, ReadOnlySpan<byte> value, long expiryMs)
    {
        Check(key, value, expiryMs);
        if (_store.HasSnapshots)
            throw new InvalidOperationException("A store that is being loaded cannot have an active snapshot.");
        KeyspaceContents contents = _contents ?? MakeContents();
        // A key that comes twice leaves a free slot, but nothing is moved: handles are addresses.
        return new EntryHandle(contents.Index.Locate(key, hash, out SlotPlace place)
            ? contents.Overwrite(place, key, value, expiryMs, 0)
            : contents.Insert(key, hash, place, value, expiryMs, 0));
    }

    /// <summary>Gives an entry just loaded its version.</summary>
    public void SetVersion(EntryHandle entry, ulong version)
    {
        Unsafe.WriteUnaligned(ref _contents!.Heap.At(entry.Address), version);
        _store.NoteVersion(version);
    }

    internal bool Maintain(int stepsMax)
    {
        if (_contents is not { } contents || !contents.Heap.NeedsCompaction(_freeSlotsDivisor))
            return false;
        contents.Compact(stepsMax);
        return contents.Heap.NeedsCompaction(_freeSlotsDivisor);
    }

    /// <summary>Puts the contents aside, for snapshots to read or to be given back.</summary>
    internal void Detach()
    {
        if (_contents is not { } contents)
            return;
        Volatile.Write(ref _contents, null);
        _stripes.InvalidateAll();
        _moved += contents.Moved;
        _store.Detached(contents);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AfterMutation(KeyspaceContents contents, ulong version)
    {
        _store.NoteVersion(version);
        if (contents.Heap.NeedsCompaction(_freeSlotsDivisor))
            contents.Compact(MovesPerWrite);
        _store.ReclaimAlongWrite();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Check(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryMs)
    {
        if (key.Length > _keyBytesMax || value.Length > _valueBytesMax || expiryMs < 0)
            Refuse(key.Length, value.Length, expiryMs);
    }

    private void Refuse(int keyLength, int valueLength, long expiryMs)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(keyLength, _keyBytesMax, "key");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(valueLength, _valueBytesMax, "value");
        ArgumentOutOfRangeException.ThrowIfNegative(expiryMs);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SetAnew(KeyspaceContents contents, ReadOnlySpan<byte> key, ulong hash, ReadOnlySpan<byte> value, long expiryMs, ulong version)
    {
        if (contents.Index.Locate(key, hash, out SlotPlace place))
        {
            if (_store.HasSnapshots)
                _store.KeepForSnapshots(this, contents, hash, place.Address);
            contents.Overwrite(place, key, value, expiryMs, version);
        }
        else
        {
            contents.Insert(key, hash, place, value, expiryMs, version);
        }
    }

    private KeyspaceContents MakeContents()
    {
        var contents = new KeyspaceContents(_store.Pool, _stripes);
        Volatile.Write(ref _contents, contents);
        return contents;
    }
}
