using System.CommandLine;
using Grid.Server.Terminals;
using Spectre.Console;

namespace Grid.Server.Configuration;

/// <summary><c>grid config</c>: shows and checks the configuration, and writes what describes it.</summary>
internal static class ConfigVerb
{
    public static Command Create() => new("config", "Shows and checks the configuration; describes every key of it.")
    {
        Show(),
        Check(),
        Writer("reference", "Writes the page that describes every key, as Markdown.", static texts => ConfigurationReference.Write(texts)),
        Writer("schema", "Writes the JSON schema of silo.json, by which editors complete and check it.", static texts => ConfigurationSchema.Write(texts)),
    };

    private static Command Show()
    {
        LayerOptions options = new();
        Option<bool> json = new("--json") { Description = "Answer as JSON: an array of keys with value and source." };
        Option<bool> changed = new("--changed") { Description = "Only what is not at its default." };
        Command show = new("show", "Shows every setting as it is now and where it comes from; secrets are masked.") { json, changed };
        options.AddTo(show);
        show.SetAction(parsed =>
        {
            EffectiveSetting[] settings = [.. EffectiveSettings.Of(options.Load(parsed)).Where(setting => !parsed.GetValue(changed) || setting.Source != default(Origin).ToString())];
            if (parsed.GetValue(json))
                Terminal.WriteJson(settings);
            else
                Terminal.Out.Write(Render(settings));
            return ExitCode.Done;
        });
        return show;
    }

    private static Command Check()
    {
        LayerOptions options = new();
        Command check = new("check", "Checks the configuration as 'serve' would. Exit code 2 when it cannot be used, 4 when something in it has no effect.");
        options.AddTo(check);
        check.SetAction(async (parsed, _) =>
        {
            ServerConfiguration configuration = options.Load(parsed);
            ServerSettings? settings = ServerSettings.TryRead(configuration, out List<string> errors, out List<string> warnings);
            foreach (string warning in warnings)
                Terminal.Note($"warning: {warning}");
            if (settings is null)
                throw ServerSettings.Wrong(errors);
            await Console.Out.WriteLineAsync(warnings.Count == 0 ? $"The configuration is in order ({configuration.File ?? "no file"})." : $"The configuration can be used, with {warnings.Count} warning(s).");
            return warnings.Count == 0 ? ExitCode.Done : ExitCode.No;
        });
        return check;
    }

    private static Command Writer(string name, string about, Func<SettingTexts, string> write)
    {
        Command writer = new(name, about);
        writer.SetAction(_ => Console.Out.Write(write(SettingTexts.Load())));
        return writer;
    }

    private static Table Render(IEnumerable<EffectiveSetting> settings)
    {
        Table table = new Table().Border(TableBorder.Horizontal).AddColumns("Key", "Value", "Where from");
        foreach (EffectiveSetting setting in settings)
            table.AddRow(Markup.Escape(setting.Key), Markup.Escape(setting.Value), Markup.Escape(setting.Source));
        return table;
    }
}
