using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Grid.Storage.Records;

/// <summary>
/// The header of a record, each field read once: for threads other than the writer's, to which it may be torn. Lengths of -1 stand
/// for one that cannot be.
/// </summary>
internal readonly struct RecordShape
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RecordShape(ReadOnlySpan<byte> bytes)
    {
        KeyLength = -1;
        ValueLength = -1;
        if (bytes.Length < Record.SmallHeaderBytes)
            return;
        Version = MemoryMarshal.Read<ulong>(bytes);
        uint meta = MemoryMarshal.Read<uint>(bytes[Record.MetaOffset..]);
        bool expiry = (meta & Record.ExpiryFlag) != 0;
        if ((meta & Record.LargeFlag) != 0)
        {
            if (bytes.Length < Record.LargeHeaderBytes)
                return;
            KeyOffset = Record.LargeHeaderBytes;
            KeyLength = MemoryMarshal.Read<int>(bytes[12..]);
            ValueLength = MemoryMarshal.Read<int>(bytes[24..]);
            Expiry = expiry ? MemoryMarshal.Read<long>(bytes[16..]) : 0;
            return;
        }

        KeyOffset = Record.SmallHeaderBytes;
        if (expiry)
        {
            if (bytes.Length < Record.SmallHeaderBytes + Record.ExpiryBytes)
                return;
            Expiry = MemoryMarshal.Read<long>(bytes[Record.SmallHeaderBytes..]);
            KeyOffset += Record.ExpiryBytes;
        }

        KeyLength = (int)(meta & Record.LengthMask);
        ValueLength = (int)((meta >> Record.LengthBits) & Record.LengthMask);
    }

    public ulong Version { get; }

    public long Expiry { get; }

    public int KeyOffset { get; }

    public int KeyLength { get; }

    public int ValueLength { get; }

    /// <summary>Whether the record as described lies within so many bytes.</summary>
    public bool Fits(int bytes) => KeyLength >= 0 && ValueLength >= 0 && (long)KeyOffset + KeyLength + ValueLength <= bytes;
}
