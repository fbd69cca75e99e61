using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Grid.Client.Serialization;

/// <summary>
/// How a type is kept as bytes. Types with a natural form, which people and other programs can read, have that one;
/// the rest is the serializer's.
/// </summary>
/// <typeparam name="T">The type.</typeparam>
internal abstract class Form<T>
{
    /// <summary>Appends the bytes of <paramref name="value"/>.</summary>
    public abstract void Write(T value, IBufferWriter<byte> destination);

    /// <summary>Makes the value out of all of <paramref name="source"/>.</summary>
    /// <exception cref="FormatException">They are not of this form.</exception>
    public abstract T Read(ReadOnlySpan<byte> source);

    /// <summary>The form of <typeparamref name="T"/>.</summary>
    public static Form<T> For(IGridSerializer serializer)
    {
        object? natural =
            typeof(T) == typeof(string) ? new TextForm()
            : typeof(T) == typeof(byte[]) ? new BytesForm()
            : typeof(T) == typeof(int) ? new Int32Form()
            : typeof(T) == typeof(long) ? new Int64Form()
            : typeof(T) == typeof(Guid) ? new GuidForm()
            : null;
        return natural as Form<T> ?? new SerializedForm<T>(serializer);
    }
}

/// <summary>Whatever the serializer writes.</summary>
internal sealed class SerializedForm<T>(IGridSerializer serializer) : Form<T>
{
    public override void Write(T value, IBufferWriter<byte> destination) => serializer.Serialize(value, destination);

    public override T Read(ReadOnlySpan<byte> source) => serializer.Deserialize<T>(source);
}

/// <summary>UTF-8.</summary>
internal sealed class TextForm : Form<string>
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public override void Write(string value, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(value);
        Utf8.GetBytes(value, destination);
    }

    public override string Read(ReadOnlySpan<byte> source) => Utf8.GetString(source);
}

/// <summary>Bytes as they are.</summary>
internal sealed class BytesForm : Form<byte[]>
{
    public override void Write(byte[] value, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(value);
        destination.Write(value);
    }

    public override byte[] Read(ReadOnlySpan<byte> source) => source.ToArray();
}

/// <summary>Decimal text, as counters are kept.</summary>
internal sealed class Int64Form : Form<long>
{
    private const int BytesMax = 20;

    public override void Write(long value, IBufferWriter<byte> destination)
    {
        Utf8Formatter.TryFormat(value, destination.GetSpan(BytesMax), out int written);
        destination.Advance(written);
    }

    public override long Read(ReadOnlySpan<byte> source) =>
        Utf8Parser.TryParse(source, out long value, out int read) && read == source.Length
            ? value
            : throw new FormatException($"These {source.Length} bytes are not a decimal number of 64 bits.");
}

/// <summary>Decimal text.</summary>
internal sealed class Int32Form : Form<int>
{
    private const int BytesMax = 11;

    public override void Write(int value, IBufferWriter<byte> destination)
    {
        Utf8Formatter.TryFormat(value, destination.GetSpan(BytesMax), out int written);
        destination.Advance(written);
    }

    public override int Read(ReadOnlySpan<byte> source) =>
        Utf8Parser.TryParse(source, out int value, out int read) && read == source.Length
            ? value
            : throw new FormatException($"These {source.Length} bytes are not a decimal number of 32 bits.");
}

/// <summary>36 characters, lower case.</summary>
internal sealed class GuidForm : Form<Guid>
{
    private const int Bytes = 36;

    public override void Write(Guid value, IBufferWriter<byte> destination)
    {
        Utf8Formatter.TryFormat(value, destination.GetSpan(Bytes), out int written);
        destination.Advance(written);
    }

    public override Guid Read(ReadOnlySpan<byte> source) =>
        Utf8Parser.TryParse(source, out Guid value, out int read) && read == source.Length
            ? value
            : throw new FormatException($"These {source.Length} bytes are not a GUID of 36 characters.");
}
