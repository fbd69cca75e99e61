using System.Globalization;
using System.Text;
using Grid.Formats.Mutations;
using Grid.Formats.Operations;

namespace Grid.Server.Chaos.Histories;

/// <summary>A history that is not in its text form: which line, and what is wrong with it.</summary>
internal sealed class HistoryFormatException(string message) : Exception(message);

/// <summary>
/// The text form of histories: a head, then a line for each operation, as <c>grid chaos</c> keeps them. Blank lines and those that begin with # are
/// skipped. <c>CLIENT CALL RETURN KEYSPACE KEY ACTION ... -> OUTCOME ...</c>, times in microseconds, - for no answer.
/// </summary>
internal static class HistoryText
{
    private const string Magic = "grid-history 1 origin=";

    /// <summary>Writes a history.</summary>
    public static void Write(TextWriter writer, History history)
    {
        WriteHead(writer, history.OriginUnixMs);
        foreach (HistoryOperation operation in history.Operations)
            writer.Write(Line(operation) + "\n");
    }

    /// <summary>Begins one that is written line by line.</summary>
    public static void WriteHead(TextWriter writer, long originUnixMs) =>
        writer.Write(string.Create(CultureInfo.InvariantCulture, $"{Magic}{originUnixMs}\n"));

    /// <summary>Reads a history.</summary>
    /// <exception cref="HistoryFormatException">A line is not what it ought to be.</exception>
    public static History Read(TextReader reader)
    {
        List<HistoryOperation> operations = [];
        string? head = reader.ReadLine();
        if (head is null || !head.StartsWith(Magic, StringComparison.Ordinal) || !long.TryParse(head.AsSpan(Magic.Length), CultureInfo.InvariantCulture, out long origin))
            throw new HistoryFormatException($"Line 1 is not \"{Magic}\" and a number.");
        for (int line = 2; reader.ReadLine() is { } text; line++)
        {
            if (text.Length == 0 || text[0] == '#')
                continue;
            try
            {
                operations.Add(HistoryLine.Read(text));
            }
            catch (Exception e) when (e is FormatException or OverflowException or ArgumentOutOfRangeException)
            {
                throw new HistoryFormatException($"Line {line}: {e.Message}");
            }
        }

        return new History(origin, operations);
    }

    /// <summary>The line of one operation.</summary>
    public static string Line(HistoryOperation operation)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{operation.Client} {operation.CallUs} ");
        text.Append(operation.ReturnUs?.ToString(CultureInfo.InvariantCulture) ?? "-");
        text.Append(CultureInfo.InvariantCulture, $" {Quote(operation.Keyspace)} {Quote(operation.Key)} {NameOf(operation.Action)}");
        if (operation.Action == HistoryAction.Set)
            text.Append(CultureInfo.InvariantCulture, $" {Quote(operation.Value)}");
        if (operation.Action == HistoryAction.Increment)
            text.Append(CultureInfo.InvariantCulture, $" by={operation.Delta}");
        text.Append(operation.Condition switch
        {
            WriteCondition.None => "",
            WriteCondition.IfAbsent => " if-absent",
            WriteCondition.IfPresent => " if-present",
            _ => $" if-version={Version(operation.IfVersion)}",
        });
        if (operation.KeepsExpiry)
            text.Append(" keep-expiry");
        if (operation.TimeToLiveMs != 0)
            text.Append(CultureInfo.InvariantCulture, $" ttl={operation.TimeToLiveMs}");
        text.Append(CultureInfo.InvariantCulture, $" -> {NameOf(operation.Outcome)}");
        if (operation.MayBeLost)
            text.Append(" may-be-lost");
        if (operation.Found is { } found)
            text.Append(CultureInfo.InvariantCulture, $" {Quote(found)}");
        if (operation.Version != 0)
            text.Append(CultureInfo.InvariantCulture, $" version={Version(operation.Version)}");
        if (operation.Number is { } number)
            text.Append(CultureInfo.InvariantCulture, $" number={number}");
        if (operation.ExpiresAtMs is { } expires)
            text.Append(CultureInfo.InvariantCulture, $" expires={expires}");
        return text.ToString();
    }

    /// <summary>Text between quotation marks, on one line.</summary>
    public static string Quote(string text)
    {
        StringBuilder quoted = new("\"");
        foreach (char c in text)
        {
            if (c is '"' or '\\')
                quoted.Append('\\').Append(c);
            else if (char.IsControl(c) || char.IsSurrogate(c))
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                quoted.Append(c);
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>The name of an action in a line.</summary>
    public static string NameOf(HistoryAction action) => action switch
    {
        HistoryAction.Get => "get",
        HistoryAction.Exists => "exists",
        HistoryAction.Set => "set",
        HistoryAction.Delete => "delete",
        HistoryAction.Expire => "expire",
        HistoryAction.Increment => "increment",
        _ => "clear",
    };

    /// <summary>The name of an outcome in a line.</summary>
    public static string NameOf(HistoryOutcome outcome) => outcome switch
    {
        HistoryOutcome.Done => "ok",
        HistoryOutcome.Absent => "absent",
        HistoryOutcome.Failed => "failed",
        HistoryOutcome.NotANumber => "not-a-number",
        HistoryOutcome.Overflow => "overflow",
        HistoryOutcome.Unknown => "unknown",
        _ => "refused",
    };

    private static string Version(ulong version) =>
        string.Create(CultureInfo.InvariantCulture, $"{EntryVersion.Epoch(version)}:{EntryVersion.Offset(version)}");
}
