namespace Grid.Formats.Mutations;

/// <summary>
/// The version of an entry: (epoch, offset) of the mutation that last wrote it, packed in 64 bits so that it is
/// unique for ever, grows with every mutation, and serves compare-and-set. 20 bits of epoch above 44 bits of offset.
/// </summary>
public static class EntryVersion
{
    /// <summary>Bits of the offset.</summary>
    public const int OffsetBits = 44;

    /// <summary>The highest epoch that fits: 1,048,575 changes of primary in a shard's life.</summary>
    public const long EpochMax = (1L << (64 - OffsetBits)) - 1;

    /// <summary>The highest offset that fits: 17.5 million million mutations in a shard's life.</summary>
    public const long OffsetMax = (1L << OffsetBits) - 1;

    /// <summary>Packs <paramref name="epoch"/> and <paramref name="offset"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One of them is negative or does not fit.</exception>
    public static ulong Pack(long epoch, long offset)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)epoch, (ulong)EpochMax, nameof(epoch));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)offset, (ulong)OffsetMax, nameof(offset));
        return ((ulong)epoch << OffsetBits) | (ulong)offset;
    }

    /// <summary>The epoch of <paramref name="version"/>.</summary>
    public static long Epoch(ulong version) => (long)(version >> OffsetBits);

    /// <summary>The offset of <paramref name="version"/>.</summary>
    public static long Offset(ulong version) => (long)(version & OffsetMax);
}
