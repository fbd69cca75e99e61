using System.Text;

namespace Grid.Server.Configuration;

/// <summary>The page that describes every key: written by <c>grid config reference</c>, never by hand.</summary>
internal static class ConfigurationReference
{
    public static string Write(SettingTexts texts)
    {
        StringBuilder page = new();
        page.Append("""
            # Configuration reference

            Written by `grid config reference` from the code; a test compares them. How files, environment and command line lie over each other is in
            the [README](../README.md#configuration). "start": read once; changing it takes a restart of the silo. Secret values are never shown.

            """);
        foreach (SettingsSection section in SettingsCatalog.Sections)
            Append(page, section, texts);
        page.Append("""

            ## Logging

            As in every .NET host: `Logging:LogLevel:CATEGORY` is `Trace`, `Debug`, `Information`, `Warning`, `Error`, `Critical` or `None`; the longest
            category that a logger's name begins with counts. Read when the silo starts.

            | key | default |
            | --- | --- |

            """);
        foreach ((string key, string? value) in ServerConfiguration.Defaults)
            page.Append($"| `{key}` | `{value}` |\n");
        return page.ToString();
    }

    private static void Append(StringBuilder page, SettingsSection section, SettingTexts texts)
    {
        page.Append($"\n## {section.Name}\n\n{section.About}\n\n| key | default | values | what |\n| --- | --- | --- | --- |\n");
        foreach (Setting setting in section.Settings)
        {
            string notes = string.Join(", ", Notes(section, setting));
            string values = setting.Values.Length > 0 && notes.Length > 0 ? $"{setting.Values}; {notes}" : setting.Values + notes;
            page.Append($"| `{setting.Key}` | {Default(setting)} | {values} | {texts.Of(setting)}{Meanings(setting, texts)} |\n");
        }
    }

    private static IEnumerable<string> Notes(SettingsSection section, Setting setting)
    {
        if (setting.AtStart && section.Settings.Any(other => !other.AtStart))
            yield return "start";
        if (setting.Rule.Secret)
            yield return "secret";
    }

    private static string Default(Setting setting) => setting.Default switch
    {
        int or long => setting.Number(Convert.ToInt64(setting.Default, System.Globalization.CultureInfo.InvariantCulture)),
        string { Length: 0 } => "",
        _ => $"`{setting.DefaultText}`",
    };

    private static string Meanings(Setting setting, SettingTexts texts) =>
        string.Concat(texts.ValuesOf(setting).Select(value => $" `{value.Name}`: {char.ToLowerInvariant(value.Meaning[0])}{value.Meaning[1..]}"));
}
