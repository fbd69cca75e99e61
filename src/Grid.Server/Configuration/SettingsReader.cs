using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;

namespace Grid.Server.Configuration;

/// <summary>
/// Reads a section into an object's properties, and tells of every key that is unknown or has a value that does not fit,
/// instead of passing over the first and stopping at the second.
/// </summary>
internal sealed class SettingsReader(IConfiguration configuration)
{
    private readonly HashSet<string> _sections = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Values that cannot be used, each with its key and what is expected.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Keys that mean nothing.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>A section that others read.</summary>
    public void Know(string section) => _sections.Add(section);

    /// <summary>Sets the properties of <paramref name="target"/> that the section names.</summary>
    public T Read<T>(string section, T target)
        where T : class
    {
        Know(section);
        Dictionary<string, PropertyInfo> properties = typeof(T).GetProperties().Where(property => property.CanWrite).ToDictionary(property => property.Name, StringComparer.OrdinalIgnoreCase);
        foreach (IConfigurationSection entry in configuration.GetSection(section).GetChildren())
        {
            if (!properties.TryGetValue(entry.Key, out PropertyInfo? property))
                Warnings.Add($"{section}:{entry.Key} is not a known key and has no effect.{Suggest(entry.Key, properties.Keys, section + ":")}");
            else if (entry.Value is not { } text)
                Errors.Add($"{section}:{property.Name} must be a single value, not a section.");
            else if (TryConvert(text.Trim(), property.PropertyType, out object? value))
                property.SetValue(target, value);
            else
                Errors.Add($"{section}:{property.Name} is '{text}'; {Expected(property.PropertyType)} is expected.");
        }

        return target;
    }

    /// <summary>Warns of top-level sections that nobody read.</summary>
    public void CheckSections()
    {
        foreach (IConfigurationSection section in configuration.GetChildren().Where(section => !_sections.Contains(section.Key)))
            Warnings.Add($"{section.Key} is not a known section and has no effect.{Suggest(section.Key, _sections, "")}");
    }

    private static bool TryConvert(string text, Type type, out object? value)
    {
        value = null;
        if (type == typeof(string))
            value = text;
        else if (type == typeof(int) && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number))
            value = number;
        else if (type == typeof(long) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long large))
            value = large;
        else if (type == typeof(bool) && bool.TryParse(text, out bool flag))
            value = flag;
        else if (type.IsEnum && Enum.GetNames(type).FirstOrDefault(name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } name)
            value = Enum.Parse(type, name);
        return value is not null;
    }

    private static string Expected(Type type)
    {
        if (type.IsEnum)
            return $"one of {string.Join(", ", Enum.GetNames(type))}";
        return type == typeof(bool) ? "true or false" : "a whole number";
    }

    /// <summary>The known name that is nearest, if one is near.</summary>
    private static string Suggest(string unknown, IEnumerable<string> known, string prefix)
    {
        (string Name, int Distance) nearest = known.Select(name => (name, Distance(unknown.ToUpperInvariant(), name.ToUpperInvariant()))).DefaultIfEmpty(("", int.MaxValue)).MinBy(pair => pair.Item2);
        return nearest.Distance <= Math.Max(2, unknown.Length / 3) ? $" Did you mean {prefix}{nearest.Name}?" : "";
    }

    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
