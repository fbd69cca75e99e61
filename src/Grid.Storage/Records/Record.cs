using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Grid.Storage.Records;

/// <summary>
/// A record in memory. In a slot: version (8 bytes), meta (4), expiry (8, if any), key, value. In an array of its
/// own: version (8), meta (4), key length (4), expiry (8), value length (4), key, value. Little-endian.
/// </summary>
/// <remarks>
/// Meta: bits 0-13 key length, 14-27 value length (both 0 in an array of its own), 28 live, 29 has expiry,
/// 30 array of its own. A free slot has meta 0.
/// </remarks>
internal readonly unsafe ref struct Record
{
    public const int MetaOffset = 8;
    public const int SmallHeaderBytes = 12;
    public const int ExpiryBytes = 8;
    public const int LargeHeaderBytes = 28;
    public const int LengthBits = 14;
    public const uint LengthMask = (1u << LengthBits) - 1;
    public const uint LiveFlag = 1u << 28;
    public const uint ExpiryFlag = 1u << 29;
    public const uint LargeFlag = 1u << 30;

    // Shifts the flag into the 8 bytes that an expiry takes.
    private const int ExpiryToBytes = 29 - 3;

    private readonly ref byte _start;
    private readonly uint _meta;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Record(ref byte start)
    {
        _start = ref start;
        _meta = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref start, MetaOffset));
    }

    public ulong Version
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Unsafe.ReadUnaligned<ulong>(ref _start);
    }

    public bool IsLive => (_meta & LiveFlag) != 0;

    public bool IsLarge => (_meta & LargeFlag) != 0;

    public bool HasExpiry => (_meta & ExpiryFlag) != 0;

    public int KeyLength
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsLarge ? Unsafe.ReadUnaligned<int>(ref Unsafe.Add(ref _start, 12)) : (int)(_meta & LengthMask);
    }

    public int ValueLength
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsLarge ? Unsafe.ReadUnaligned<int>(ref Unsafe.Add(ref _start, 24)) : (int)((_meta >> LengthBits) & LengthMask);
    }

    /// <summary>Unix milliseconds; 0 = none.</summary>
    public long Expiry
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => HasExpiry ? Unsafe.ReadUnaligned<long>(ref Unsafe.Add(ref _start, IsLarge ? 16 : SmallHeaderBytes)) : 0;
    }

    public int KeyOffset
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsLarge ? LargeHeaderBytes : HasExpiry ? SmallHeaderBytes + ExpiryBytes : SmallHeaderBytes;
    }

    public ReadOnlySpan<byte> Key
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref _start, KeyOffset), KeyLength);
    }

    public ReadOnlySpan<byte> Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref _start, KeyOffset + KeyLength), ValueLength);
    }

    /// <summary>Bytes from the version to the end of the value.</summary>
    public int Length => KeyOffset + KeyLength + ValueLength;

    /// <summary>Whether the record in the slot has this key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool SmallKeyEquals(byte* slot, ReadOnlySpan<byte> key)
    {
        uint meta = *(uint*)(slot + MetaOffset);
        byte* stored = slot + SmallHeaderBytes + ((meta & ExpiryFlag) >> ExpiryToBytes);
        return (meta & LengthMask) == (uint)key.Length && new ReadOnlySpan<byte>(stored, key.Length).SequenceEqual(key);
    }

    /// <summary>Bytes of a record in a slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SmallLength(int keyLength, int valueLength, bool expiry) =>
        SmallHeaderBytes + (expiry ? ExpiryBytes : 0) + keyLength + valueLength;

    /// <summary>Whether a record fits no slot. An expiry is always allowed for, so that setting one never changes the answer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool NeedsArray(int keyLength, int valueLength) =>
        SmallHeaderBytes + ExpiryBytes + keyLength + valueLength > Pages.SizeClasses.SlotBytesMax;

    /// <summary>Writes a record into a slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteSmall(ref byte start, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiry, ulong version)
    {
        uint meta = (uint)key.Length | ((uint)value.Length << LengthBits) | LiveFlag;
        int offset = SmallHeaderBytes;
        if (expiry != 0)
        {
            meta |= ExpiryFlag;
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref start, SmallHeaderBytes), expiry);
            offset += ExpiryBytes;
        }

        Unsafe.WriteUnaligned(ref start, version);
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref start, MetaOffset), meta);
        key.CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.Add(ref start, offset), key.Length));
        value.CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.Add(ref start, offset + key.Length), value.Length));
    }

    /// <summary>Whether the record in the slot, with another value but an expiry as before or none as before, asks for a slot of the same size.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool FitsSlotOf(byte* slot, int keyLength, int valueLength, bool expiry, out int oldValueLength)
    {
        uint meta = *(uint*)(slot + MetaOffset);
        oldValueLength = (int)((meta >> LengthBits) & LengthMask);
        if (((meta & ExpiryFlag) != 0) != expiry)
            return false;
        return oldValueLength == valueLength
            || (!NeedsArray(keyLength, valueLength)
                && Pages.SizeClasses.For(SmallLength(keyLength, oldValueLength, expiry)) == Pages.SizeClasses.For(SmallLength(keyLength, valueLength, expiry)));
    }

    /// <summary>Gives the record in the slot another value, version and, if it has one, expiry; the key stays where it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RewriteSmall(byte* slot, int keyLength, ReadOnlySpan<byte> value, long expiry, ulong version)
    {
        byte* body = slot + SmallHeaderBytes;
        uint meta = (uint)keyLength | ((uint)value.Length << LengthBits) | LiveFlag;
        if (expiry != 0)
        {
            meta |= ExpiryFlag;
            *(long*)body = expiry;
            body += ExpiryBytes;
        }

        *(ulong*)slot = version;
        *(uint*)(slot + MetaOffset) = meta;
        value.CopyTo(new Span<byte>(body + keyLength, value.Length));
    }

    /// <summary>Writes a slot's record once more, there or elsewhere, with another expiry and version.</summary>
    public static void WriteStamped(ref byte target, Record source, int bodyLength, long expiry, ulong version)
    {
        uint meta = (source._meta & ~ExpiryFlag) | (expiry != 0 ? ExpiryFlag : 0);
        int offset = SmallHeaderBytes + (expiry != 0 ? ExpiryBytes : 0);
        // First the body, which may be moved within its own slot; the header would overwrite it.
        MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref source._start, source.KeyOffset), bodyLength)
            .CopyTo(MemoryMarshal.CreateSpan(ref Unsafe.Add(ref target, offset), bodyLength));
        if (expiry != 0)
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref target, SmallHeaderBytes), expiry);
        Unsafe.WriteUnaligned(ref target, version);
        Unsafe.WriteUnaligned(ref Unsafe.Add(ref target, MetaOffset), meta);
    }

    /// <summary>Writes a record into an array of its own, which is long enough.</summary>
    public static void WriteLarge(byte[] array, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiry, ulong version)
    {
        MemoryMarshal.Write(array.AsSpan(12), key.Length);
        MemoryMarshal.Write(array.AsSpan(24), value.Length);
        WriteLargeStamp(array, expiry, version);
        key.CopyTo(array.AsSpan(LargeHeaderBytes));
        value.CopyTo(array.AsSpan(LargeHeaderBytes + key.Length));
    }

    /// <summary>Rewrites version and expiry of a record in an array of its own.</summary>
    public static void WriteLargeStamp(byte[] array, long expiry, ulong version)
    {
        MemoryMarshal.Write(array, version);
        MemoryMarshal.Write(array.AsSpan(MetaOffset), LiveFlag | LargeFlag | (expiry != 0 ? ExpiryFlag : 0));
        MemoryMarshal.Write(array.AsSpan(16), expiry);
    }
}
