using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Grid.Server.Configuration;

/// <summary>What the code's own documentation says of settings: the XML files that the compiler writes and that lie beside the binary.</summary>
internal sealed partial class SettingTexts
{
    private readonly Dictionary<string, string> _texts = new(StringComparer.Ordinal);

    private SettingTexts()
    {
    }

    /// <summary>Reads the files that are beside the binary.</summary>
    /// <exception cref="CommandException">One is missing.</exception>
    public static SettingTexts Load()
    {
        SettingTexts texts = new();
        IEnumerable<Assembly> assemblies = SettingsCatalog.All
            .SelectMany(setting => setting.Type.IsEnum ? [setting.Property.DeclaringType!.Assembly, setting.Type.Assembly] : new[] { setting.Property.DeclaringType!.Assembly })
            .Distinct();
        foreach (Assembly assembly in assemblies)
        {
            string file = Path.Combine(AppContext.BaseDirectory, $"{assembly.GetName().Name}.xml");
            if (!File.Exists(file))
                throw new CommandException(ExitCode.Failed, $"{file} is missing, from which the settings' descriptions come. Build or publish with documentation files, as 'dotnet build src/Grid.Server' does.");
            foreach (XElement member in XDocument.Load(file).Descendants("member"))
                texts._texts[member.Attribute("name")!.Value] = Flatten(member.Element("summary"));
        }

        return texts;
    }

    /// <summary>What a setting is.</summary>
    public string Of(Setting setting) => Find($"P:{setting.Property.DeclaringType!.FullName}.{setting.Name}");

    /// <summary>The values of a setting that names one of several, each with what it means.</summary>
    public IEnumerable<(string Name, string Meaning)> ValuesOf(Setting setting) =>
        setting.Type.IsEnum ? Enum.GetNames(setting.Type).Select(name => (name, Find($"F:{setting.Type.FullName}.{name}"))) : [];

    private string Find(string member) => _texts.TryGetValue(member, out string? text) && text.Length > 0
        ? text
        : throw new InvalidOperationException($"{member} has no documentation.");

    /// <summary>The words of a summary: code as code, a reference by its last name.</summary>
    private static string Flatten(XElement? summary)
    {
        if (summary is null)
            return "";
        IEnumerable<string> parts = summary.Nodes().Select(node => node switch
        {
            XText text => text.Value,
            XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
            XElement reference when (reference.Attribute("cref") ?? reference.Attribute("langword")) is { } target => $"`{target.Value[(target.Value.LastIndexOf('.') + 1)..]}`",
            XElement other => other.Value,
            _ => "",
        });
        return Blanks().Replace(string.Concat(parts), " ").Trim();
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
