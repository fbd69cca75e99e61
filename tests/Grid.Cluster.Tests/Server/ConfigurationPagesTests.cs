using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grid.Server;
using Grid.Server.Configuration;
using Grid.Silo;
using Xunit;

namespace Grid.Cluster.Tests.Server;

/// <summary>What is written from the code about the settings, what is shown of them, and what is said of slips.</summary>
public sealed class ConfigurationPagesTests
{
    [Fact]
    public void The_reference_is_what_the_code_says() =>
        Assert.True(
            ConfigurationReference.Write(SettingTexts.Load()) == Committed("REFERENCE.md"),
            "src/Grid.Server/Configuration/REFERENCE.md is not what 'grid config reference' writes; write it anew.");

    [Fact]
    public void The_schema_is_what_the_code_says() =>
        Assert.True(
            ConfigurationSchema.Write(SettingTexts.Load()) == Committed("silo.schema.json"),
            "src/Grid.Server/Configuration/silo.schema.json is not what 'grid config schema' writes; write it anew.");

    [Fact]
    public void Every_setting_says_what_it_may_be()
    {
        string[] silent = [.. SettingsCatalog.All.Where(setting => !Attribute.IsDefined(setting.Property, typeof(SettingAttribute))).Select(setting => setting.Key)];
        Assert.Empty(silent);
    }

    [Fact]
    public void Every_default_is_within_its_own_range()
    {
        using TemporaryDirectory home = new();
        Assert.NotNull(ServerSettings.TryRead(Load(home, "{}"), out List<string> errors, out List<string> warnings));
        Assert.Empty(errors);
        Assert.Empty(warnings);
    }

    [Fact]
    public void The_committed_file_names_the_schema_and_fits_it()
    {
        string path = Path.Combine(Root(), "silo.json");
        JsonObject file = Parse(path);
        Assert.True(File.Exists(Path.Combine(Root(), file["$schema"]!.GetValue<string>())));
        Assert.Empty(SchemaFaults(file));
    }

    [Fact]
    public void The_schema_finds_what_does_not_fit()
    {
        JsonObject wrong = JsonNode.Parse("""{ "Grid": { "ShardCount": 0, "Compresion": "Lz4", "LoadMode": "Later", "SyncBytesPerSecondMax": 1 }, "Sillo": {} }""")!.AsObject();
        Assert.Equal(["Grid:Compresion", "Grid:LoadMode", "Grid:ShardCount", "Grid:SyncBytesPerSecondMax", "Sillo"], SchemaFaults(wrong).Order());
    }

    [Theory]
    [InlineData("Redis", "redis:6379,password=geheim,user=me", "redis:6379")]
    [InlineData("PostgreSql", "Host=db;Username=me;Password=geheim", "Host=db")]
    [InlineData("Development", "redis:6379,password=geheim", "***")]
    [InlineData("PostgreSql", "Hots=db;Password=geheim", "***")]
    public void Secrets_are_masked_and_what_helps_is_shown(string provider, string connection, string shown)
    {
        using TemporaryDirectory home = new();
        EffectiveSetting setting = EffectiveSettings.Of(Load(home, "{}", $"Clustering:Provider={provider}", $"Clustering:ConnectionString={connection}")).Single(setting => setting.Key == "Clustering:ConnectionString");

        Assert.DoesNotContain("geheim", setting.Value);
        Assert.Contains(shown, setting.Value);
    }

    [Fact]
    public void Every_value_is_shown_with_where_it_comes_from()
    {
        using TemporaryDirectory home = new();
        ServerConfiguration configuration = Load(home, """{ "Grid": { "ShardCount": 32, "Replicas": 2 } }""", "Grid:Replicas=3");
        Dictionary<string, EffectiveSetting> shown = EffectiveSettings.Of(configuration).ToDictionary(setting => setting.Key);

        Assert.Equal(("32", configuration.File), (shown["Grid:ShardCount"].Value, shown["Grid:ShardCount"].Source));
        Assert.Equal(("3", "the command line"), (shown["Grid:Replicas"].Value, shown["Grid:Replicas"].Source));
        Assert.Equal(("25000", "default"), (shown["Grid:DrainMs"].Value, shown["Grid:DrainMs"].Source));
    }

