using System.Text;
using Grid.Formats.Rdb;
using Xunit;

namespace Grid.Tests.Formats.Rdb;

/// <summary>Writes down what a reader reports, a line each.</summary>
internal sealed class RdbEvents : IRdbHandler
{
    public List<string> Lines { get; } = [];

    public void OnHeader(int version, bool isValkey) => Lines.Add($"header {version}{(isValkey ? " valkey" : "")}");

    public void OnAux(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => Lines.Add($"aux {Text(name)}={Text(value)}");

    public void OnSelectDb(int database) => Lines.Add($"db {database}");

    public void OnResizeDb(ulong keys, ulong keysWithExpiry) => Lines.Add($"resize {keys} {keysWithExpiry}");

    public void OnString(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long? expiryUnixMs) =>
        Lines.Add($"{Text(key)}={Text(value)}{(expiryUnixMs is { } at ? $" until {at}" : "")}");

    public void OnSkipped(string typeName, ReadOnlySpan<byte> key) => Lines.Add($"skipped {typeName} {Text(key)}");

    public void OnEnd() => Lines.Add("end");

    /// <summary>Feeds pieces to the end; the last line is the error, if there is one.</summary>
    public static List<string> Read(IEnumerable<ReadOnlyMemory<byte>> pieces, RdbReaderOptions? options = null)
    {
        RdbEvents events = new();
        using RdbReader reader = new(events, options);
        try
        {
            foreach (ReadOnlyMemory<byte> piece in pieces)
                reader.Feed(piece.Span);
            reader.Complete();
        }
        catch (RdbFormatException e)
        {
            events.Lines.Add($"error {e.Error}");
            RdbFormatException again = Assert.Throws<RdbFormatException>(() => reader.Feed([1]));
            Assert.Equal(e.Message, again.Message);
            Assert.Equal(e.Message, Assert.Throws<RdbFormatException>(reader.Complete).Message);
        }

        return events.Lines;
    }

    public static List<string> Read(byte[] file, RdbReaderOptions? options = null) => Read([file.AsMemory()], options);

    private static string Text(ReadOnlySpan<byte> bytes) =>
        bytes.Length > 100 ? $"[{bytes.Length} bytes {System.IO.Hashing.XxHash3.HashToUInt64(bytes):x}]" : Encoding.Latin1.GetString(bytes);
}
