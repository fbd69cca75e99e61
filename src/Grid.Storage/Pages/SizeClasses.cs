using System.Runtime.CompilerServices;

namespace Grid.Storage.Pages;

/// <summary>
/// The slot sizes: steps of 8 bytes up to 128, eight steps per doubling up to 1 KiB, then whole parts of a 64 KiB
/// page, so that large slots leave no tail behind.
/// </summary>
internal static class SizeClasses
{
    /// <summary>The largest slot: a quarter of the largest page.</summary>
    public const int SlotBytesMax = 16 * 1024;

    private static readonly ushort[] UnitsOfClass = MakeClasses();
    private static readonly byte[] ClassOfUnits = MakeLookup();

    public static int Count => UnitsOfClass.Length;

    /// <summary>The smallest class whose slots hold <paramref name="bytes"/>, which is at most <see cref="SlotBytesMax"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int For(int bytes) => ClassOfUnits[(bytes + 7) >> 3];

    /// <summary>The size of a slot of the class in units of 8 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Units(int sizeClass) => UnitsOfClass[sizeClass];

    private static ushort[] MakeClasses()
    {
        var bytes = new List<int>();
        for (int size = 16; size <= 128; size += 8)
            bytes.Add(size);
        for (int octave = 128; octave < 1024; octave *= 2)
        {
            for (int step = 1; step <= 8; step++)
                bytes.Add(octave + (step * octave / 8));
        }

        ReadOnlySpan<int> parts = [56, 50, 45, 40, 36, 32, 28, 25, 22, 20, 18, 16, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4];
        foreach (int part in parts)
            bytes.Add(65536 / part & ~7);
        return [.. bytes.Select(size => (ushort)(size / 8))];
    }

    private static byte[] MakeLookup()
    {
        byte[] lookup = new byte[(SlotBytesMax / 8) + 1];
        int sizeClass = 0;
        for (int units = 0; units < lookup.Length; units++)
        {
            if (units > UnitsOfClass[sizeClass])
                sizeClass++;
            lookup[units] = (byte)sizeClass;
        }

        return lookup;
    }
}
