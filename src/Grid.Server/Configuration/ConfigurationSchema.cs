using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Grid.Server.Configuration;

/// <summary>The JSON schema of <c>silo.json</c>, by which editors complete and check it: written by <c>grid config schema</c>, never by hand.</summary>
/// <remarks>Draft 7, which is the one that editors know best.</remarks>
internal static class ConfigurationSchema
{
    private static readonly JsonSerializerOptions Layout = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly string[] LogLevels = ["Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"];

    public static string Write(SettingTexts texts)
    {
        JsonObject sections = new() { ["$schema"] = Node(("type", "string"), ("description", "Where this schema is, for editors; without effect.")) };
        foreach (SettingsSection section in SettingsCatalog.Sections)
        {
            JsonObject keys = [];
            foreach (Setting setting in section.Settings)
                keys[setting.Name] = Describe(setting, texts);
            sections[section.Name] = Closed(section.About, keys);
        }

        sections["Logging"] = Logging();
        JsonObject schema = Closed("Configuration of a silo of the grid, and of the grid command.", sections);
        schema.Insert(0, "$schema", "http://json-schema.org/draft-07/schema#");
        schema.Insert(1, "title", "silo.json");
        return schema.ToJsonString(Layout) + "\n";
    }

    private static JsonObject Closed(string about, JsonObject properties) =>
        new() { ["type"] = "object", ["description"] = about, ["additionalProperties"] = false, ["properties"] = properties };

    private static JsonObject Describe(Setting setting, SettingTexts texts)
    {
        string meanings = string.Concat(texts.ValuesOf(setting).Select(value => $" {value.Name}: {value.Meaning}"));
        string note = setting.AtStart ? " Read when the silo starts." : " May be changed while the silo runs.";
        JsonObject node = Node(("description", (texts.Of(setting) + meanings + note).Replace("`", "", StringComparison.Ordinal)));
        if (setting.Type.IsEnum)
            node["enum"] = new JsonArray([.. Enum.GetNames(setting.Type).Select(name => (JsonNode)name)]);
        else
            node["type"] = setting.Type == typeof(bool) ? "boolean" : setting.Type == typeof(string) ? "string" : "integer";
        if (setting.Rule.Required)
            node["minLength"] = 1;
        if (setting.Type == typeof(int) || setting.Type == typeof(long))
            Bound(node, setting);
        node["default"] = setting.Default switch
        {
            int number => number,
            long number => number,
            bool flag => flag,
            _ => setting.DefaultText,
        };
        return node;
    }

    private static void Bound(JsonObject node, Setting setting)
    {
        JsonObject range = setting.Rule.OrZero ? [] : node;
        if (setting.Rule.Least != long.MinValue)
            range["minimum"] = setting.Rule.Least;
        if (setting.Rule.Most != long.MaxValue)
            range["maximum"] = setting.Rule.Most;
        if (setting.Rule.OrZero)
            node["anyOf"] = new JsonArray(new JsonObject { ["const"] = 0 }, range);
    }

    private static JsonObject Logging()
    {
        JsonObject levels = Node(("type", "object"), ("description", "Least level that is logged, by category: Default, or what the name of a logger begins with."));
        levels["additionalProperties"] = new JsonObject { ["enum"] = new JsonArray([.. LogLevels.Select(level => (JsonNode)level)]) };
        levels["properties"] = new JsonObject([.. ServerConfiguration.Defaults.Select(pair => KeyValuePair.Create<string, JsonNode?>(
            pair.Key["Logging:LogLevel:".Length..],
            new JsonObject { ["enum"] = new JsonArray([.. LogLevels.Select(level => (JsonNode)level)]), ["default"] = pair.Value }))]);
        JsonObject logging = Node(("type", "object"), ("description", "Logging, as in every .NET host. Read when the silo starts."));
        logging["properties"] = new JsonObject { ["LogLevel"] = levels };
        return logging;
    }

    private static JsonObject Node(params (string Key, string Value)[] pairs) => new(pairs.Select(pair => KeyValuePair.Create<string, JsonNode?>(pair.Key, pair.Value)));
}
