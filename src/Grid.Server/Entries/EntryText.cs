using System.Globalization;
using System.Text;

namespace Grid.Server.Entries;

/// <summary>Keys and values as text, and back.</summary>
internal static class EntryText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>A key or value from the command line.</summary>
    /// <exception cref="CommandException">It is no even number of hexadecimal digits, though it should be.</exception>
    public static byte[] Parse(string text, bool hex, string what)
    {
        if (!hex)
            return Strict.GetBytes(text);
        try
        {
            return Convert.FromHexString(text);
        }
        catch (FormatException malformed)
        {
            throw new CommandException(ExitCode.Usage, $"the {what} is not hexadecimal: an even number of digits 0-9, a-f is expected.", malformed);
        }
    }

    /// <summary>The text that the bytes are in UTF-8; null if they are none.</summary>
    public static string? TryText(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>One line of text for any bytes: control characters and what is not UTF-8 as <c>\n</c>, <c>\t</c>, <c>\\</c>, <c>\xNN</c>.</summary>
    public static string Line(ReadOnlySpan<byte> bytes)
    {
        StringBuilder line = new(bytes.Length);
        while (!bytes.IsEmpty)
        {
            bool whole = Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) == System.Buffers.OperationStatus.Done;
            if (whole && rune.Value == '\\')
                line.Append(@"\\");
            else if (whole && rune.Value == '\n')
                line.Append(@"\n");
            else if (whole && rune.Value == '\t')
                line.Append(@"\t");
            else if (whole && !Rune.IsControl(rune))
                line.Append(rune);
            else
                AppendHex(line, bytes[..length]);
            bytes = bytes[length..];
        }

        return line.ToString();
    }

    private static void AppendHex(StringBuilder line, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
            line.Append(CultureInfo.InvariantCulture, $@"\x{value:x2}");
    }
}

/// <summary>An entry for <c>--json</c>: text where the bytes are UTF-8, otherwise base64.</summary>
internal sealed record EntryJson(string? Key, string? KeyBase64, string? Value, string? ValueBase64, ulong Version, DateTimeOffset? ExpiresAt)
{
    public static EntryJson Of(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool withValue, ulong version, DateTimeOffset? expiresAt)
    {
        string? keyText = EntryText.TryText(key);
        string? valueText = withValue ? EntryText.TryText(value) : null;
        return new EntryJson(
            keyText,
            keyText is null ? Convert.ToBase64String(key) : null,
            valueText,
            withValue && valueText is null ? Convert.ToBase64String(value) : null,
            version,
            expiresAt);
    }
}
