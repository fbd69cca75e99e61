using System.Buffers.Binary;
using System.Text;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;

namespace Grid.Formats.Operations;

/// <summary>The fixed head of a reply blob; its layout is drawn in the README of this project.</summary>
/// <param name="Status">How the batch was received.</param>
/// <param name="Epoch">The reign that answered; 0 if none is known.</param>
/// <param name="Argument">With <see cref="BatchStatus.ResendFrom"/> the number to send from; otherwise 0.</param>
/// <param name="Count">The number of results that follow.</param>
public readonly record struct ReplyHeader(BatchStatus Status, long Epoch, long Argument, int Count)
{
    /// <summary>The version of the layout.</summary>
    public const byte Version = 1;

    /// <summary>Bytes of the head.</summary>
    public const int Length = 24;

    /// <summary>Starts a reply blob.</summary>
    public void Write(PooledBuffer buffer)
    {
        Span<byte> head = buffer.GetSpan(Length)[..Length];
        head[0] = Version;
        head[1] = (byte)Status;
        head[2] = 0;
        head[3] = 0;
        BinaryPrimitives.WriteInt64LittleEndian(head[4..], Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(head[12..], Argument);
        BinaryPrimitives.WriteInt32LittleEndian(head[20..], Count);
        buffer.Advance(Length);
    }

    /// <summary>Patches the number of results into a blob that <see cref="Write"/> began.</summary>
    public static void PatchCount(PooledBuffer buffer, int results) =>
        BinaryPrimitives.WriteInt32LittleEndian(buffer.WritableSpan[20..], results);

    /// <summary>A whole reply that says why nothing, or nothing certain, was done.</summary>
    public static PooledBuffer Refusal(BatchStatus status, long epoch, string message, long argument = 0)
    {
        PooledBuffer buffer = PooledBuffer.Rent(Length + message.Length + 16);
        new ReplyHeader(status, epoch, argument, 0).Write(buffer);
        buffer.WriteText(message);
        return buffer;
    }

    /// <summary>Reads the head.</summary>
    /// <exception cref="MalformedException">Too short, or of another version.</exception>
    public static ReplyHeader Read(ReadOnlySpan<byte> blob)
    {
        if (blob.Length < Length || blob[0] != Version)
            throw new MalformedException($"A reply of {blob.Length} bytes that is not of layout version {Version}.");
        return new(
            (BatchStatus)blob[1],
            BinaryPrimitives.ReadInt64LittleEndian(blob[4..]),
            BinaryPrimitives.ReadInt64LittleEndian(blob[12..]),
            BinaryPrimitives.ReadInt32LittleEndian(blob[20..]));
    }

    /// <summary>Reads how the batch was received, and nothing else of the head; <see cref="BatchStatus.Indeterminate"/> from a blob that is too short.</summary>
    public static BatchStatus ReadStatus(ReadOnlySpan<byte> blob) => blob.Length < Length ? BatchStatus.Indeterminate : (BatchStatus)blob[1];

    /// <summary>The message of a refusal.</summary>
    public static string ReadMessage(ReadOnlySpan<byte> blob) =>
        Encoding.UTF8.GetString(new SpanReader(blob[Length..]).ReadBytes());
}

/// <summary>
/// The result of one operation in a reply blob. The spans point into the blob.
/// </summary>
/// <remarks>
/// Layout: <c>[status] [fields]</c>, then what <c>fields</c> names: value (bytes behind a varint count), version,
/// expiry, number; see the README of this project.
/// </remarks>
public ref struct OperationResult
{
    private const byte ValueField = 1;
    private const byte VersionField = 2;
    private const byte ExpiryField = 4;
    private const byte NumberField = 8;

    /// <summary>How the operation ended.</summary>
    public OperationStatus Status { get; set; }

    /// <summary>True when <see cref="Value"/> is there, be it empty.</summary>
    public bool HasValue { get; set; }

    /// <summary>The entry's value, a page of a scan, or the packed statistics.</summary>
    public ReadOnlySpan<byte> Value { get; set; }

    /// <summary>The entry's version; 0 if there is none.</summary>
    public ulong Version { get; set; }

    /// <summary>When the entry expires, in Unix milliseconds by the primary's clock; 0 for never.</summary>
    public long ExpiryUnixMs { get; set; }

    /// <summary>A counter's new value, or the number of entries that a clear removed.</summary>
    public long Number { get; set; }

    /// <summary>The most bytes that a result takes beside its value.</summary>
    public const int OverheadMax = 2 + BufferFields.VarIntBytesMax + 24;

    /// <summary>Appends this result to <paramref name="buffer"/>.</summary>
    public readonly void Write(PooledBuffer buffer)
    {
        Span<byte> span = buffer.GetSpan(OverheadMax + Value.Length);
        byte fields = 0;
        int i = 2;
        if (HasValue)
        {
            fields |= ValueField;
            i += BufferFields.WriteVarInt(span[i..], Value.Length);
            Value.CopyTo(span[i..]);
            i += Value.Length;
        }

        if (Version != 0)
        {
            fields |= VersionField;
            BinaryPrimitives.WriteUInt64LittleEndian(span[i..], Version);
            i += 8;
        }

        if (ExpiryUnixMs != 0)
        {
            fields |= ExpiryField;
            BinaryPrimitives.WriteInt64LittleEndian(span[i..], ExpiryUnixMs);
            i += 8;
        }

        if (Number != 0)
        {
            fields |= NumberField;
            BinaryPrimitives.WriteInt64LittleEndian(span[i..], Number);
            i += 8;
        }

        span[0] = (byte)Status;
        span[1] = fields;
        buffer.Advance(i);
    }

    /// <summary>Reads the next result.</summary>
    /// <exception cref="MalformedException">The blob is damaged.</exception>
    public static OperationResult Read(ref SpanReader reader)
    {
        OperationResult result = default;
        result.Status = (OperationStatus)reader.ReadByte();
        byte fields = reader.ReadByte();
        if (result.Status > OperationStatus.SessionExpired || fields > 0x0F)
            throw new MalformedException($"Result status {(byte)result.Status} with fields {fields:x2} is not known to this version.");
        result.HasValue = (fields & ValueField) != 0;
        if (result.HasValue)
            result.Value = reader.ReadBytes();
        if ((fields & VersionField) != 0)
            result.Version = reader.ReadUInt64();
        if ((fields & ExpiryField) != 0)
            result.ExpiryUnixMs = reader.ReadInt64();
        if ((fields & NumberField) != 0)
            result.Number = reader.ReadInt64();
        return result;
    }
}
