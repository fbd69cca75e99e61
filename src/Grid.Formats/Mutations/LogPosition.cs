namespace Grid.Formats.Mutations;

/// <summary>
/// A place in a shard's log: the epoch of the mutation at <paramref name="Offset"/>, and the offset itself.
/// </summary>
/// <param name="Epoch">Epoch in which the mutation was first appended; 0 only before the first mutation.</param>
/// <param name="Offset">Sequence number of the mutation, from 1; 0 before the first mutation.</param>
public readonly record struct LogPosition(long Epoch, long Offset) : IComparable<LogPosition>
{
    /// <summary>The place before the first mutation.</summary>
    public static LogPosition Start => default;

    /// <summary>Orders by epoch, then by offset: of two copies the higher one has everything committed.</summary>
    public int CompareTo(LogPosition other)
    {
        int byEpoch = Epoch.CompareTo(other.Epoch);
        return byEpoch != 0 ? byEpoch : Offset.CompareTo(other.Offset);
    }

    /// <summary>True when <paramref name="left"/> is before <paramref name="right"/>.</summary>
    public static bool operator <(LogPosition left, LogPosition right) => left.CompareTo(right) < 0;

    /// <summary>True when <paramref name="left"/> is after <paramref name="right"/>.</summary>
    public static bool operator >(LogPosition left, LogPosition right) => left.CompareTo(right) > 0;

    /// <summary>True when <paramref name="left"/> is not after <paramref name="right"/>.</summary>
    public static bool operator <=(LogPosition left, LogPosition right) => left.CompareTo(right) <= 0;

    /// <summary>True when <paramref name="left"/> is not before <paramref name="right"/>.</summary>
    public static bool operator >=(LogPosition left, LogPosition right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public override string ToString() => $"{Epoch}:{Offset}";
}

/// <summary>
/// Where an epoch began in a shard's log. The list of these, ascending, is the shard's history
/// (the leader-epoch cache of Kafka's KIP-101).
/// </summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="FirstOffset">Offset of the epoch's first mutation, its barrier.</param>
public readonly record struct EpochStart(long Epoch, long FirstOffset)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Epoch}@{FirstOffset}";
}
