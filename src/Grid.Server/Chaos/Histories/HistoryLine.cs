using System.Globalization;
using System.Text;
using Grid.Formats.Mutations;
using Grid.Formats.Operations;

namespace Grid.Server.Chaos.Histories;

/// <summary>Reads a line of a history's text form.</summary>
internal static class HistoryLine
{
    /// <exception cref="FormatException">It is none.</exception>
    public static HistoryOperation Read(string line)
    {
        Queue<Token> tokens = new(Split(line));
        HistoryOperation operation = new()
        {
            Client = (int)Number(Bare(tokens, "a client")),
            CallUs = Number(Bare(tokens, "the time of the call")),
            ReturnUs = Bare(tokens, "the time of the return") is var returned && returned == "-" ? null : Number(returned),
            Keyspace = Quoted(tokens, "a keyspace"),
            Key = Quoted(tokens, "a key"),
            Action = Named(Bare(tokens, "an action"), HistoryText.NameOf, Enum.GetValues<HistoryAction>()),
            Outcome = HistoryOutcome.Unknown,
        };
        if (operation.Action == HistoryAction.Set)
            operation = operation with { Value = Quoted(tokens, "a value") };
        while (Next(tokens, "\"->\"") is var token && token != new Token("->", false))
            operation = WithAsked(operation, token);
        operation = operation with { Outcome = Named(Bare(tokens, "an outcome"), HistoryText.NameOf, Enum.GetValues<HistoryOutcome>()) };
        while (tokens.TryDequeue(out Token shown))
            operation = shown.IsQuoted ? operation with { Found = shown.Text } : WithShown(operation, shown.Text);
        return operation;
    }

    private static HistoryOperation WithAsked(HistoryOperation operation, Token token) => Field(token) switch
    {
        ("by", { } by) => operation with { Delta = Number(by) },
        ("if-absent", null) => operation with { Condition = WriteCondition.IfAbsent },
        ("if-present", null) => operation with { Condition = WriteCondition.IfPresent },
        ("if-version", { } version) => operation with { Condition = WriteCondition.IfVersion, IfVersion = Version(version) },
        ("keep-expiry", null) => operation with { KeepsExpiry = true },
        ("ttl", { } ttl) => operation with { TimeToLiveMs = Number(ttl) },
        _ => throw new FormatException($"\"{token.Text}\" is nothing that can be asked for."),
    };

    private static HistoryOperation WithShown(HistoryOperation operation, string text) => Field(new Token(text, false)) switch
    {
        ("may-be-lost", null) => operation with { MayBeLost = true },
        ("version", { } version) => operation with { Version = Version(version) },
        ("number", { } number) => operation with { Number = Number(number) },
        ("expires", { } expires) => operation with { ExpiresAtMs = Number(expires) },
        _ => throw new FormatException($"\"{text}\" is nothing that can be shown."),
    };

    private static (string Name, string? Value) Field(Token token)
    {
        int equals = token.Text.IndexOf('=');
        return token.IsQuoted || equals < 0 ? (token.Text, null) : (token.Text[..equals], token.Text[(equals + 1)..]);
    }

    private static T Named<T>(string text, Func<T, string> nameOf, T[] all)
    {
        int i = Array.FindIndex(all, one => nameOf(one) == text);
        return i < 0 ? throw new FormatException($"\"{text}\" is not one of {string.Join(", ", all.Select(nameOf))}.") : all[i];
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static ulong Version(string text)
    {
        int colon = text.IndexOf(':');
        return colon < 0 ? throw new FormatException($"\"{text}\" is no version (EPOCH:OFFSET).") : EntryVersion.Pack(Number(text[..colon]), Number(text[(colon + 1)..]));
    }

    private static Token Next(Queue<Token> tokens, string what) =>
        tokens.TryDequeue(out Token token) ? token : throw new FormatException($"The line ends where {what} was expected.");

    private static string Bare(Queue<Token> tokens, string what) =>
        Next(tokens, what) is { IsQuoted: false } token ? token.Text : throw new FormatException($"Quotation marks where {what} was expected.");

    private static string Quoted(Queue<Token> tokens, string what) =>
        Next(tokens, what) is { IsQuoted: true } token ? token.Text : throw new FormatException($"No quotation marks where {what} was expected.");

    private static IEnumerable<Token> Split(string line)
    {
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == ' ')
                continue;
            if (line[i] == '"')
            {
                StringBuilder text = new();
                i = Unquote(line, i + 1, text);
                yield return new Token(text.ToString(), true);
                continue;
            }

            int end = line.IndexOf(' ', i) is var blank && blank < 0 ? line.Length : blank;
            yield return new Token(line[i..end], false);
            i = end;
        }
    }

    /// <summary>Reads up to the closing mark; gives its place.</summary>
    private static int Unquote(string line, int i, StringBuilder text)
    {
        for (; i < line.Length; i++)
        {
            if (line[i] == '"')
                return i;
            if (line[i] != '\\')
            {
                text.Append(line[i]);
            }
            else if (i + 5 < line.Length && line[i + 1] == 'u')
            {
                text.Append((char)ushort.Parse(line.AsSpan(i + 2, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                i += 5;
            }
            else if (i + 1 < line.Length)
            {
                text.Append(line[++i]);
            }
        }

        throw new FormatException("A closing quotation mark is missing.");
    }

    private readonly record struct Token(string Text, bool IsQuoted);
}
