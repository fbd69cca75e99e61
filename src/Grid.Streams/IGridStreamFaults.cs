using Grid.Formats.Buffers;

namespace Grid.Streams;

/// <summary>What an injected fault does to one item on its way.</summary>
public enum GridStreamFaultKind
{
    /// <summary>Nothing: the item travels as it is.</summary>
    None,

    /// <summary>The item vanishes without notice.</summary>
    Drop,

    /// <summary>The item arrives twice, one right after the other.</summary>
    Duplicate,

    /// <summary>One bit is flipped, in a copy made for this delivery.</summary>
    FlipBit,

    /// <summary>The item is cut to its first bytes, in a copy made for this delivery.</summary>
    Cut,

    /// <summary>The item changes places with the one before it in the same delivery.</summary>
    Swap,

    /// <summary>
    /// The fault's own code changes a copy made for this delivery: for damage that a checksum of the item does not show, because it is put right afterwards.
    /// </summary>
    Rewrite,
}

/// <summary>A fault for one item.</summary>
/// <param name="Kind">What happens.</param>
/// <param name="At">The bit's number for <see cref="GridStreamFaultKind.FlipBit"/>, the bytes kept for <see cref="GridStreamFaultKind.Cut"/>.</param>
/// <param name="Change">What <see cref="GridStreamFaultKind.Rewrite"/> does to the copy.</param>
public readonly record struct GridStreamFault(GridStreamFaultKind Kind, long At = 0, Action<PooledBuffer>? Change = null);

/// <summary>
/// The stream provider's fault-injection point, for tests. Registered as a keyed service under the provider's name before
/// the silo starts, it is asked about every item when a delivery is put together; without it nothing is asked. Items that
/// are not pooled buffers can be dropped, duplicated and swapped only.
/// </summary>
/// <remarks>Called under the stream's lock, from any thread, for one stream at a time: it must be quick and must not call the provider.</remarks>
public interface IGridStreamFaults
{
    /// <summary>Decides about one item. <paramref name="bytes"/> is empty unless the item is a pooled buffer.</summary>
    GridStreamFault OnItem(StreamId streamId, ReadOnlySpan<byte> bytes);
}
