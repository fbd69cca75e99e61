using System.Buffers;
using System.Buffers.Binary;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;
using PooledBuffer = Grid.Formats.Buffers.PooledBuffer;

namespace Grid.Client.Contracts;

/// <summary>
/// Carries a <see cref="BatchBundle"/> between processes: its blobs are written from where they are, and each is read into an
/// array of its own from the pool.
/// </summary>
/// <remarks>
/// Layout of the length-prefixed field, little-endian: <c>[ticket i64] [count i32]</c>, then for each blob
/// <c>[place i32] [length i32] [bytes]</c>. No reference tracking. A blob that was handed over, or received and passed on, loses its
/// reference once it is written, as with <see cref="PooledBufferCodec"/>.
/// </remarks>
[RegisterSerializer]
public sealed class BatchBundleCodec : IFieldCodec<BatchBundle>
{
    private const int HeadBytes = 12;
    private const int ItemHeadBytes = 8;

    /// <inheritdoc/>
    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, BatchBundle? value)
        where TBufferWriter : IBufferWriter<byte>
    {
        if (value is null)
        {
            ReferenceCodec.WriteNullReference(ref writer, fieldIdDelta);
            return;
        }

        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(BatchBundle), WireType.LengthPrefixed);
        long length = HeadBytes;
        for (int i = 0; i < value.Count; i++)
            length += ItemHeadBytes + value[i].Blob.Length;
        writer.WriteVarUInt32(checked((uint)length));
        Span<byte> head = stackalloc byte[HeadBytes];
        BinaryPrimitives.WriteInt64LittleEndian(head, value.Ticket);
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], value.Count);
        writer.Write(head);
        for (int i = 0; i < value.Count; i++)
        {
            (int place, PooledBuffer blob) = value[i];
            BinaryPrimitives.WriteInt32LittleEndian(head, place);
            BinaryPrimitives.WriteInt32LittleEndian(head[4..], blob.Length);
            writer.Write(head[..ItemHeadBytes]);
            writer.Write(blob.Span);
            PooledBufferCodec.EndIfGivenAway(blob);
        }
    }

    /// <inheritdoc/>
    public BatchBundle ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        if (field.WireType == WireType.Reference)
            return ReferenceCodec.ReadReference<BatchBundle, TInput>(ref reader, field)!;

        field.EnsureWireType(WireType.LengthPrefixed);
        ReferenceCodec.MarkValueField(reader.Session);
        uint length = reader.ReadVarUInt32();
        reader.EnsureAvailable(length);
        Span<byte> head = stackalloc byte[HeadBytes];
        Take(ref length, HeadBytes);
        reader.ReadBytes(head);
        int count = BinaryPrimitives.ReadInt32LittleEndian(head[8..]);
        if (count is < 0 or > BatchBundle.CountMax)
            throw new InvalidOperationException($"A bundle that claims {count} batches; at most {BatchBundle.CountMax} are possible.");
        BatchBundle bundle = new(count, BinaryPrimitives.ReadInt64LittleEndian(head));
        for (int i = 0; i < count; i++)
        {
            Take(ref length, ItemHeadBytes);
            reader.ReadBytes(head[..ItemHeadBytes]);
            int bytes = BinaryPrimitives.ReadInt32LittleEndian(head[4..]);
            Take(ref length, bytes);
            PooledBuffer blob = PooledBuffer.RentReceived(bytes);
            reader.ReadBytes(blob.WritableSpan);
            bundle.Add(BinaryPrimitives.ReadInt32LittleEndian(head), blob);
        }

        return bundle;
    }

    private static void Take(ref uint left, int bytes)
    {
        if (bytes < 0 || bytes > left)
            throw new InvalidOperationException($"A bundle is cut short: {bytes} bytes are to follow, {left} do.");
        left -= (uint)bytes;
    }
}

/// <summary>Within one process a <see cref="BatchBundle"/> is passed on as it is: nobody changes it once it is sent.</summary>
[RegisterCopier]
public sealed class BatchBundleCopier : IDeepCopier<BatchBundle>
{
    /// <inheritdoc/>
    public BatchBundle? DeepCopy(BatchBundle? input, CopyContext context) => input;
}
