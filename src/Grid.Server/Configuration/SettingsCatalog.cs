using System.Globalization;
using System.Reflection;
using Grid.Server.Telemetry;
using Grid.Silo;

namespace Grid.Server.Configuration;

/// <summary>Every setting that there is, section by section: what the reference, the schema and <c>grid config show</c> are made from.</summary>
internal static class SettingsCatalog
{
    /// <summary>Sections that others read: keys below them are theirs.</summary>
    public static IReadOnlyList<string> ForeignSections { get; } = ["Logging"];

    public static IReadOnlyList<SettingsSection> Sections { get; } =
    [
        SettingsSection.Of(SiloSettings.Section, new SiloSettings(), "Who the silo is, where it listens and where it stands. Read when the silo starts."),
        SettingsSection.Of(ClusteringSettings.Section, new ClusteringSettings(), "How silos find each other, and what keeps the shard records. Read when the silo starts."),
        SettingsSection.Of(GridConstants.ConfigurationSection, new GridOptions(), "Shards, copies, replication, rebalance. What is not marked \"start\" holds for a running silo a second after the file was changed."),
        SettingsSection.Of(TelemetrySettings.Section, new TelemetrySettings(), "Where metrics, traces and logs go. The standard variables of OpenTelemetry (OTEL_*) go before it. Read when the silo starts."),
        SettingsSection.Of(AdminSettings.Section, new AdminSettings(), "The admin page, which a silo serves at Silo:HttpPort. Read when the silo starts."),
    ];

    /// <summary>All settings, in the order of the pages.</summary>
    public static IEnumerable<Setting> All => Sections.SelectMany(section => section.Settings);

    public static Setting? Find(string key) => All.FirstOrDefault(setting => setting.Key.Equals(key, StringComparison.OrdinalIgnoreCase));
}

/// <summary>One section of the configuration.</summary>
internal sealed record SettingsSection(string Name, string About, IReadOnlyList<Setting> Settings)
{
    public static SettingsSection Of<T>(string name, T defaults, string about)
        where T : class
    {
        bool readOnce = typeof(T) != typeof(GridOptions);
        return new SettingsSection(name, about, [.. typeof(T).GetProperties().Where(property => property.CanWrite).Select(property => Setting.Of(name, property, defaults, readOnce))]);
    }
}

/// <summary>One setting.</summary>
/// <param name="Key">Its full key, <c>Section:Name</c>.</param>
/// <param name="Property">Where it is declared: the source of its type and documentation.</param>
/// <param name="Default">What it is when nobody sets it.</param>
/// <param name="Rule">What it may be.</param>
/// <param name="AtStart">True when a running silo does not take a change of it.</param>
internal sealed record Setting(string Key, PropertyInfo Property, object? Default, SettingAttribute Rule, bool AtStart)
{
    public string Name => Property.Name;

    public Type Type => Property.PropertyType;

    /// <summary>The default as it would stand in the file.</summary>
    public string DefaultText => Text(Default);

    /// <summary>What it may be, in words; empty for any text.</summary>
    public string Values
    {
        get
        {
            if (Type.IsEnum)
                return string.Join(", ", Enum.GetNames(Type));
            if (Type == typeof(bool))
                return "true, false";
            if (Type == typeof(string))
                return Rule.Required ? "not empty" : "";
            string least = Rule.NotBelow.Length > 0 ? Rule.NotBelow : Number(Rule.Least);
            string most = Rule.NotAbove.Length > 0 ? Rule.NotAbove : Number(Rule.Most);
            string range = (Rule.Least, Rule.Most, Rule.NotBelow) switch
            {
                (long.MinValue, long.MaxValue, "") => "",
                (_, long.MaxValue, _) => $"{least} and more",
                _ => $"{least} to {most}",
            };
            return Rule.OrZero ? $"0, {range}" : range;
        }
    }

    public static Setting Of(string section, PropertyInfo property, object defaults, bool readOnce)
    {
        SettingAttribute rule = property.GetCustomAttribute<SettingAttribute>() ?? new SettingAttribute();
        return new Setting($"{section}:{property.Name}", property, property.GetValue(defaults), rule, readOnce || rule.FixedBecause.Length > 0);
    }

    /// <summary>A value as it would stand in the file.</summary>
    public static string Text(object? value) => value switch
    {
        null => "",
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    /// <summary>A number with what people say for it, where that is shorter.</summary>
    public string Number(long value)
    {
        string plain = value.ToString("N0", CultureInfo.InvariantCulture);
        if (!Name.Contains("Bytes", StringComparison.Ordinal) || value < 1024)
            return value < 10_000 || Name.EndsWith("Port", StringComparison.Ordinal) ? value.ToString(CultureInfo.InvariantCulture) : plain;
        string[] units = ["KiB", "MiB", "GiB", "TiB"];
        int unit = -1;
        while (value >= 1024 && value % 1024 == 0 && unit < units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return unit < 0 ? plain : $"{value} {units[unit]}";
    }
}
