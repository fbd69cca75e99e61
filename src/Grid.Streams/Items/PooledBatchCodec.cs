using System.Buffers;
using Orleans.Serialization;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;
using PooledBuffer = Grid.Formats.Buffers.PooledBuffer;

namespace Grid.Streams.Items;

/// <summary>
/// The bytes of a <see cref="PooledBatch"/>: written straight from the senders' arrays, read straight into pooled ones.
/// </summary>
/// <remarks>
/// Layout, little endian, length-prefixed as a whole: sequence (8), count (4), then per item its length (4) and its
/// bytes. A batch that was withdrawn before it left is written with count 0.
/// </remarks>
[RegisterSerializer]
internal sealed class PooledBatchCodec : IFieldCodec<PooledBatch>
{
    private const int FixedBytes = sizeof(long) + sizeof(int);

    /// <inheritdoc/>
    public void WriteField<TBufferWriter>(
        ref Writer<TBufferWriter> writer,
        uint fieldIdDelta,
        Type? expectedType,
        PooledBatch? value)
        where TBufferWriter : IBufferWriter<byte>
    {
        if (value is null)
        {
            ReferenceCodec.WriteNullReference(ref writer, fieldIdDelta);
            return;
        }

        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(PooledBatch), WireType.LengthPrefixed);
        if (!value.TryPin())
        {
            writer.WriteVarUInt32(FixedBytes);
            writer.WriteInt64(value.Sequence);
            writer.WriteInt32(0);
            return;
        }

        try
        {
            WriteItems(ref writer, value);
        }
        finally
        {
            value.Unpin();
        }
    }

    private static void WriteItems<TBufferWriter>(ref Writer<TBufferWriter> writer, PooledBatch value)
        where TBufferWriter : IBufferWriter<byte>
    {
        long bytes = FixedBytes;
        foreach (PooledBuffer item in value.Items)
            bytes += sizeof(int) + item.Length;
        writer.WriteVarUInt32(checked((uint)bytes));
        writer.WriteInt64(value.Sequence);
        writer.WriteInt32(value.Items.Length);
        foreach (PooledBuffer item in value.Items)
        {
            writer.WriteInt32(item.Length);
            writer.Write(item.Span);
        }
    }

    /// <inheritdoc/>
    public PooledBatch ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        if (field.WireType == WireType.Reference)
            return ReferenceCodec.ReadReference<PooledBatch, TInput>(ref reader, field)!;

        field.EnsureWireType(WireType.LengthPrefixed);
        ReferenceCodec.MarkValueField(reader.Session);
        uint length = reader.ReadVarUInt32();
        reader.EnsureAvailable(length);
        if (length < FixedBytes)
            throw Malformed();
        long sequence = reader.ReadInt64();
        int count = reader.ReadInt32();
        long left = length - FixedBytes;
        if (count < 0 || count * (long)sizeof(int) > left)
            throw Malformed();

        var items = new PooledBuffer[count];
        for (int i = 0; i < count; i++)
        {
            int size = reader.ReadInt32();
            left -= sizeof(int) + (long)size;
            if (size < 0 || left < (count - i - 1) * (long)sizeof(int))
                throw Malformed();
            items[i] = PooledBuffer.RentReceived(size);
            reader.ReadBytes(items[i].WritableSpan);
        }

        return left == 0 ? PooledBatch.Received(sequence, items) : throw Malformed();
    }

    // What was read so far is left to the garbage collector: a silo of ours never writes such bytes.
    private static SerializerException Malformed() => new("A stream batch does not add up to its announced length.");
}

/// <summary>Within one silo the consumer is handed the producer's batch itself.</summary>
[RegisterCopier]
internal sealed class PooledBatchCopier : IDeepCopier<PooledBatch>
{
    /// <inheritdoc/>
    public PooledBatch? DeepCopy(PooledBatch? input, CopyContext context) => input;
}
