using System.Globalization;
using System.Reflection;

namespace Grid.Silo.Hosting;

/// <summary>Checks the settings of a section against what their <see cref="SettingAttribute"/> says.</summary>
internal static class SettingRules
{
    /// <summary>What is wrong, a sentence for each setting, with its key.</summary>
    public static List<string> Check(string section, object settings)
    {
        List<string> faults = [];
        foreach (PropertyInfo property in settings.GetType().GetProperties())
        {
            if (property.GetCustomAttribute<SettingAttribute>() is { } rule && Problem(property.GetValue(settings), rule, settings) is { } problem)
                faults.Add($"{section}:{property.Name} is {problem}{(rule.Remedy.Length > 0 ? $" {rule.Remedy}" : "")}");
        }

        return faults;
    }

    /// <summary>Settings in which <paramref name="next"/> differs though they hold from the start of a silo.</summary>
    public static IEnumerable<string> CheckFixed<T>(string section, T current, T next)
        where T : class
    {
        foreach (PropertyInfo property in typeof(T).GetProperties())
        {
            if (property.GetCustomAttribute<SettingAttribute>() is { FixedBecause.Length: > 0 } rule && !Equals(property.GetValue(current), property.GetValue(next)))
                yield return $"{section}:{property.Name} cannot be changed while the silo runs: {rule.FixedBecause}.";
        }
    }

    private static string? Problem(object? value, SettingAttribute rule, object settings) => value switch
    {
        int number => OutOfRange(number, rule, settings),
        long number => OutOfRange(number, rule, settings),
        string text when rule.Required && string.IsNullOrWhiteSpace(text) => "empty.",
        Enum name when !Enum.IsDefined(name.GetType(), name) => $"{name:d}; it can be {string.Join(" or ", Enum.GetNames(name.GetType()))}.",
        _ => null,
    };

    private static string? OutOfRange(long value, SettingAttribute rule, object settings)
    {
        if (value == 0 && rule.OrZero)
            return null;
        long least = Math.Max(rule.Least, rule.NotBelow.Length > 0 ? Number(settings, rule.NotBelow) : long.MinValue);
        long most = Math.Min(rule.Most, rule.NotAbove.Length > 0 ? Number(settings, rule.NotAbove) : long.MaxValue);
        if (value >= least && value <= most)
            return null;
        string range = most == long.MaxValue ? $"{least} or more" : $"{least} to {most}";
        string hint = (rule.NotBelow.Length > 0 ? $" (not less than {rule.NotBelow})" : "")
            + (rule.NotAbove.Length > 0 ? $" (not more than {rule.NotAbove})" : "")
            + (rule.OrZero ? " (or 0)" : "");
        return $"{value}; it must be {range}{hint}.";
    }

    private static long Number(object settings, string property) => Convert.ToInt64(settings.GetType().GetProperty(property)!.GetValue(settings), CultureInfo.InvariantCulture);
}
