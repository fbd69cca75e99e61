using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using ArmAes = System.Runtime.Intrinsics.Arm.Aes;

namespace Grid.Formats.Checksums;

/// <summary>
/// The CRC-64 that ends an RDB file: polynomial 0xAD93D23594C935A9 (D. T. Jones, "An Improved 64-bit Cyclic Redundancy
/// Check"), reflected, start 0, no final inversion. Of "123456789" it is 0xE9C6D914C4B8D9CA.
/// </summary>
/// <remarks>
/// Long inputs are folded with carry-less multiplication where the processor has it (after "Fast CRC Computation for
/// Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009), otherwise taken 16 bytes at a time from tables. All
/// constants are computed from the polynomial. Thread-safe: there is no state.
/// </remarks>
public static class Crc64Jones
{
    private const ulong ReflectedPolynomial = 0x95AC9329AC4BC9B5;
    private const int Slices = 16;
    private const int Lanes = 8;
    private const int BlockBytes = 16 * Lanes;

    private static readonly ulong[] Tables = MakeTables();

    // Multiplying a 16-byte block by x^n moves it n bits further back in the message. The low half of a reflected block holds
    // the higher powers, so it takes 64 more; the product of two reflected words comes out one bit short, hence the -1.
    private static readonly Vector128<ulong> FoldBlock = FoldConstants(8 * BlockBytes);
    private static readonly Vector128<ulong> FoldLane = FoldConstants(128);

    /// <summary>Whether long inputs are folded by this processor.</summary>
    public static bool IsAccelerated => Pclmulqdq.IsSupported || ArmAes.IsSupported;

    /// <summary>The CRC of what <paramref name="crc"/> is the CRC of, followed by <paramref name="bytes"/>.</summary>
    public static ulong Append(ulong crc, ReadOnlySpan<byte> bytes) =>
        IsAccelerated && BitConverter.IsLittleEndian && bytes.Length >= BlockBytes
            ? AppendFolded(crc, bytes)
            : AppendByTables(crc, bytes);

    /// <summary>As <see cref="Append"/>, without the processor's help.</summary>
    internal static ulong AppendByTables(ulong crc, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> tables = Tables;
        while (bytes.Length >= Slices)
        {
            ulong low = crc ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            ulong high = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
            crc = tables[(15 << 8) + (byte)low] ^ tables[(14 << 8) + (byte)(low >> 8)]
                ^ tables[(13 << 8) + (byte)(low >> 16)] ^ tables[(12 << 8) + (byte)(low >> 24)]
                ^ tables[(11 << 8) + (byte)(low >> 32)] ^ tables[(10 << 8) + (byte)(low >> 40)]
                ^ tables[(9 << 8) + (byte)(low >> 48)] ^ tables[(8 << 8) + (byte)(low >> 56)]
                ^ tables[(7 << 8) + (byte)high] ^ tables[(6 << 8) + (byte)(high >> 8)]
                ^ tables[(5 << 8) + (byte)(high >> 16)] ^ tables[(4 << 8) + (byte)(high >> 24)]
                ^ tables[(3 << 8) + (byte)(high >> 32)] ^ tables[(2 << 8) + (byte)(high >> 40)]
                ^ tables[(1 << 8) + (byte)(high >> 48)] ^ tables[(byte)(high >> 56)];
            bytes = bytes[Slices..];
        }

        foreach (byte value in bytes)
            crc = tables[(byte)(crc ^ value)] ^ (crc >> 8);
        return crc;
    }

    /// <summary>As <see cref="Append"/>, folding; needs <see cref="IsAccelerated"/> and at least 128 bytes.</summary>
    internal static ulong AppendFolded(ulong crc, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<Vector128<ulong>> blocks = MemoryMarshal.Cast<byte, Vector128<ulong>>(bytes);
        ReadOnlySpan<byte> tail = bytes[(blocks.Length * 16)..];
        Vector128<ulong> a = blocks[0] ^ Vector128.CreateScalar(crc), b = blocks[1], c = blocks[2], d = blocks[3];
        Vector128<ulong> e = blocks[4], f = blocks[5], g = blocks[6], h = blocks[7];
        blocks = blocks[Lanes..];
        Vector128<ulong> fold = FoldBlock;
        while (blocks.Length >= Lanes)
        {
            a = Fold(a, fold) ^ blocks[0];
            b = Fold(b, fold) ^ blocks[1];
            c = Fold(c, fold) ^ blocks[2];
            d = Fold(d, fold) ^ blocks[3];
            e = Fold(e, fold) ^ blocks[4];
            f = Fold(f, fold) ^ blocks[5];
            g = Fold(g, fold) ^ blocks[6];
            h = Fold(h, fold) ^ blocks[7];
            blocks = blocks[Lanes..];
        }

        fold = FoldLane;
        b ^= Fold(a, fold);
        c ^= Fold(b, fold);
        d ^= Fold(c, fold);
        e ^= Fold(d, fold);
        f ^= Fold(e, fold);
        g ^= Fold(f, fold);
        h ^= Fold(g, fold);
        foreach (Vector128<ulong> block in blocks)
            h = Fold(h, fold) ^ block;

        // What is left is 16 bytes that have the same CRC as everything before the tail.
        Span<byte> rest = stackalloc byte[16];
        h.AsByte().CopyTo(rest);
        return AppendByTables(AppendByTables(0, rest), tail);
    }

    private static Vector128<ulong> Fold(Vector128<ulong> block, Vector128<ulong> constants)
    {
        if (Pclmulqdq.IsSupported)
            return Pclmulqdq.CarrylessMultiply(block, constants, 0x00) ^ Pclmulqdq.CarrylessMultiply(block, constants, 0x11);
        return ArmAes.PolynomialMultiplyWideningLower(block.GetLower(), constants.GetLower())
            ^ ArmAes.PolynomialMultiplyWideningUpper(block, constants);
    }

    private static Vector128<ulong> FoldConstants(int bits) =>
        Vector128.Create(PowerOfX(bits + 64 - 1), PowerOfX(bits - 1));

    // x^exponent modulo the polynomial, reflected: bit 63 is x^0.
    private static ulong PowerOfX(int exponent)
    {
        ulong power = 1UL << 63;
        for (int i = 0; i < exponent; i++)
            power = TimesX(power);
        return power;
    }

    private static ulong TimesX(ulong value) => (value >> 1) ^ ((value & 1) * ReflectedPolynomial);

    private static ulong[] MakeTables()
    {
        ulong[] tables = new ulong[Slices * 256];
        for (int value = 0; value < 256; value++)
        {
            ulong crc = (ulong)value;
            for (int bit = 0; bit < 8; bit++)
                crc = TimesX(crc);
            tables[value] = crc;
        }

        for (int i = 256; i < tables.Length; i++)
            tables[i] = tables[(byte)tables[i - 256]] ^ (tables[i - 256] >> 8);
        return tables;
    }
}
