namespace Grid.Server.Configuration;

/// <summary>Configuration keys on the command line: <c>--set Grid:ShardCount=16</c>, or <c>--Grid:ShardCount=16</c>, or with a blank for the equals sign.</summary>
internal static class Overrides
{
    /// <summary>Takes the values of <c>--set</c> and the arguments that no option knows.</summary>
    /// <returns>Keys and values; later ones win.</returns>
    /// <exception cref="CommandException">Something is no override.</exception>
    public static Dictionary<string, string?> Parse(IEnumerable<string> sets, IReadOnlyList<string> unmatched)
    {
        Dictionary<string, string?> overrides = new(StringComparer.OrdinalIgnoreCase);
        foreach (string set in sets)
        {
            if (!TrySplit(set, out string key, out string value))
                throw new CommandException(ExitCode.Usage, $"--set {set}: SECTION:KEY=VALUE is expected, for instance --set Grid:ShardCount=16.");
            overrides[key] = value;
        }

        for (int i = 0; i < unmatched.Count; i++)
        {
            string argument = unmatched[i];
            if (!argument.StartsWith("--", StringComparison.Ordinal) || !argument.Contains(':'))
                throw new CommandException(ExitCode.Usage, $"'{argument}' is neither an option of serve nor a configuration key; see grid serve --help. Keys look like --Grid:ShardCount=16.");
            if (TrySplit(argument[2..], out string key, out string value))
                overrides[key] = value;
            else if (!argument.Contains('=') && i + 1 < unmatched.Count && !unmatched[i + 1].StartsWith("--", StringComparison.Ordinal))
                overrides[argument[2..]] = unmatched[++i];
            else
                throw new CommandException(ExitCode.Usage, $"'{argument}' has no value; write {argument}=VALUE.");
        }

        return overrides;
    }

    private static bool TrySplit(string text, out string key, out string value)
    {
        int equals = text.IndexOf('=');
        key = equals < 0 ? text : text[..equals];
        value = equals < 0 ? "" : text[(equals + 1)..];
        return equals > 0 && key.Contains(':') && !key.StartsWith(':') && !key.EndsWith(':');
    }
}
