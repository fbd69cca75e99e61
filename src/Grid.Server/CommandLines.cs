using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using Grid.Server.Configuration;

namespace Grid.Server;

/// <summary>Reads command lines, and says of those that cannot be used what was expected: in words, not in types.</summary>
internal static partial class CommandLines
{
    /// <summary>Parses; what is wrong is written to <paramref name="errors"/>.</summary>
    public static bool TryParse(RootCommand root, string[] args, TextWriter errors, [NotNullWhen(true)] out ParseResult? parsed)
    {
        try
        {
            parsed = root.Parse(args);
        }
        catch (InvalidOperationException unreadable)
        {
            // A validator looked at a value that could not be converted.
            parsed = null;
            Tell([unreadable.Message], null, errors);
            return false;
        }

        if (parsed.Action is not ParseErrorAction)
            return true;
        Tell(parsed.Errors.Select(static error => error.Message), parsed.CommandResult, errors);
        parsed = null;
        return false;
    }

    /// <summary>The library's words with what is expected in place of the name of a type.</summary>
    public static string Readable(string message)
    {
        Match conversion = Conversion().Match(message);
        if (!conversion.Success)
            return message.Trim();
        string type = conversion.Groups["type"].Value;
        string[] choices = conversion.Groups["choices"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string expected = choices.Length > 0 ? $"one of {string.Join(", ", choices)}"
            : type.Contains("UInt", StringComparison.Ordinal) ? "a whole number, 0 or more,"
            : type.Contains("Int", StringComparison.Ordinal) ? "a whole number"
            : type.Contains("Double", StringComparison.Ordinal) ? "a number"
            : type.Contains("Boolean", StringComparison.Ordinal) ? "true or false"
            : "something else";
        return $"{conversion.Groups["name"].Value}: '{conversion.Groups["value"].Value}' cannot be used; {expected} is expected.";
    }

    private static void Tell(IEnumerable<string> wrong, CommandResult? at, TextWriter errors)
    {
        foreach (string error in wrong.Select(Readable).Distinct())
        {
            string? near = at is not null && Unknown().Match(error) is { Success: true } unknown ? Spelling.Nearest(unknown.Groups[1].Value, Known(at.Command)) : null;
            errors.WriteLine($"grid: {error}{(near is null ? "" : $" Did you mean {near}?")}");
        }

        string path = string.Join(' ', Path(at).Reverse());
        errors.WriteLine($"'grid {(path.Length > 0 ? path + " " : "")}--help' lists what there is.");
    }

    private static IEnumerable<string> Path(CommandResult? at)
    {
        for (CommandResult? command = at; command is { Parent: CommandResult }; command = command.Parent as CommandResult)
            yield return command.Command.Name;
    }

    private static IEnumerable<string> Known(Command command) =>
        command.Subcommands.Select(static verb => verb.Name).Concat(command.Options.SelectMany(static option => option.Aliases.Prepend(option.Name)).Where(static name => name.StartsWith("--", StringComparison.Ordinal)));

    [GeneratedRegex(@"^Cannot parse argument '(?<value>.*)' for (?:option|argument|command) '(?<name>[^']*)' as expected type '(?<type>[^']*)'\.(?:[^\n]*\n(?<choices>.*))?$", RegexOptions.Singleline)]
    private static partial Regex Conversion();

    [GeneratedRegex("^Unrecognized command or argument '(.*)'")]
    private static partial Regex Unknown();
}
