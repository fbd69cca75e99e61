using System.Globalization;
using Grid.Formats.Mutations;

namespace Grid.Formats.Snapshots;

/// <summary>The names and texts of the AUX fields in which a snapshot carries what RDB has no place for.</summary>
internal static class SnapshotFields
{
    /// <summary>The most entries that one field of versions may follow.</summary>
    public const int GroupEntriesMax = 64 << 10;

    /// <summary>The longest name or text in a field: room for a history of tens of thousands of epochs.</summary>
    public const int TextBytesMax = 1 << 20;

    public static ReadOnlySpan<byte> Prefix => "grid-"u8;

    public static ReadOnlySpan<byte> Format => "grid-format"u8;

    public static ReadOnlySpan<byte> Shard => "grid-shard"u8;

    public static ReadOnlySpan<byte> Lineage => "grid-lineage"u8;

    public static ReadOnlySpan<byte> Base => "grid-base"u8;

    public static ReadOnlySpan<byte> History => "grid-history"u8;

    public static ReadOnlySpan<byte> Keyspace => "grid-keyspace"u8;

    public static ReadOnlySpan<byte> Versions => "grid-versions"u8;

    public static ReadOnlySpan<byte> ExtraPrefix => "grid-x-"u8;

    public static ReadOnlySpan<byte> End => "grid-end"u8;

    /// <summary>A position as <c>EPOCH:OFFSET</c>.</summary>
    public static string Text(LogPosition position) => Pair(position.Epoch, ':', position.Offset);

    /// <summary>A history as <c>EPOCH@OFFSET</c>, separated by spaces.</summary>
    public static string Text(IEnumerable<EpochStart> history) =>
        string.Join(' ', history.Select(start => Pair(start.Epoch, '@', start.FirstOffset)));

    /// <summary>Totals as <c>ENTRIES:BYTES</c>, the bytes being those before the field.</summary>
    public static string Text(long entries, long bytesBefore) => Pair(entries, ':', bytesBefore);

    /// <summary>Reads two non-negative numbers around a separator.</summary>
    public static bool TryParsePair(ReadOnlySpan<char> text, char separator, out long first, out long second)
    {
        first = second = 0;
        int at = text.IndexOf(separator);
        return at >= 0
            && long.TryParse(text[..at], NumberStyles.None, CultureInfo.InvariantCulture, out first)
            && long.TryParse(text[(at + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out second);
    }

    /// <summary>Reads a history; epochs and offsets have to ascend.</summary>
    public static bool TryParseHistory(string text, out List<EpochStart> history)
    {
        history = [];
        EpochStart last = default;
        foreach (Range part in text.AsSpan().Split(' '))
        {
            ReadOnlySpan<char> item = text.AsSpan(part);
            if (item.IsEmpty && text.Length == 0)
                break;
            if (!TryParsePair(item, '@', out long epoch, out long offset))
                return false;
            if (history.Count > 0 && (epoch <= last.Epoch || offset < last.FirstOffset))
                return false;
            last = new EpochStart(epoch, offset);
            history.Add(last);
        }

        return true;
    }

    private static string Pair(long first, char separator, long second) =>
        string.Create(CultureInfo.InvariantCulture, $"{first}{separator}{second}");
}
