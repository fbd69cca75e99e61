using System.Buffers;
using System.Runtime.CompilerServices;

namespace Grid.Formats.Buffers;

/// <summary>
/// A byte array from the shared pool with a length and a reference count: the unit in which requests, replies,
/// mutation batches and snapshot chunks travel.
/// </summary>
/// <remarks>
/// <para>
/// Ownership. The one who calls <see cref="Rent"/> holds the first reference. Whoever keeps the buffer beyond the
/// call that handed it over takes a reference of its own with <see cref="Retain"/>, and every reference ends with
/// exactly one <see cref="Release"/>; the last one gives the array back to the pool.
/// </para>
/// <para>
/// Between silos the receiver gets a fresh instance, made by the serializer, on which
/// <see cref="IsReceived"/> is true: that reference belongs to the receiver, who ends it with
/// <see cref="ReleaseReceived"/>. Within one silo the receiver is handed the sender's own instance, whose reference
/// stays with the sender: <see cref="ReleaseReceived"/> does nothing on it. So a receiver always calls
/// <see cref="ReleaseReceived"/> once, and never needs to know which case it is in.
/// </para>
/// <para>
/// A sender that will not touch the buffer again, because nothing tells it when the bytes have left (the reply of a
/// grain call), gives its reference away with <see cref="HandOver"/>: between silos the serializer ends it once the
/// bytes are written, within one silo the receiver's <see cref="ReleaseReceived"/> does.
/// </para>
/// <para>A buffer that is never released is only garbage: nothing leaks, the pool merely loses an array.</para>
/// <para>Thread safety: the reference count is atomic; the bytes are written by one owner before they are shared.</para>
/// </remarks>
public sealed class PooledBuffer : IBufferWriter<byte>
{
    private byte[] _array;
    private int _length;
    private int _references = 1;

    private PooledBuffer(byte[] array, int length, bool received)
    {
        _array = array;
        _length = length;
        IsReceived = received;
    }

    /// <summary>True on an instance that the serializer made for a receiver.</summary>
    public bool IsReceived { get; }

    /// <summary>True once the sender has given its reference away with <see cref="HandOver"/>.</summary>
    public bool IsHandedOver { get; private set; }

    /// <summary>The number of bytes written, at most the capacity.</summary>
    public int Length => _length;

    /// <summary>The number of bytes that fit without growing.</summary>
    public int Capacity => Array.Length;

    /// <summary>The bytes written so far. Valid while the caller holds a reference.</summary>
    public ReadOnlySpan<byte> Span => Array.AsSpan(0, _length);

    /// <summary>The bytes written so far. Valid while the caller holds a reference.</summary>
    public ReadOnlyMemory<byte> Memory => Array.AsMemory(0, _length);

    private byte[] Array
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _references) <= 0, this);
            return _array;
        }
    }

    /// <summary>An empty buffer with room for at least <paramref name="capacity"/> bytes.</summary>
    public static PooledBuffer Rent(int capacity) =>
        new(ArrayPool<byte>.Shared.Rent(Math.Max(capacity, 1)), 0, received: false);

    /// <summary>
    /// A buffer of exactly <paramref name="length"/> uninitialized bytes, for a deserializer to fill through
    /// <see cref="WritableSpan"/>; its one reference is the receiver's.
    /// </summary>
    public static PooledBuffer RentReceived(int length) =>
        new(ArrayPool<byte>.Shared.Rent(Math.Max(length, 1)), length, received: true);

    /// <summary>The written bytes, for the single owner to patch before the buffer is shared.</summary>
    public Span<byte> WritableSpan => Array.AsSpan(0, _length);

    /// <summary>Takes one more reference.</summary>
    /// <exception cref="ObjectDisposedException">The last reference has been released.</exception>
    public PooledBuffer Retain()
    {
        int references = Volatile.Read(ref _references);
        while (true)
        {
            ObjectDisposedException.ThrowIf(references <= 0, this);
            int seen = Interlocked.CompareExchange(ref _references, references + 1, references);
            if (seen == references)
                return this;
            references = seen;
        }
    }

    /// <summary>Ends one reference; the last one returns the array to the pool.</summary>
    /// <exception cref="ObjectDisposedException">More releases than references: a bug of the caller.</exception>
    public void Release()
    {
        int left = Interlocked.Decrement(ref _references);
        if (left == 0)
        {
            byte[] array = _array;
            _array = [];
            _length = 0;
            ArrayPool<byte>.Shared.Return(array);
        }
        else if (left < 0)
        {
            throw new ObjectDisposedException(nameof(PooledBuffer), "Released more often than retained.");
        }
    }

    /// <summary>Gives the caller's reference to whoever gets the buffer next, see the remarks on the type.</summary>
    public PooledBuffer HandOver()
    {
        IsHandedOver = true;
        return this;
    }

    /// <summary>Ends the receiver's reference, see the remarks on the type.</summary>
    public void ReleaseReceived()
    {
        if (IsReceived || IsHandedOver)
            Release();
    }

    /// <inheritdoc/>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Array.Length - _length);
        _length += count;
    }

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return Array.AsMemory(_length);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return Array.AsSpan(_length);
    }

    /// <summary>Appends <paramref name="bytes"/>, growing if needed.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(GetSpan(bytes.Length));
        _length += bytes.Length;
    }

    /// <summary>Takes back what was written beyond <paramref name="length"/> bytes.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _length);
        _length = length;
    }

    private void EnsureRoom(int sizeHint)
    {
        int needed = Math.Max(sizeHint, 1);
        if (Array.Length - _length >= needed)
            return;
        int size = (int)Math.Min(Math.Max((long)_length + needed, 2L * _array.Length), System.Array.MaxLength);
        byte[] larger = ArrayPool<byte>.Shared.Rent(size);
        _array.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_array);
        _array = larger;
    }
}
