using System.CommandLine.Parsing;
using System.Globalization;

namespace Grid.Server.Entries;

/// <summary>Times as people write them: a number and <c>ms</c>, <c>s</c>, <c>m</c>, <c>h</c> or <c>d</c>; seconds without a unit.</summary>
internal static class TimeText
{
    private static readonly (string Unit, double Seconds)[] Units = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("", 1)];

    /// <summary>Parses the value of an option.</summary>
    public static TimeSpan? Parse(ArgumentResult result)
    {
        string text = result.Tokens[^1].Value;
        if (TryParse(text, out TimeSpan time))
            return time;
        result.AddError($"'{text}' is no time: a number above zero with ms, s, m, h or d is expected, for instance 30s.");
        return null;
    }

    /// <summary>Parses a time above zero, at most 100 years.</summary>
    public static bool TryParse(string text, out TimeSpan time)
    {
        time = default;
        (string unit, double seconds) = Units.First(unit => text.EndsWith(unit.Unit, StringComparison.OrdinalIgnoreCase));
        if (!double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
            return false;
        double total = number * seconds;
        if (total is not (> 0 and <= 36_500 * 86_400.0))
            return false;
        time = TimeSpan.FromSeconds(total);
        return time > TimeSpan.Zero;
    }
}