    [Fact]
    public async Task Slips_in_the_environment_are_told_with_what_is_meant()
    {
        using TemporaryDirectory home = new();
        File.WriteAllText(Path.Combine(home.Sub("x"), "silo.json"), "{}");
        Dictionary<string, string> environment = new()
        {
            ["GRID__Grid__ShardCuont"] = "3",
            ["GRID__MovesMax"] = "3",
            ["GRID_Silo__Zone"] = "a",
            ["Grid__Silo__Name"] = "is-right-since-case-does-not-count",
        };
        await using ChildProcess check = ChildProcess.Start(GridBinary.Path, ["config", "check"], home.Sub("x"), environment);

        Assert.Equal(ExitCode.No, await check.ExitAsync(TimeSpan.FromMinutes(1)));
        Assert.Contains("Grid:ShardCuont is not a known key and has no effect (from environment variable GRID__Grid__ShardCuont). Did you mean Grid:ShardCount?", check.Errors);
        Assert.Contains("MovesMax is not a known section and has no effect (from environment variable GRID__MovesMax). Did you mean Grid:MovesMax?", check.Errors);
        Assert.Contains("Environment variable GRID_Silo__Zone has no effect. Did you mean GRID__Silo__Zone?", check.Errors);
        Assert.DoesNotContain("Name", check.Errors);
    }

    [Fact]
    public void A_grace_that_is_too_short_is_warned_of()
    {
        using TemporaryDirectory home = new();
        ServerSettings.TryRead(Load(home, "{}", "Silo:StopGraceSeconds=54", "Grid:DrainMs=25000"), out _, out List<string> warnings);
        Assert.StartsWith("Silo:StopGraceSeconds is 54, but the silo may take 55 s to stop", Assert.Single(warnings));
        ServerSettings.TryRead(Load(home, "{}", "Silo:StopGraceSeconds=55", "Grid:DrainMs=25000"), out _, out warnings);
        Assert.Empty(warnings);
    }

    /// <summary>Keys of a file that the schema does not allow: unknown ones, and values beyond its bounds.</summary>
    internal static IEnumerable<string> SchemaFaults(JsonObject file)
    {
        JsonObject schema = Parse(Path.Combine(Root(), "src", "Grid.Server", "Configuration", "silo.schema.json"));
        return Faults(file, schema, "");
    }

    internal static JsonObject Parse(string path) =>
        JsonNode.Parse(File.ReadAllText(path), documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true })!.AsObject();

    internal static string Root() => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Own())!, "..", "..", ".."));

    private static IEnumerable<string> Faults(JsonObject node, JsonObject schema, string prefix)
    {
        foreach ((string key, JsonNode? value) in node)
        {
            JsonNode? rule = schema["properties"]?[key] ?? (schema["additionalProperties"] as JsonObject);
            if (rule is null)
                yield return prefix + key;
            else if (value is JsonObject inner)
                foreach (string fault in Faults(inner, rule.AsObject(), $"{prefix}{key}:"))
                    yield return fault;
            else if (!Fits(value!, rule.AsObject()))
                yield return prefix + key;
        }
    }

    private static bool Fits(JsonNode value, JsonObject rule)
    {
        if (rule["anyOf"] is JsonArray any && !any.Any(one => Fits(value, one!.AsObject())))
            return false;
        if (rule["const"] is { } only && !JsonNode.DeepEquals(only, value))
            return false;
        if (rule["enum"] is JsonArray names && !names.Any(name => JsonNode.DeepEquals(name, value)))
            return false;
        if (rule["minimum"] is { } least && value.GetValue<long>() < least.GetValue<long>())
            return false;
        if (rule["maximum"] is { } most && value.GetValue<long>() > most.GetValue<long>())
            return false;
        return rule["type"]?.GetValue<string>() switch
        {
            "integer" => value.GetValueKind() == JsonValueKind.Number,
            "boolean" => value.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
            "string" => value.GetValueKind() == JsonValueKind.String,
            _ => true,
        };
    }

    private static ServerConfiguration Load(TemporaryDirectory home, string json, params string[] overrides)
    {
        string path = Path.Combine(home.Sub("x"), "silo.json");
        File.WriteAllText(path, json);
        return ServerConfiguration.Load(path, Overrides.Parse(overrides, []));
    }

    private static string Committed(string name) => File.ReadAllText(Path.Combine(Root(), "src", "Grid.Server", "Configuration", name));

    private static string Own([CallerFilePath] string path = "") => path;
}
