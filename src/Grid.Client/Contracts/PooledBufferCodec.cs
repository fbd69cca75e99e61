using System.Buffers;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;
using PooledBuffer = Grid.Formats.Buffers.PooledBuffer;

namespace Grid.Client.Contracts;

/// <summary>
/// Carries a <see cref="PooledBuffer"/> between processes: a length-prefixed run of bytes, read into an array from the
/// pool. The receiver ends the instance with <see cref="PooledBuffer.ReleaseReceived"/>.
/// </summary>
/// <remarks>
/// There is no reference tracking: the same buffer sent twice travels twice, and no table of objects is kept. A buffer
/// that was handed over (<see cref="PooledBuffer.HandOver"/>) loses its sender's reference once its bytes are written; so does
/// one that was received and is passed on, by a gateway or a silo that is not the one meant: a receiver that sends a buffer on
/// gives its reference away with it.
/// </remarks>
[RegisterSerializer]
public sealed class PooledBufferCodec : IFieldCodec<PooledBuffer>
{
    /// <inheritdoc/>
    public void WriteField<TBufferWriter>(
        ref Writer<TBufferWriter> writer,
        uint fieldIdDelta,
        Type? expectedType,
        PooledBuffer? value)
        where TBufferWriter : IBufferWriter<byte>
    {
        if (value is null)
        {
            ReferenceCodec.WriteNullReference(ref writer, fieldIdDelta);
            return;
        }

        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(PooledBuffer), WireType.LengthPrefixed);
        ReadOnlySpan<byte> bytes = value.Span;
        writer.WriteVarUInt32((uint)bytes.Length);
        writer.Write(bytes);
        EndIfGivenAway(value);
    }

    /// <inheritdoc/>
    public PooledBuffer ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        if (field.WireType == WireType.Reference)
            return ReferenceCodec.ReadReference<PooledBuffer, TInput>(ref reader, field)!;

        field.EnsureWireType(WireType.LengthPrefixed);
        ReferenceCodec.MarkValueField(reader.Session);
        uint length = reader.ReadVarUInt32();
        reader.EnsureAvailable(length);
        PooledBuffer buffer = PooledBuffer.RentReceived(checked((int)length));
        reader.ReadBytes(buffer.WritableSpan);
        return buffer;
    }

    /// <summary>Ends the reference of a buffer whose sender does not come back to it.</summary>
    internal static void EndIfGivenAway(PooledBuffer written)
    {
        if (written.IsHandedOver || written.IsReceived)
            written.Release();
    }
}

/// <summary>Within one process a <see cref="PooledBuffer"/> is passed on as it is: its bytes do not change once shared.</summary>
[RegisterCopier]
public sealed class PooledBufferCopier : IDeepCopier<PooledBuffer>
{
    /// <inheritdoc/>
    public PooledBuffer? DeepCopy(PooledBuffer? input, CopyContext context) => input;
}
