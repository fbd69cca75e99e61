using System.Globalization;
using System.Reflection;
using Grid.Silo.Hosting;
using Microsoft.Extensions.Configuration;

namespace Grid.Server.Configuration;

/// <summary>
/// Reads a section into an object's properties, and tells of every key that is unknown or has a value that does not fit,
/// instead of passing over the first and stopping at the second.
/// </summary>
internal sealed class SettingsReader(ServerConfiguration configuration)
{
    /// <summary>Top-level keys that mean something to others: the schema that editors complete the file by.</summary>
    private const string SchemaKey = "$schema";

    private readonly HashSet<string> _sections = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Values that cannot be used, each with its key, what is expected, and where it stands.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Keys that mean nothing.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>A section that others read.</summary>
    public void Know(string section) => _sections.Add(section);

    /// <summary>Sets the properties of <paramref name="target"/> that the section names, and checks their ranges.</summary>
    public T Read<T>(string section, T target)
        where T : class
    {
        Know(section);
        Dictionary<string, PropertyInfo> properties = typeof(T).GetProperties().Where(property => property.CanWrite).ToDictionary(property => property.Name, StringComparer.OrdinalIgnoreCase);
        foreach (IConfigurationSection entry in configuration.Root.GetSection(section).GetChildren())
        {
            if (!properties.TryGetValue(entry.Key, out PropertyInfo? property))
                Warnings.Add($"{section}:{entry.Key} is not a known key and has no effect{From(entry.Path)}.{Suggest(entry.Key, properties.Keys, section + ":")}");
            else if (entry.Value is not { } text)
                Errors.Add($"{section}:{property.Name} must be a single value, not a section{From(entry.GetChildren().First().Path)}.");
            else if (TryConvert(text.Trim(), property.PropertyType, out object? value))
                property.SetValue(target, value);
            else
                Errors.Add($"{section}:{property.Name} is '{text}'; {Expected(property.PropertyType)} is expected{From(entry.Path)}.");
        }

        Errors.AddRange(SettingRules.Check(section, target));
        return target;
    }

    /// <summary>Warns of top-level sections that nobody read, and of environment variables that miss the prefix.</summary>
    public void CheckSections()
    {
        foreach (IConfigurationSection section in configuration.Root.GetChildren().Where(section => section.Key != SchemaKey && !_sections.Contains(section.Key)))
        {
            bool alone = section.Value is not null;
            string path = alone ? section.Path : Leaf(section).Path;
            string? meant = alone ? SettingsCatalog.All.Where(setting => setting.Name.Equals(section.Key, StringComparison.OrdinalIgnoreCase)).Select(setting => setting.Key).FirstOrDefault() : null;
            string hint = meant is null ? Suggest(section.Key, _sections, "") : $" Did you mean {meant}?";
            Warnings.Add($"{section.Key} is not a known section and has no effect{From(path)}.{hint}");
        }

        Warnings.AddRange(ForgottenPrefixes());
    }

    private static IConfigurationSection Leaf(IConfigurationSection section) => section.GetChildren().FirstOrDefault() is { } child ? Leaf(child) : section;

    /// <summary>Variables that would be keys of the grid with another beginning: a slip that is hard to see.</summary>
    private static IEnumerable<string> ForgottenPrefixes()
    {
        IEnumerable<string> variables = Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(name => !name.StartsWith(ServerConfiguration.EnvironmentPrefix, StringComparison.OrdinalIgnoreCase));
        foreach (string variable in variables.Order(StringComparer.Ordinal))
        {
            string name = variable.StartsWith("GRID_", StringComparison.OrdinalIgnoreCase) ? variable["GRID_".Length..] : variable;
            if (SettingsCatalog.Find(name.Replace("__", ":", StringComparison.Ordinal)) is { } setting)
                yield return $"Environment variable {variable} has no effect. Did you mean {ServerConfiguration.VariableOf(setting.Key)}?";
        }
    }

    /// <summary>Where a value stands, unless it is in the file, where everybody looks first.</summary>
    private string From(string key) => configuration.OriginOf(key) is { Kind: OriginKind.Environment or OriginKind.CommandLine } origin ? $" (from {origin})" : "";

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

    private static string Suggest(string unknown, IEnumerable<string> known, string prefix) => Spelling.Nearest(unknown, known) is { } near ? $" Did you mean {prefix}{near}?" : "";
}
