using Grid.Formats.Buffers;

namespace Grid.Streams.Items;

/// <summary>What the provider must know about a type of items: sizes, references, and how a delivery of them is made.</summary>
/// <remarks>Without state, thread safe.</remarks>
internal abstract class ItemKind<T>
{
    /// <summary>The one for <typeparamref name="T"/>.</summary>
    public static ItemKind<T> Instance { get; } = typeof(T) == typeof(PooledBuffer)
        ? (ItemKind<T>)(object)new PooledItems()
        : new PlainItems<T>();

    /// <summary>The item's size in bytes, an estimate for what cannot be known cheaply.</summary>
    public abstract int SizeOf(T item);

    /// <summary>Whether the item may be queued: null, or what is wrong with it.</summary>
    public abstract string? ErrorOf(T item);

    /// <summary>Takes one more reference.</summary>
    public abstract T Retain(T item);

    /// <summary>Ends one reference.</summary>
    public abstract void Release(T item);

    /// <summary>A delivery, which takes over one reference to each item.</summary>
    public abstract StreamBatch MakeBatch(StreamId streamId, long sequence, T[] items);

    /// <summary>The bytes that a fault may be decided by.</summary>
    public abstract ReadOnlySpan<byte> BytesOf(T item);

    /// <summary>A damaged copy of the item, with a reference of its own; or the item itself, retained, if it has no bytes to damage.</summary>
    public abstract T Damage(T item, GridStreamFault fault);
}

/// <summary>Pooled buffers: exact sizes, counted references.</summary>
internal sealed class PooledItems : ItemKind<PooledBuffer>
{
    /// <inheritdoc/>
    public override int SizeOf(PooledBuffer item) => item.Length;

    /// <inheritdoc/>
    public override string? ErrorOf(PooledBuffer item) => item switch
    {
        null => "A stream item must not be null.",
        { IsReceived: true } or { IsHandedOver: true } =>
            "A buffer that was received or handed over has its end decided elsewhere: produce a copy of it.",
        _ => null,
    };

    /// <inheritdoc/>
    public override PooledBuffer Retain(PooledBuffer item) => item.Retain();

    /// <inheritdoc/>
    public override void Release(PooledBuffer item) => item.Release();

    /// <inheritdoc/>
    public override StreamBatch MakeBatch(StreamId streamId, long sequence, PooledBuffer[] items) =>
        PooledBatch.ToSend(streamId, sequence, items);

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> BytesOf(PooledBuffer item) => item.Span;

    /// <inheritdoc/>
    public override PooledBuffer Damage(PooledBuffer item, GridStreamFault fault)
    {
        ReadOnlySpan<byte> bytes = item.Span;
        PooledBuffer copy = PooledBuffer.Rent(bytes.Length);
        copy.Write(fault.Kind == GridStreamFaultKind.Cut ? bytes[..(int)Math.Clamp(fault.At, 0, bytes.Length)] : bytes);
        if (fault.Kind == GridStreamFaultKind.FlipBit && bytes.Length > 0)
            copy.WritableSpan[(int)(fault.At / 8 % bytes.Length)] ^= (byte)(1 << (int)(fault.At % 8));
        if (fault.Kind == GridStreamFaultKind.Rewrite)
            fault.Change!(copy);
        return copy;
    }
}

/// <summary>Everything else: kept alive by the garbage collector, sizes known for a few types.</summary>
internal sealed class PlainItems<T> : ItemKind<T>
{
    /// <summary>What an item counts whose size is not known, in bytes.</summary>
    public const int UnknownBytes = 256;

    /// <inheritdoc/>
    public override int SizeOf(T item) => item switch
    {
        byte[] bytes => bytes.Length,
        string text => text.Length * sizeof(char),
        ReadOnlyMemory<byte> memory => memory.Length,
        _ => UnknownBytes,
    };

    /// <inheritdoc/>
    public override string? ErrorOf(T item) => item is null ? "A stream item must not be null." : null;

    /// <inheritdoc/>
    public override T Retain(T item) => item;

    /// <inheritdoc/>
    public override void Release(T item)
    {
        // Nothing is counted.
    }

    /// <inheritdoc/>
    public override StreamBatch MakeBatch(StreamId streamId, long sequence, T[] items) =>
        new ItemBatch<T>(streamId, sequence, items);

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> BytesOf(T item) => default;

    /// <inheritdoc/>
    public override T Damage(T item, GridStreamFault fault) => item;
}
