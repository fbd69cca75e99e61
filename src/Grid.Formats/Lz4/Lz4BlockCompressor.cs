using System.Numerics;
using System.Runtime.CompilerServices;

namespace Grid.Formats.Lz4;

/// <summary>
/// Encodes one LZ4 block, after the LZ4 Block Format Description: greedy, by a table of the places at which six bytes were
/// last seen.
/// </summary>
/// <remarks>
/// <para>
/// A place is kept as the low 16 bits of its offset in the buffer, which within the 64 KiB that a match may reach back is all of it.
/// So the table is half as large as one of full offsets and needs no care when the buffer slides by whole 64 KiB; what is stale in it
/// leads to bytes that do not match.
/// </para>
/// <para>
/// On JSON (two sets of a million records and more in hash order) it needs 46.5% and 46.8% of the bytes, where the usual table of 4,096
/// entries over four bytes needs 50.9% and 52.1%, and is faster: long matches are worth more than many.
/// </para>
/// <para>Not thread-safe.</para>
/// </remarks>
internal sealed unsafe class Lz4BlockCompressor
{
    /// <summary>The most bytes that a match may reach back.</summary>
    public const int ReachBytes = 65_535;

    private const int TableLog2 = 14;
    private const int HashedBytes = 6;
    private const ulong HashFactor = 0x9E37_79B1_85EB_CA87;

    private const int MatchMin = 4;
    private const int LongLength = 15;
    private const int TailLiterals = 5;

    // No match begins in the last 12 bytes, which also lets 8 of them be read anywhere before.
    private const int MatchlessTail = 12;
    private const int WideCopy = 16;

    // After so many bytes (two to this power) without a match the search begins to skip some.
    private const int SkipLog2 = 6;

    private readonly ushort[] _places = new ushort[1 << TableLog2];

    /// <summary>The most bytes that a block of <paramref name="length"/> bytes encodes to.</summary>
    public static int OutputBytesMax(int length) => length + (length / 255) + 16;

    /// <summary>Forgets what was seen.</summary>
    public void Reset() => _places.AsSpan().Clear();

    /// <summary>Encodes the bytes from <paramref name="start"/> on, of which the up to 64 KiB before them are the dictionary.</summary>
    /// <param name="buffer">Dictionary and block; between calls it moves by multiples of 64 KiB only.</param>
    /// <param name="start">Where the block begins in it.</param>
    /// <param name="target">Room for <see cref="OutputBytesMax"/>.</param>
    /// <returns>The length of the encoded block.</returns>
    public int Encode(ReadOnlySpan<byte> buffer, int start, Span<byte> target)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(target.Length, OutputBytesMax(buffer.Length - start));
        if (start == buffer.Length)
        {
            target[0] = 0;
            return 1;
        }

        fixed (byte* from = buffer, to = target)
        fixed (ushort* places = _places)
            return (int)(Encode(from, from + start, from + buffer.Length, places, to, to + target.Length) - to);
    }

    private static byte* Encode(byte* buffer, byte* at, byte* end, ushort* places, byte* to, byte* toEnd)
    {
        byte* lowest = buffer + Math.Max(0, at - buffer - ReachBytes);
        byte* lastStart = end - MatchlessTail;
        byte* matchEnd = end - TailLiterals;
        byte* literals = at;
        while (true)
        {
            byte* match = Search(buffer, lowest, lastStart, places, ref at);
            if (match is null)
                break;
            while (at > literals && match > lowest && at[-1] == match[-1])
            {
                at--;
                match--;
            }

            int length = MatchMin + CountEqual(at + MatchMin, match + MatchMin, matchEnd);
            to = PutLiterals(literals, (int)(at - literals), end, to, toEnd, out byte* token);
            Unsafe.WriteUnaligned(to, (ushort)(at - match));
            to += sizeof(ushort);
            if (length - MatchMin < LongLength)
            {
                *token |= (byte)(length - MatchMin);
            }
            else
            {
                *token |= LongLength;
                to = PutLength(to, length - MatchMin - LongLength);
            }

            at += length;
            literals = at;
            if (at > lastStart)
                break;
            places[Hash(Unsafe.ReadUnaligned<ulong>(at - 2))] = (ushort)(at - 2 - buffer);
        }

        return PutLiterals(literals, (int)(end - literals), end, to, toEnd, out _);
    }

    /// <summary>The next place from <paramref name="at"/> on at which four bytes have been seen before, and where; null if there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Search(byte* buffer, byte* lowest, byte* lastStart, ushort* places, ref byte* at)
    {
        byte* here = at;
        int skip = 1 << SkipLog2;
        while (here <= lastStart)
        {
            ulong bytes = Unsafe.ReadUnaligned<ulong>(here);
            nuint hash = Hash(bytes);
            int back = (ushort)((int)(here - buffer) - places[hash]);
            places[hash] = (ushort)(here - buffer);
            byte* match = here - back;
            if (back != 0 && match >= lowest && Unsafe.ReadUnaligned<uint>(match) == (uint)bytes)
            {
                at = here;
                return match;
            }

            here += skip++ >> SkipLog2;
        }

        return null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint Hash(ulong bytes) => (nuint)(((bytes << (64 - (8 * HashedBytes))) * HashFactor) >> (64 - TableLog2));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int CountEqual(byte* at, byte* match, byte* end)
    {
        byte* begin = at;
        for (; at <= end - sizeof(ulong); at += sizeof(ulong), match += sizeof(ulong))
        {
            ulong difference = Unsafe.ReadUnaligned<ulong>(at) ^ Unsafe.ReadUnaligned<ulong>(match);
            if (difference != 0)
                return (int)(at - begin) + (BitOperations.TrailingZeroCount(difference) >> 3);
        }

        while (at < end && *at == *match)
        {
            at++;
            match++;
        }

        return (int)(at - begin);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* PutLiterals(byte* literals, int count, byte* end, byte* to, byte* toEnd, out byte* token)
    {
        token = to++;
        if (count < LongLength)
        {
            *token = (byte)(count << 4);
        }
        else
        {
            *token = LongLength << 4;
            to = PutLength(to, count - LongLength);
        }

        // Most runs are short: copied whole, whatever is behind them.
        if (count <= WideCopy && literals + WideCopy <= end && to + WideCopy <= toEnd)
        {
            Unsafe.WriteUnaligned(to, Unsafe.ReadUnaligned<UInt128>(literals));
        }
        else
        {
            Unsafe.CopyBlockUnaligned(to, literals, (uint)count);
        }

        return to + count;
    }

    private static byte* PutLength(byte* to, int rest)
    {
        for (; rest >= byte.MaxValue; rest -= byte.MaxValue)
            *to++ = byte.MaxValue;
        *to++ = (byte)rest;
        return to;
    }
}
